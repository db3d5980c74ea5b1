"""After a release `mlfactory predict` answers there what it answered here."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.conftest import MakeProduct
from tests.integration.predict.bakeries import DAYS, make_bakery, orders
from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.settings import Settings, settings, settings_of


def told(*words: str) -> str:
    done = CliRunner().invoke(app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_predict_answers_the_same_where_a_version_was_released_to(
    mlflow_file: Path,
    empty_mlflow_file: Path,
    make_product: MakeProduct,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_bakery(make_product)
    home = tmp_path / "production"
    (home / "mlflow").mkdir(parents=True)
    shutil.copy(empty_mlflow_file, home / "mlflow" / "mlflow.db")
    (tmp_path / "production.env").write_text(
        f"MLFACTORY_HOME={home}\nMLFACTORY_PRODUCTS={tmp_path / 'products'}\n"
    )
    monkeypatch.setenv("MLFACTORY_ENVIRONMENTS", str(tmp_path))
    settings.cache_clear()
    assert "promoted yes" in told("run", "bakery", DAYS[0], "--to", DAYS[1])
    file = tmp_path / "new.csv"
    orders(2).tail(40).drop(columns="returned").to_csv(file, index=False, sep=";")
    told("predict", "bakery", str(file), "--out", str(tmp_path / "here.csv"))
    told("release", "bakery", "--to", "production")
    with settings_of(Settings(env="production", environments=tmp_path)):
        data = ("--stage", "ingest", "--stage", "validate", "--stage", "prepare")
        told("run", "bakery", DAYS[0], "--to", DAYS[1], *data)
        told("predict", "bakery", str(file), "--out", str(tmp_path / "there.csv"))
        assert "version 1" in told("status", "bakery")
    here = (tmp_path / "here.csv").read_text()
    assert (tmp_path / "there.csv").read_text() == here
    assert len(here.splitlines()) == 41
