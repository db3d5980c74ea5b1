"""A model's life through the real scheduler: data, first training, promotion, predictions."""

from __future__ import annotations

import time

import httpx
import pandas as pd
import pytest

from mlfactory.cli import correcting
from mlfactory.lake import ledger
from mlfactory.lake.tables import Lake
from mlfactory.registry.versions import alias_version
from mlfactory.scheduler.runs import DagRun, TaskRun
from tests.e2e.conftest import Factory

FLIGHTS = [f"flight_delay.{part}" for part in ("data", "score", "monitor", "train")]
QUARTER = ("2013-01-01", "2013-02-01", "2013-03-01")


@pytest.fixture(scope="module", autouse=True)
def quarter(factory: Factory) -> str:
    """Let three months of the demonstration go through the factory, once for all tests here."""
    span = ("--first", QUARTER[0], "--last", QUARTER[-1])
    return factory.mlfactory("demo", "--product", "flight_delay", *span, "--exit")


def runs(factory: Factory, key: str) -> dict[str, str]:
    return {run.dag_id.split(".")[1]: run.state for run in factory.api.runs(FLIGHTS, key)}


def test_every_run_is_green_and_training_came_where_it_was_asked_for(factory: Factory) -> None:
    beside = {"data": "success", "score": "success", "monitor": "success"}
    assert runs(factory, "2013-01-01") == beside
    assert runs(factory, "2013-02-01") == {**beside, "train": "success"}


def test_the_first_champion_is_in_ledger_and_registry(factory: Factory) -> None:
    promoted = ledger.entries("flight_delay", "promoted")
    assert promoted[0].partition == "2013-02-01"
    reasons = [entry.why for entry in ledger.entries("flight_delay", "retrain_requested")]
    assert "no champion" in reasons[0]
    assert alias_version("flight_delay", "champion") == promoted[-1].details["version"]


def test_no_prediction_is_made_by_a_model_that_has_seen_the_partition(factory: Factory) -> None:
    seen = {
        entry.details["version"]: entry.details["seen_through"]
        for entry in ledger.entries("flight_delay", "promoted", "rejected")
    }
    predictions = Lake("flight_delay").read("predictions")
    assert set(predictions["partition"]) == {"2013-03-01"}
    assert (predictions["model_version"].map(seen) < predictions["partition"]).all()


def test_the_impossible_wind_is_in_quarantine(factory: Factory) -> None:
    rows = Lake("flight_delay").read("quarantine", ["2013-02-01"])
    wind = rows[rows["record"].str.contains("1048.36")]
    assert wind["source"].to_list() == ["weather"]
    assert "wind_speed" in wind["reasons"].iloc[0][0]


def test_a_plane_that_somebody_corrects_is_in_what_the_first_champion_learned_from(
    factory: Factory, quarter: str
) -> None:
    (released,) = ledger.entries("flight_delay", "released")
    assert (released.partition, released.who) == (correcting.KEY, correcting.WHO)
    assert "1 released" in quarter
    rows = Lake("flight_delay").read("quarantine", list(QUARTER[:2]))
    of_plane = rows[rows["record"].str.contains(correcting.TAILNUM)]
    # what is decided is about one partition
    assert of_plane["partition"].to_list() == ["2013-02-01"]

    data = factory.api.runs(FLIGHTS[:1], correcting.KEY)
    assert [run.run_id.split("__")[0] for run in data] == ["replay", "released"]
    training = factory.api.runs(FLIGHTS[-1:], "2013-02-01")[0]
    assert data[-1].end < training.start
    # landed once, and announced once more with the reason
    answer = factory.api._ask("GET", "/assets/events", params={"source_dag_id": FLIGHTS[0]})
    of_january = [
        event["extra"]
        for event in answer.json()["asset_events"]
        if event["partition_key"] == correcting.KEY
    ]
    assert [correcting.WHY in str(extra) for extra in of_january] == [False, True]


def test_the_timeline_tells_it(quarter: str) -> None:
    for key in QUARTER:
        assert key in quarter


