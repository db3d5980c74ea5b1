"""What is missed is found and made up for; a replay of history runs no live partition."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from mlfactory.lake.catalog import manifest_file
from mlfactory.lake.store import find_json, product_store, read_json, write_json
from tests.e2e.conftest import Factory


def day(ago: int) -> str:
    return (datetime.now(UTC) - timedelta(days=ago)).strftime("%Y-%m-%d")


def long_ago(product: str, stage: str, key: str) -> None:
    """Let a stage have ended longer ago than its follower is waited for."""
    store, file = product_store(product), manifest_file(stage, key)
    before = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    write_json(store, file, {**read_json(store, file), "started_at": before})


def test_a_missed_partition_and_a_lost_event_are_found_and_made_up_for(factory: Factory) -> None:
    begun, lost, missed, newest = (day(ago) for ago in (4, 3, 2, 1))
    for key in (begun, lost, missed, newest):
        factory.sales("stall", key)
    for part in ("data", "score", "monitor", "train"):
        factory.api.unpause(f"stall.{part}")
    factory.api.trigger("stall.data", begun, run_id="begun")
    factory.ended("stall.monitor", begun)

    factory.api.pause("stall.score")
    factory.api.trigger("stall.data", lost, run_id="lost")
    assert factory.ended("stall.data", lost).state == "success"
    time.sleep(3)
    factory.api.unpause("stall.score")
    factory.api.trigger("stall.data", newest, run_id="newest")
    factory.ended("stall.monitor", newest)
    # events that came while the DAG was paused do not start it afterwards
    assert factory.api.runs(["stall.score"], lost) == []
    long_ago("stall", "prepare", lost)

    told = factory.mlfactory("reconcile", "stall", ends_with=1)
    assert f"stall {missed}: missing" in told
    assert f"stall {lost}: not followed" in told

    factory.api.trigger("mlfactory.reconcile", None, run_id="now")
    assert factory.ended("mlfactory.reconcile", None, "now").state == "success"
    assert factory.ended("stall.data", missed).run_id.startswith("reconcile__")
    assert factory.ended("stall.score", lost).run_id.startswith("reconcile__")
    for key in (lost, missed):
        assert factory.ended("stall.monitor", key).state == "success"
        assert find_json(product_store("stall"), manifest_file("monitor", key))
    assert "stall: nothing is missing" in factory.mlfactory("reconcile", "stall")


def test_a_replay_of_history_runs_no_live_partition_and_leaves_the_schedule_off(
    factory: Factory,
) -> None:
    factory.sales("kiosk", "2026-01-05")
    factory.sales("kiosk", "2026-01-06")
    # Airflow makes up for the newest tick of a DAG that once ran by backfill or on schedule
    backfill = {
        "dag_id": "kiosk.data",
        "from_date": "2026-01-05T00:00:00Z",
        "to_date": "2026-01-05T00:00:00Z",
        "reprocess_behavior": "none",
        "max_active_runs": 1,
        "run_backwards": False,
        "dag_run_conf": {},
    }
    factory.api._ask("POST", "/backfills", json=backfill)
    factory.api.unpause("kiosk.data")
    assert factory.ended("kiosk.data", "2026-01-05").state == "success"
    factory.ended("kiosk.monitor", "2026-01-05")
    factory.api.pause("kiosk.data")

    said = factory.mlfactory("replay", "kiosk", "2026-01-06", "2026-01-06")

    assert "kiosk.data was paused before and is again" in said
    assert factory.api.is_paused("kiosk.data")
    assert factory.api.runs(["kiosk.data"], day(1)) == []
    assert "last report: " in said
    assert "reports/2026-01-06.html" in said.split("last report: ")[1]


def test_a_partition_that_is_not_over_is_refused(factory: Factory) -> None:
    said = factory.mlfactory("replay", "kiosk", day(0), day(0), ends_with=1)
    assert "is not over: it ends at" in said
    assert "Traceback" not in said
