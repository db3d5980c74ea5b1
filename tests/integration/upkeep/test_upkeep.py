from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tests.integration.left_trainings import pinned
from tests.integration.shops import Shop
from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.lake.at_work import at_work
from mlfactory.lake.catalog import ON_DEMAND, UPKEEP_SEEN
from mlfactory.lake.store import product_store, write_json
from mlfactory.lake.tables import Lake
from mlfactory.promote import stage as promote
from mlfactory.registry import runs
from mlfactory.scheduler.login import airflow_home
from mlfactory.settings import settings
from mlfactory.trainings import files
from mlfactory.upkeep import keep_product
from mlfactory.upkeep.airflow import keep_database
from mlfactory.upkeep.runs import keep_runs
from mlfactory.upkeep.tables import pinned_versions

LATER = timedelta(days=800)


def test_what_a_registered_model_pinned_is_read_for_ever(shop: Shop) -> None:
    for _ in range(6):
        shop.sell(1)
    training_id = shop.train(5, fit=[1, 2, 3, 4])
    promote.judge(shop.product, training_id)
    version = files.load_training("shop", training_id).features_version
    before = Lake("shop").read("features", version=version)
    for _ in range(10):
        shop.sell(1)
    now = datetime.now(UTC) + LATER
    assert pinned_versions("shop", now)["features"] == {version}
    told = list(keep_product("shop", dry_run=True, now=now))
    assert list(keep_product("shop", dry_run=False, now=now)) == told
    assert any("of its log removed" in line for line in told)
    assert list(keep_product("shop", dry_run=False, now=now)) == []
    assert Lake("shop").read("features", version=version).equals(before)
    assert len(Lake("shop").read("features")) == len(before)


def status_of(run_id: str) -> str:
    uri = settings().tracking_uri
    return str(MlflowClient(uri, uri).get_run(run_id).info.status)


def test_runs_of_trainings_that_are_over_are_closed_and_those_of_open_ones_run_on(
    shop: Shop,
) -> None:
    product, now = shop.product, datetime.now(UTC)
    gone = runs.training_run(product, "2024-01-04", "2024-01-04.gone")
    child = runs.candidate_run(product, gone, "2024-01-04.gone", "logistic_regression")
    made = {}
    for name, at in (("left", now - timedelta(hours=2)), ("open", now)):
        training = pinned(product, f"2024-01-05.{name}", "2024-01-05", [], pinned_at=at.isoformat())
        files.pin(training, product)
        made[name] = runs.training_run(product, "2024-01-05", training.training_id)
    assert list(keep_product("shop", dry_run=True)) == [
        "MLflow: 3 runs closed, of trainings that ended or are gone"
    ]
    assert status_of(gone) == "RUNNING"
    list(keep_product("shop", dry_run=False))
    assert [status_of(run) for run in (gone, child, made["left"])] == ["KILLED"] * 3
    assert status_of(made["open"]) == "RUNNING"


def test_no_run_is_closed_that_a_stage_has_begun_meanwhile(shop: Shop) -> None:
    run_id = runs.training_run(shop.product, "2024-01-04", "2024-01-04.begun")
    with at_work("shop", "train of 2024-01-04"):
        assert list(keep_runs("shop", datetime.now(UTC), ours=0, dry_run=False)) == []
        assert status_of(run_id) == "RUNNING"
    assert list(keep_runs("shop", datetime.now(UTC), ours=0, dry_run=False)) != []
    assert status_of(run_id) == "KILLED"


def test_one_product_that_cannot_be_looked_after_hides_no_other(shop: Shop) -> None:
    runs.training_run(shop.product, "2024-01-04", "2024-01-04.gone")
    broken = shop.product.folder.parent / "a_broken_one"
    broken.mkdir()
    (broken / "product.yaml").write_text("name: a_broken_one\n")
    write_json(product_store("a_broken_one"), UPKEEP_SEEN, {f"{ON_DEMAND}/a.csv": "yesterday"})
    product_store("a_broken_one").write(f"{ON_DEMAND}/a.csv", b"1")
    done = CliRunner().invoke(app, ["upkeep"])
    assert "a_broken_one: ValueError: Invalid isoformat string: 'yesterday'" in done.output
    assert "shop: MLflow: 1 runs closed" in done.output
    assert done.exit_code == 1 and "Traceback" not in done.output


def test_a_training_that_came_to_its_model_has_finished(shop: Shop) -> None:
    training_id = shop.train(5, fit=[1, 2, 3, 4])
    run_id = runs.training_run(shop.product, "2024-01-05", training_id)
    assert status_of(run_id) == "RUNNING"
    list(keep_product("shop", dry_run=False))
    assert status_of(run_id) == "FINISHED"


def test_the_command_tells_the_same_lines_dry_and_done(shop: Shop) -> None:
    runs.training_run(shop.product, "2024-01-04", "2024-01-04.gone")
    line = "shop: MLflow: 1 runs closed, of trainings that ended or are gone"
    dry = CliRunner().invoke(app, ["upkeep", "shop", "--dry-run"])
    assert dry.exit_code == 0 and line in dry.output and "nothing is changed" in dry.output
    assert line in CliRunner().invoke(app, ["upkeep", "shop"]).output
    assert "nothing is old" in CliRunner().invoke(app, ["upkeep", "shop"]).output
    unknown = CliRunner().invoke(app, ["upkeep", "shpo"])
    assert unknown.exit_code == 1 and "Traceback" not in unknown.output


@pytest.fixture
def airflow_file(home: Path) -> Path:
    """Make the tables of Airflow's own database below the home, with a line of its log."""
    path = airflow_home(settings()) / "airflow.db"
    path.parent.mkdir(parents=True)
    command = [str(Path(sys.executable).parent / "airflow"), "db", "migrate"]
    ours = {
        "AIRFLOW_HOME": str(path.parent),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{path}",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    subprocess.run(command, env={**os.environ, **ours}, check=True, capture_output=True)
    with sqlite3.connect(path) as database:
        for year in (2020, 2090):
            database.execute(
                "insert into log (dttm, event) values (?, ?)", (f"{year}-01-01 00:00:00", str(year))
            )
    return path


def events(path: Path) -> set[str]:
    with sqlite3.connect(path) as database:
        found = database.execute("select event from log where event in ('2020', '2090')")
        return {str(row[0]) for row in found}


def test_airflows_own_database_forgets_what_is_old(
    airflow_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # as in a task, where Airflow hides its database
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "airflow-db-not-allowed:///")
    told = list(keep_database(datetime.now(UTC), dry_run=True))
    assert events(airflow_file) == {"2020", "2090"}
    assert list(keep_database(datetime.now(UTC), dry_run=False)) == told
    assert events(airflow_file) == {"2090"}
    assert list(keep_database(datetime.now(UTC), dry_run=False)) == told
