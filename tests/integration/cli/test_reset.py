from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mlfactory.cli import record
from mlfactory.cli.main import app
from mlfactory.lake.removal import held
from mlfactory.lake.tables import Lake
from mlfactory.registry.removal import registered
from mlfactory.scheduler import api
from mlfactory.settings import settings

SPEC = """
apiVersion: mlfactory/v1
name: NAME
partition: {every: snapshot}
sources: {bottles: {kind: csv, path: bottles.csv, key: [id]TYPES}}
features: {key: [id], numeric: [price]}
label: {column: sold, kind: binary}
train: {min_rows: 20, candidates: [logistic_regression], search: {trials: 1}}
promote: {gates: []}
"""

FEATURES = """
def build(sources):
    bottles = sources["bottles"]
    return bottles.assign(price=bottles["price"].astype(float))
"""

BOTTLES = "id,price,sold\n" + "".join(
    f"{i},{i % 40},{int((i % 40 > 20) != (i % 7 == 0))}\n" for i in range(400)
)


@pytest.fixture
def shelf(mlflow_file: Path, make_product):
    """Give a function that writes a snapshot product; its prices can be declared to be text."""

    def write(name: str = "shelf", types: str = ""):
        spec = SPEC.replace("NAME", name).replace("TYPES", types)
        return make_product(spec, FEATURES, {"bottles.csv": BOTTLES})

    return write


def mlfactory(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(app, [*arguments], input=answer)


def ran(name: str) -> None:
    done = mlfactory("run", name)
    assert done.exit_code == 0, done.output


def test_it_says_what_it_would_remove_and_asks(shelf) -> None:
    shelf()
    ran("shelf")
    before = held("shelf")
    done = mlfactory("reset", "shelf", answer="n\n")
    assert done.exit_code == 1
    for told in ("raw_bottles: table", "ledger: 2 entries", "aliases champion", "not touched: "):
        assert told in done.stdout
    assert held("shelf") == before and registered("shelf").aliases == ("champion",)


def test_a_product_starts_over_also_with_another_type_and_the_others_stay(shelf) -> None:
    shelf("cellar")
    shelf()
    ran("cellar")
    ran("shelf")
    assert mlfactory("reset", "shelf", "--yes").exit_code == 0
    assert held("shelf") == {}
    known = registered("shelf")
    # versions and runs are MLflow's, and stay until they are asked for; nobody serves any more
    assert (known.versions, known.aliases) == (1, ()) and known.runs
    assert registered("cellar").aliases == ("champion",) and "ledger" in held("cellar")
    shelf(types=", types: {price: string}")
    ran("shelf")
    assert str(Lake("shelf").columns("raw_bottles")["price"]) == "string"
    assert registered("shelf").aliases == ("champion",)
    assert mlfactory("reset", "shelf", "--yes", "--registry").exit_code == 0
    assert registered("shelf") == type(known)(versions=0, runs=0, aliases=())
    assert registered("cellar").versions == 1
    ran("shelf")


def test_a_source_starts_over_with_another_type(shelf) -> None:
    shelf()
    ran("shelf")
    shelf(types=", types: {price: string}")
    refused = mlfactory("run", "shelf")
    assert refused.exit_code == 1
    assert "mlfactory reset shelf --source bottles" in refused.stderr.replace("\n", " ")
    assert mlfactory("reset", "shelf", "--source", "bottles", "--yes").exit_code == 0
    assert "ledger" in held("shelf") and "raw_bottles" not in held("shelf")
    ran("shelf")
    assert str(Lake("shelf").columns("raw_bottles")["price"]) == "string"
    assert "(did you mean 'bottles'?)" in mlfactory("reset", "shelf", "--source", "bottle").stderr


def test_a_product_that_was_deleted_or_is_broken_can_be_reset(shelf) -> None:
    product = shelf()
    ran("shelf")
    (product.folder / "product.yaml").unlink()
    assert mlfactory("reset", "shelf", "--yes").exit_code == 0
    assert held("shelf") == {}
    for name in ("shelf", "../shelf", ""):
        assert "there is no product" in mlfactory("reset", name).stderr


def test_it_waits_for_runs_that_are_under_way(shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf()
    ran("shelf")
    run = api.DagRun("shelf.train", "manual", "running", "snapshot", None, None, None)
    monkeypatch.setenv("MLFACTORY_AIRFLOW_PASSWORD", "secret")
    settings.cache_clear()
    up = type("Up", (), {"airflow_url": "http://x", "has": lambda _: True})
    monkeypatch.setattr(record, "running", lambda _: up)
    monkeypatch.setattr(api.AirflowApi, "active_runs", lambda *_: [run])
    done = mlfactory("reset", "shelf", "--yes")
    assert done.exit_code == 1
    assert "1 runs of shelf are under way in Airflow: shelf.train manual" in done.stderr
    assert "ledger" in held("shelf")
    assert mlfactory("reset", "shelf", "--yes", "--force").exit_code == 0
    assert held("shelf") == {}
