"""A changed product is tried on another environment's rows and against its champion, read only."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.conftest import MakeProduct
from tests.integration.predict.bakeries import DAYS, make_bakery
from tests.s3.server import S3Server
from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.lake import ledger
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.registry.versions import tags_of
from mlfactory.settings import Settings, settings, settings_of


def told(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture(params=["folder", "s3"])
def production(
    request: pytest.FixtureRequest,
    mlflow_file: Path,
    empty_mlflow_file: Path,
    make_product: MakeProduct,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Settings]:
    """Give an environment where the bakery lives, with a champion, beside the test's own."""
    make_bakery(make_product)
    home = tmp_path / "production"
    (home / "mlflow").mkdir(parents=True)
    shutil.copy(empty_mlflow_file, home / "mlflow" / "mlflow.db")
    lines = [f"MLFACTORY_HOME={home}", f"MLFACTORY_PRODUCTS={tmp_path / 'products'}"]
    server: S3Server | None = None
    prefix = uuid4().hex
    if request.param == "s3":
        server = request.getfixturevalue("s3_server")
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        lines.append(f"MLFACTORY_LAKE=s3://{server.bucket}/{prefix}")
    (tmp_path / "production.env").write_text("\n".join(lines) + "\n")
    monkeypatch.setenv("MLFACTORY_ENVIRONMENTS", str(tmp_path))
    settings.cache_clear()
    there = Settings(env="production", environments=tmp_path)
    with settings_of(there):
        assert "promoted yes" in told("run", "bakery", DAYS[0], "--to", DAYS[2])
    yield there
    if server:
        server.clear(prefix)


def there_is(there: Settings) -> dict[str, str]:
    with settings_of(there):
        return product_store("bakery").marks("")


def test_the_difference_to_the_champion_is_told_and_the_other_environment_stays_as_it_is(
    production: Settings, tmp_path: Path
) -> None:
    before = there_is(production)
    folder = tmp_path / "products" / "bakery"
    for file, old, new in (
        (
            "features.py",
            "    return orders\n",
            "    orders['big'] = orders.amount > 200\n    return orders\n",
        ),
        ("product.yaml", "numeric: [amount,", "numeric: [amount, big,"),
    ):
        (folder / file).write_text((folder / file).read_text().replace(old, new))
    page = tmp_path / "not" / "there" / "change.md"
    told("rehearse", "bakery", "--against", "production", "--out", str(page))
    lines = page.read_text().splitlines()
    assert lines[0] == "### bakery: this change against champion 1 of production"
    figures = next(line for line in lines if line.startswith("| roc_auc |"))
    ours, theirs = (float(cell) for cell in figures.split("|")[2:4])
    assert ours > 0.8 and theirs > 0.8
    assert any("<summary>Gates</summary>" in line for line in lines)
    assert there_is(production) == before
    # nobody was promoted here but the champion that was brought along
    assert [entry.why[:13] for entry in ledger.entries("bakery", "promoted")] == ["released from"]
    assert tags_of("bakery", "2")["reason"] == "rehearsed against production"
    with settings_of(production):
        landed = Lake("bakery").arrow("raw_orders", [DAYS[1]])
    assert landed is not None and Lake("bakery").arrow("raw_orders", [DAYS[1]]) == landed
    # again, with what is there already; but not beside rows that are none of it
    told("rehearse", "bakery", "--against", "production", "--trials", "1")
    said = told("rehearse", "bakery", "--against", "production", "--last", "2", code=1)
    assert "has other partitions of bakery" in said


def test_a_lake_that_a_product_lives_in_is_no_place_for_it(production: Settings) -> None:
    with settings_of(production):
        said = told("rehearse", "bakery", "--against", "production", code=1)
    assert "its ledger has decisions of its own" in said
    assert "MLFACTORY_HOME=$(mktemp -d)" in said
