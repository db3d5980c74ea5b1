"""What people do by forms in Airflow, in their own name: quarantine, labels, replay, erasure.

The product's sources are reached by connections that Airflow alone knows: one in its database, made
by a user, and one in a secrets backend.
"""

from __future__ import annotations

import csv
import io
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from mlfactory.lake import ledger
from mlfactory.lake.answers import read_answers, read_batch
from mlfactory.lake.at_work import under_way
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import UsageError
from mlfactory.scheduler.chain import PARTS, state_of
from mlfactory.scheduler.login import airflow_home
from mlfactory.scheduler.runs import DagRun, TaskRun
from tests.e2e import clinic
from tests.e2e.clinic import ANNA, DAY, NONSENSE, REALLY_SO, TYPED_WRONG
from tests.e2e.conftest import COMMAND, Factory
from tests.postgres import PASSWORD, Postgres, serving

T = TypeVar("T")

WORK = [f"clinic.{part}" for part in ("data", "score", "monitor", "train", "quarantine", "labels")]


@pytest.fixture(scope="module")
def warehouse() -> Iterator[Postgres]:
    with serving() as server:
        server.run(*clinic.people())
        yield server


@pytest.fixture(scope="module", autouse=True)
def landed(factory: Factory, warehouse: Postgres) -> str:
    """Make the connection as a user does, and land the day; give what doctor said before."""
    said = doctor(factory)
    known = {
        "connection_id": "warehouse",
        "conn_type": "postgres",
        "host": "127.0.0.1",
        "port": warehouse.port,
        "login": "factory",
        "password": PASSWORD,
        "schema": "postgres",
    }
    factory.api._ask("POST", "/connections", json=known)
    factory.api.unpause("clinic.data")
    factory.api.trigger("clinic.data", DAY, run_id="first")
    assert factory.ended("clinic.data", DAY, "first").state == "success"
    return said


def doctor(factory: Factory) -> str:
    """Return what doctor says, in one line; what is wrong with this machine beside is not ours."""
    done = subprocess.run([COMMAND, "doctor"], env=factory.environment, stdout=subprocess.PIPE)
    return " ".join(done.stdout.decode().split())


def filled_in(factory: Factory, dag_id: str, run_id: str, **form: Any) -> dict[str, Any]:
    """Trigger a DAG by its form, and return what came of each of its tasks, once it has ended."""
    factory.api.trigger(dag_id, None, run_id=run_id, conf=form)
    run = factory.ended(dag_id, None, run_id)
    tasks = {task.task_id: task for task in factory.api.tasks(run)}
    logs = [line for task in tasks.values() for line in factory.api.log_tail(task, 20)]
    assert run.state == "success", "\n".join(logs)
    return {
        name: _result(factory, dag_id, run_id, name) if task.state == "success" else task.state
        for name, task in tasks.items()
    }