def test_the_same_partition_again_gives_the_same_rows(factory: Factory) -> None:
    lake = Lake("flight_delay")
    tables = ("raw_flights", "features", "labels", "predictions", "quarantine")
    # each landing has an id of its own
    before = {table: without_landing(lake.read(table, ["2013-03-01"])) for table in tables}
    trained = len(factory.api.runs(FLIGHTS[-1:], "2013-03-01"))
    factory.mlfactory("replay", "flight_delay", "2013-03-01", "2013-03-01")
    for table, rows in before.items():
        again = without_landing(lake.read(table, ["2013-03-01"]))
        assert again.equals(rows[again.columns]), table
    assert len(factory.api.runs(FLIGHTS[-1:], "2013-03-01")) == trained


def test_a_snapshot_product_lives_in_the_same_dags(factory: Factory) -> None:
    factory.mlfactory("replay", "wine_cultivar", "snapshot", "snapshot")
    assert alias_version("wine_cultivar", "champion") == "1"


def test_a_person_can_train_with_another_budget(factory: Factory) -> None:
    conf = {"trials": 2, "seconds": 5, "candidates": ["extra_trees"], "reason": "curious"}
    run = factory.api.trigger("flight_delay.train", "2013-03-01", run_id="by_hand", conf=conf)
    run = finished(factory, run)
    assert run.state == "success"
    searches = [task.name for task in factory.api.tasks(run) if task.task_id == "search"]
    assert searches == ["search[extra_trees]"]
    judged = ledger.entries("flight_delay", "promoted", "rejected")[-1]
    assert judged.subject == "2013-03-01.by_hand"


@pytest.mark.parametrize(
    ("dag", "task", "link"),
    [
        ("data", "validate", "Validation"),
        ("data", "validate", "Data Docs"),
        ("monitor", "monitor", "Report"),
    ],
)
def test_a_tasks_button_opens_a_page_for_who_is_logged_in_and_nobody_else(
    factory: Factory, dag: str, task: str, link: str
) -> None:
    run = factory.api.runs([f"flight_delay.{dag}"], "2013-03-01")[-1]
    url = links(factory, run, task)[link]
    assert httpx.get(url, timeout=60).status_code == 401
    page = httpx.get(url, headers=factory.api._client.headers, timeout=60)
    assert page.status_code == 200
    assert "<html" in page.text.lower()


def test_a_training_links_to_its_run_and_version_in_mlflow(factory: Factory) -> None:
    run = factory.api.runs(["flight_delay.train"], "2013-02-01")[-1]
    assert "/runs/" in links(factory, run, "fit")["MLflow run"]
    assert "/versions/1" in links(factory, run, "judge")["Model version"]


@pytest.mark.parametrize(
    "path",
    [
        "flight_delay.data/files/ledger/000001.json",
        "flight_delay.data/files/reports/..%2Fledger%2F000001.json",
        "flight_delay.data/files/reports/9999-01-01.html",
        "nothing.data/",
        "_flights.data/",
    ],
)
def test_nothing_but_pages_is_served(factory: Factory, path: str) -> None:
    url = f"{factory.settings.airflow_url}/mlfactory/{path}"
    assert httpx.get(url, timeout=60).status_code == 401
    assert httpx.get(url, headers=factory.api._client.headers, timeout=60).status_code in (403, 404)


def without_landing(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=["_landing", "_run", "landing"], errors="ignore")


def finished(factory: Factory, run: DagRun, seconds: float = 300) -> DagRun:
    deadline = time.monotonic() + seconds
    while not run.is_over and time.monotonic() < deadline:
        time.sleep(0.5)
        found = factory.api.runs([run.dag_id], run.partition_key or "")
        run = next(other for other in found if other.run_id == run.run_id)
    return run


def links(factory: Factory, run: DagRun, task_id: str) -> dict[str, str]:
    task: TaskRun = next(task for task in factory.api.tasks(run) if task.task_id == task_id)
    path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task.task_id}/links"
    answer = httpx.get(
        f"{factory.settings.airflow_url}{path}", headers=factory.api._client.headers, timeout=60
    )
    return dict(answer.json()["extra_links"])
