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
    runs_after: timedelta = timedelta(),
) -> Any:
    monkeypatch.setattr(timetable, "utcnow", lambda: now)
    table = LiveTimetable(
        "0 * * * *" if hourly else "0 0 * * *",
        runs_after=runs_after,
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


LATER = timedelta(hours=2, minutes=17)


@pytest.mark.parametrize(
    ("minutes", "begins", "key"),
    [
        (5, TODAY + LATER, "2026-03-09"),
        (138, TODAY + LATER, "2026-03-09"),
        (140, TODAY + timedelta(days=1) + LATER, "2026-03-10"),
        (1430, TODAY + timedelta(days=1) + LATER, "2026-03-10"),
    ],
    ids=["before", "just gone by", "gone by", "in the evening"],
)
def test_a_run_begins_later_than_its_partition_ends_and_has_the_same_key(
    monkeypatch: pytest.MonkeyPatch, minutes: int, begins: datetime, key: str
) -> None:
    now = TODAY + timedelta(minutes=minutes)
    info = next_run(monkeypatch, now, TODAY - timedelta(days=9), runs_after=LATER)
    assert (info.run_after, info.partition_key) == (begins, key)
    assert info.partition_date.hour == 0


def test_hours_follow_one_another_whenever_they_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    now, after = TODAY + timedelta(hours=14, minutes=40), timedelta(minutes=29)
    last, begun = TODAY + timedelta(hours=12), []
    for _ in range(3):
        info = next_run(monkeypatch, now, last, hourly=True, runs_after=after)
        begun.append(f"{info.run_after:%H:%M} {info.partition_key[-5:]}")
        last = info.partition_date
    assert begun == ["14:29 13:00", "15:29 14:00", "16:29 15:00"]


def test_the_last_partition_of_a_product_that_ends_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = TimeRestriction(earliest=None, latest=TODAY + LATER, catchup=False)
    now = TODAY + timedelta(minutes=5)
    info = next_run(monkeypatch, now, restriction=ends, runs_after=LATER)
    assert info.partition_key == "2026-03-09"
    gone_by = TODAY + timedelta(hours=3)
    assert next_run(monkeypatch, gone_by, restriction=ends, runs_after=LATER) is None


def test_a_backfill_takes_whole_days_whenever_their_runs_begin() -> None:
    table = LiveTimetable(
        "0 0 * * *", runs_after=LATER, timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"
    )
    days = table.iter_partition_dagrun_infos(earliest=TODAY, latest=TODAY + timedelta(days=2))
    assert [day.partition_key for day in days] == ["2026-03-10", "2026-03-11", "2026-03-12"]


@pytest.mark.parametrize(
    ("cron", "runs_after", "shown"),
    [
        ("0 * * * *", timedelta(minutes=29), "29 * * * *"),
        ("0 0 * * *", LATER, "17 2 * * *"),
        ("0 0 * * 1", timedelta(days=6, hours=1), "0 1 * * 0"),
        ("0 0 1 * *", timedelta(days=3, minutes=1), "1 0 4 * *"),
    ],
)
def test_people_are_shown_when_runs_begin(cron: str, runs_after: timedelta, shown: str) -> None:
    table = LiveTimetable(cron, runs_after=runs_after, timezone="UTC", run_offset=-1)
    again = LiveTimetable.deserialize(json.loads(json.dumps(table.serialize())))
    assert table.summary == again.summary == shown
    assert again.description == table.description