def page(factory: Factory, path: str) -> str:
    """Return a page of the product as somebody sees it who is logged in."""
    url = f"{factory.settings.airflow_url}/mlfactory/clinic.data/files/{path}"
    answer = httpx.get(url, headers=factory.api._client.headers, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_airflow_alone_knows_the_connections_and_the_rows_are_there(
    factory: Factory, landed: str, warehouse: Postgres
) -> None:
    assert "named by clinic.people; perhaps in the secrets backend" in landed
    lake = Lake("clinic")
    assert len(lake.read("raw_people")) == clinic.ROWS - 2
    assert sorted(lake.read("raw_rooms")["beds"]) == [1, 4]
    features = lake.read("features", [DAY])
    assert features["born"].notna().all() and set(features["beds"]) == {1, 4}
    said = doctor(factory)
    assert "named by clinic.people; in Airflow, for its tasks" in said
    assert "named by clinic.rooms; perhaps in the secrets backend, which is not asked" in said
    assert not _holding(factory, PASSWORD)


def test_rows_are_released_and_corrected_in_the_name_of_who_filled_in_the_form(
    factory: Factory, tmp_path: Path
) -> None:
    assert len(Lake("clinic").read("quarantine", [DAY])) == 4
    factory.mlfactory(
        *("quarantine", "show", "clinic", DAY, "--source", "visits"),
        *("--out", str(tmp_path / "rows.csv")),
    )
    rows = {row["id"]: row for row in csv.DictReader((tmp_path / "rows.csv").open())}
    assert set(rows) == {"v2", TYPED_WRONG, REALLY_SO, NONSENSE}
    shown = page(factory, f"validation/{DAY}.html")
    assert all(row["_digest"] in shown for row in rows.values())

    what = {"partition": DAY, "decision": "accept", "why": "the bill says so"}
    done = filled_in(
        factory, "clinic.quarantine", "accepts", **what, rows=rows[REALLY_SO]["_digest"]
    )
    assert done["decide"]["who"] == factory.settings.airflow_user
    assert factory.ended("clinic.data", DAY, done["run"]["run"]).state == "success"

    sheet = io.StringIO()
    writer = csv.DictWriter(sheet, rows["v2"])
    writer.writeheader()
    writer.writerow(rows[TYPED_WRONG] | {"price": "170"})
    what = {"partition": DAY, "decision": "correct", "why": "a slip of the pen"}
    done = filled_in(factory, "clinic.quarantine", "mends", **what, corrected=sheet.getvalue())
    assert factory.ended("clinic.data", DAY, done["run"]["run"]).state == "success"

    prices = Lake("clinic").read("features", [DAY]).set_index("id")["price"]
    assert (prices[REALLY_SO], prices[TYPED_WRONG]) == (901, 170)
    assert NONSENSE not in prices and "v2" not in prices
    released = ledger.entries("clinic", "released")
    user = factory.settings.airflow_user
    assert [(each.who, each.why) for each in released] == [
        (user, "the bill says so"),
        (user, "a slip of the pen"),
    ]
    assert announced(factory) == [
        None,
        [f"1 row of visits accepted by {user}: the bill says so"],
        [f"1 row of visits corrected by {user}: a slip of the pen"],
    ]
    assert "released" in page(factory, f"validation/{DAY}.html")


def test_a_batch_is_shown_and_answered_by_the_form(factory: Factory) -> None:
    drawn = filled_in(factory, "clinic.labels", "shows", partition=DAY)
    assert (drawn["draw"]["rows"], drawn["take"]) == (12, "skipped")
    batch = read_batch("clinic", DAY)
    assert batch is not None
    lines = ["_row,_label", *(f"{row.row}," for row in batch.rows)]
    assert "\n".join(lines) in page(factory, f"to_label/{DAY}.html")

    what = {
        "answers": "\n".join([lines[0], *(line + "1" for line in lines[1:])]),
        "known_since": f"{DAY}T23:00",
        "why": "each was called up",
    }
    told = filled_in(factory, "clinic.labels", "answers", partition=DAY, **what)
    assert (told["take"]["taken"], told["take"]["unchanged"]) == (12, 0)
    [given] = read_answers("clinic")
    assert (given.who, given.why) == (factory.settings.airflow_user, what["why"])
    assert len(given.answers) == 12


def test_a_span_is_replayed_key_after_key_and_the_page_of_the_run_tells_which_failed(
    factory: Factory,
) -> None:
    api, days = factory.api, ("2026-01-01", "2026-01-02", "2026-01-03")
    factory.sales("booth", days[1])
    form = {"product": "booth", "first": days[0], "last": days[2], "why": "a new price list"}
    api.trigger("mlfactory.replay", None, run_id="replays", conf=form)
    seen = _until(lambda: _seen(factory, "replays", "replay"), lambda state: state == "deferred")
    assert seen == "deferred"
    api.trigger("mlfactory.replay", None, run_id="beside", conf=form)
    assert factory.ended("mlfactory.replay", None, "beside").state == "failed"
    assert "mlfactory.replay of 2026-01-01 to 2026-01-03 is under way" in _note(factory, "beside")

    assert factory.ended("mlfactory.replay", None, "replays").state == "failed"
    assert _note(factory, "replays") == (
        "3 of 3 keys have come to rest. 2 failed: 2026-01-01 (data), 2026-01-03 (data)."
    )
    first, second, third = (_chain(factory, day) for day in days)
    for failed in (first, third):
        assert {part: run.state for part, run in failed.items()} == {"data": "failed"}
    assert set(second) == {"data", "score", "monitor"}
    assert first["data"].end < second["data"].queued_at
    assert second["monitor"].end < third["data"].queued_at
    (task,) = [task for task in _tasks(factory, "replays") if task.task_id == "replay"]
    log = "\n".join(api.log_tail(task, 200))
    assert "2026-01-01 waits for" in log
    assert "2026-01-02 has come to rest: data success" in log
    assert "2026-01-03: booth.data failed in its task ingest: http" in log
    assert api.is_paused("booth.data") and not api.is_paused("booth.score")
    assert under_way("booth") == []
    [entry] = ledger.entries("booth", "replay_requested")
    assert (entry.who, entry.why) == (factory.settings.airflow_user, "a new price list")

    # what goes on after a kill finds what was run
    body = {"dry_run": False, "only_failed": False}
    api._ask("POST", "/dags/mlfactory.replay/dagRuns/replays/clear", json=body)
    assert factory.ended("mlfactory.replay", None, "replays").state == "failed"
    assert [_chain(factory, day) for day in days] == [first, second, third]
    assert api.is_paused("booth.data")


def test_a_subject_is_erased_and_its_value_is_nowhere_in_airflow(factory: Factory) -> None:
    lake = Lake("clinic")
    before = len(lake.read("raw_visits", [DAY]))
    key = ("clinic", "--key", f"email={ANNA}")
    sealed = factory.mlfactory("erase", *key, "--seal").split()[-1]
    for plain in (f"email={ANNA}", f"sealed:{ANNA}"):
        with pytest.raises(UsageError, match="400"):
            # refused before there is a run, and masked in the audit log, which has what was sent
            _erase(factory, "plain", plain, only_look=True)
    looked = _erase(factory, "looks", sealed, only_look=True)
    assert looked["erase"] == "skipped"
    assert looked["look"]["rows"]["raw_visits"] == 3
    assert looked["look"]["rows"]["raw_people"] == 1
    assert len(lake.read("raw_visits", [DAY])) == before

    _wait_until_nobody_works(factory)
    done = _erase(factory, "erases", sealed, only_look=False)
    assert done["erase"]["not_made_again"] == []
    assert len(lake.read("raw_visits", [DAY])) == before - 3
    for table in ("raw_visits", "raw_people", "quarantine", "features"):
        assert ANNA not in lake.read(table).to_string(), table
    [entry] = ledger.entries("clinic", "erased")
    assert (entry.who, entry.why) == (factory.settings.airflow_user, "request 4711")
    assert read_manifest("clinic", "prepare", DAY)["counts"]["rows"] == len(lake.read("features"))
    # what is in a form is found where it is kept, so the other is not found because it is not there
    assert any(place.startswith("dag_run") for place in _holding(factory, sealed))
    assert _holding(factory, ANNA) == []


def announced(factory: Factory) -> list[Any]:
    asked = {"source_dag_id": "clinic.data", "source_task_id": "prepare", "order_by": "timestamp"}
    events = factory.api._pages("/assets/events", "asset_events", asked)
    return [event["extra"].get("because") for event in events]


def _erase(factory: Factory, run_id: str, sealed: str, *, only_look: bool) -> dict[str, Any]:
    form: Mapping[str, Any] = {"product": "clinic", "sealed_token": sealed, "why": "request 4711"}
    return filled_in(factory, "mlfactory.erase", run_id, **form, only_look=only_look)


def _chain(factory: Factory, day: str) -> dict[str, DagRun]:
    """Return the runs of a day by part, each of which there is one."""
    runs = factory.api.runs([f"booth.{part}" for part in PARTS], day)
    found = {run.dag_id.rpartition(".")[2]: run for run in runs}
    assert len(found) == len(runs)
    return found


def _tasks(factory: Factory, run_id: str) -> list[TaskRun]:
    [run] = [run for run in factory.api.runs(["mlfactory.replay"], None) if run.run_id == run_id]
    return factory.api.tasks(run)


def _seen(factory: Factory, run_id: str, task_id: str) -> str | None:
    return state_of(_tasks(factory, run_id), task_id)


def _note(factory: Factory, run_id: str) -> str:
    answer = factory.api._ask("GET", f"/dags/mlfactory.replay/dagRuns/{run_id}")
    return str(answer.json()["note"])


def _until(look: Callable[[], T], right: Callable[[T], bool], seconds: float = 90) -> T:
    """Look until it is right, or for so many seconds; return what was seen last."""
    deadline = time.monotonic() + seconds
    while not right(seen := look()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return seen


def _result(factory: Factory, dag_id: str, run_id: str, task: str) -> Any:
    path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/xcomEntries/return_value"
    return factory.api._ask("GET", path).json()["value"]


def _wait_until_nobody_works(factory: Factory, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while factory.api.active_runs(WORK):
        assert time.monotonic() < deadline, factory.api.active_runs(WORK)
        time.sleep(0.5)


def _holding(factory: Factory, value: str) -> list[str]:
    """Return the tables and files of Airflow, and the logs of both servers, that hold a value."""
    home = airflow_home(factory.settings)
    files = [path for path in (*home.rglob("*"), *home.parent.glob("logs/*")) if path.is_file()]
    found = [str(path) for path in files if value.encode() in path.read_bytes()]
    with sqlite3.connect(f"file:{home / 'airflow.db'}?mode=ro", uri=True) as known:
        tables = known.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in tables:
            for row in known.execute(f'SELECT * FROM "{table}"'):
                found += [table for cell in row if value in str(cell)]
    return found
