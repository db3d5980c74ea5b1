"""What is missed is found and made up for; a replay of history runs no live partition."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
    # its own tick must not mend before it was looked
    factory.api.pause("mlfactory.reconcile")
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

    factory.api.unpause("mlfactory.reconcile")
    factory.api.trigger("mlfactory.reconcile", None, run_id="now")
    assert factory.ended("mlfactory.reconcile", None, "now").state == "success"
    assert factory.ended("stall.data", missed).run_id.startswith("reconcile__")
    assert factory.ended("stall.score", lost).run_id.startswith("reconcile__")
    for key in (lost, missed):
        assert factory.ended("stall.monitor", key).state == "success"
        assert find_json(product_store("stall"), manifest_file("monitor", key))
    assert "stall: nothing is missing" in factory.mlfactory("reconcile", "stall")

    # what is stale is prepared anew from what lies in the lake: its source has nothing more
    factory.api.pause("mlfactory.reconcile")
    factory.mlfactory("run", "stall", begun, "--stage", "ingest")
    landed = read_json(product_store("stall"), manifest_file("ingest", begun))["id"]
    (Path(factory.environment["MLFACTORY_PRODUCTS"]) / "stall" / f"sales-{begun}.csv").unlink()
    assert f"stall {begun}: stale" in factory.mlfactory("reconcile", "stall", ends_with=1)
    factory.api.unpause("mlfactory.reconcile")
    factory.api.trigger("mlfactory.reconcile", None, run_id="stale")
    assert factory.ended("mlfactory.reconcile", None, "stale").state == "success"
    (anew,) = (
        run
        for run in factory.api.runs(["stall.data"], begun)
        if run.run_id.startswith("reconcile__")
    )
    assert factory.ended("stall.data", begun, anew.run_id).state == "success"
    validated = read_json(product_store("stall"), manifest_file("validate", begun))
    assert validated["reads"] == {f"ingest/{begun}": landed}


def test_a_landing_that_failed_first_of_all_is_told(factory: Factory) -> None:
    folder = Path(factory.environment["MLFACTORY_PRODUCTS"]) / "cart"
    (folder / f"sales-{day(1)}.csv").write_text("number,when\n1,2\n")
    factory.api.unpause("cart.data")
    factory.api.trigger("cart.data", day(1), run_id="first")
    assert factory.ended("cart.data", day(1), "first").state == "failed"
    told = factory.mlfactory("reconcile", "cart", ends_with=1)
    assert f"cart {day(1)}: missing: it never came to be landed; its last run failed: " in told
    assert "/dags/cart.data/runs/first; tried again after " in told


def test_hours_that_waited_behind_a_run_are_run_one_after_the_other(factory: Factory) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [f"{now - timedelta(hours=ago):%Y-%m-%dT%H:00}" for ago in (6, 5, 4, 3)]
    # the newest run that the schedule knows is of six hours ago, as if it had taken until now
    factory.backfill("ticker.data", f"{hours[0]}:00Z")
    factory.api.unpause("ticker.data")
    for hour in hours:
        assert factory.ended("ticker.data", hour).state == "success", hour
    ran = [run for hour in hours[1:] for run in factory.api.runs(["ticker.data"], hour)]
    assert [run.partition_key for run in ran] == hours[1:]
    assert all(run.run_id.startswith("scheduled__") for run in ran)
    assert sorted(run.start for run in ran if run.start) == [run.start for run in ran]
    factory.api.pause("ticker.data")


def test_a_replay_of_history_runs_no_live_partition_and_leaves_the_schedule_off(
    factory: Factory,
) -> None:
    factory.sales("kiosk", "2026-01-05")
    factory.sales("kiosk", "2026-01-06")
    # Airflow makes up for the newest tick of a DAG that once ran by backfill or on schedule
    factory.backfill("kiosk.data", "2026-01-05T00:00:00Z")
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
