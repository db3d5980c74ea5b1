"""When `<p>.data` runs: never for a partition of long before, whoever unpauses it when."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.timetables.base import DagRunInfo, TimeRestriction

from mlfactory.pipeline import timetable
from mlfactory.pipeline.timetable import LiveTimetable

TODAY = datetime(2026, 3, 10, tzinfo=UTC)
LONGEST = timedelta(hours=24)
FREE = TimeRestriction(earliest=None, latest=None, catchup=False)


def next_run(
    monkeypatch: pytest.MonkeyPatch,
    now: datetime,
    last: datetime | None = None,
    restriction: TimeRestriction = FREE,
    *,
    hourly: bool = False,
) -> Any:
    monkeypatch.setattr(timetable, "utcnow", lambda: now)
    table = LiveTimetable(
        "0 * * * *" if hourly else "0 0 * * *",
        longest_run=LONGEST,
        timezone="UTC",
        run_offset=-1,
        key_format="%Y-%m-%dT%H:00" if hourly else "%Y-%m-%d",
    )
    # as the scheduler has it: written by who parsed the DAG, and read again
    table = LiveTimetable.deserialize(json.loads(json.dumps(table.serialize())))
    ran = last and DagRunInfo(
        run_after=last, partition_date=last, partition_key="", data_interval=None
    )
    return table.next_dagrun_info_v2(last_dagrun_info=ran, restriction=restriction)


@pytest.mark.parametrize(
    "last", [None, TODAY - timedelta(days=400), TODAY - timedelta(days=3)], ids=str
)
@pytest.mark.parametrize("hours", [0.1, 1, 12, 23])
def test_unpausing_runs_no_partition_of_before(
    monkeypatch: pytest.MonkeyPatch, last: datetime | None, hours: float
) -> None:
    info = next_run(monkeypatch, TODAY + timedelta(hours=hours), last)
    assert info.run_after == TODAY + timedelta(days=1)
    assert info.partition_key == "2026-03-10"


def test_a_tick_just_gone_by_is_not_lost_where_the_dag_was_parsed_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    info = next_run(monkeypatch, TODAY + timedelta(seconds=30), TODAY - timedelta(days=9))
    assert (info.run_after, info.partition_key) == (TODAY, "2026-03-09")


def test_a_run_that_took_longer_than_a_tick_is_followed_by_the_next_partition(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    info = next_run(monkeypatch, TODAY + timedelta(hours=5), last=TODAY - timedelta(days=2))
    assert (info.run_after, info.partition_key) == (TODAY, "2026-03-09")


def test_hours_that_waited_behind_a_late_file_are_run_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # the file of nine was late: the run of ten o'clock ended at twenty past two
    now, last, keys = TODAY + timedelta(hours=14, minutes=20), TODAY + timedelta(hours=9), []
    for _ in range(5):
        info = next_run(monkeypatch, now, last, hourly=True)
        keys.append((info.run_after.hour, info.partition_key[-5:]))
        last = info.partition_date
    assert keys == [
        (11, "10:00"),
        (12, "11:00"),
        (13, "12:00"),
        (14, "13:00"),
        (15, "14:00"),
    ]


@pytest.mark.parametrize("hours", [26, 400])
def test_hours_of_before_the_longest_run_are_not_run(
    monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    now = TODAY + timedelta(hours=14, minutes=20)
    info = next_run(monkeypatch, now, now.replace(minute=0) - timedelta(hours=hours), hourly=True)
    assert info.partition_key == "2026-03-10T14:00"


def test_the_newest_partition_is_not_run_again_after_a_backfill(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    info = next_run(monkeypatch, TODAY + timedelta(hours=5), last=TODAY - timedelta(days=1))
    assert info.partition_key == "2026-03-10"


def test_a_product_that_has_ended_has_no_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = TimeRestriction(earliest=None, latest=TODAY - timedelta(days=30), catchup=False)
    assert next_run(monkeypatch, TODAY + timedelta(hours=5), restriction=ended) is None
