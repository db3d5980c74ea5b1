"""What a product lacks by now: found by looking, not by waiting for an event."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from rich.console import Console
from tests.left_removal import leave
from tests.left_rows import leave_rows
from tests.unit.reconcile.conftest import NOW, PROMISE, Ran

from mlfactory.cli.status import show_timeline
from mlfactory.cli.summary import summary
from mlfactory.lake import ledger
from mlfactory.lake.catalog import manifest_file
from mlfactory.lake.ledger import Entry
from mlfactory.lake.manifests import manifest
from mlfactory.lake.processes import this_process
from mlfactory.lake.removal import remove_source
from mlfactory.lake.requests import REQUEST
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.reconcile.gaps import (
    CUT_OFF,
    DATA,
    MISSING,
    MONITOR,
    OLD,
    OTHER_CODE,
    REPLACED,
    SCORE,
    STALE,
    STOPPED,
    TRAIN,
    UNCONSUMED,
    UNREAD,
    UNTRAINED,
    Gap,
)
from mlfactory.reconcile.lacking import lacking

DATA_STAGES = ("ingest", "validate", "prepare")
ALL = (*DATA_STAGES, "score", "monitor", "retrain")


def found(product: Product, kind: str) -> list[tuple[str, str]]:
    return [(gap.key, gap.part) for gap in lacking(product, NOW) if gap.kind == kind]


def test_a_product_that_was_never_run_lacks_nothing(rain: Product) -> None:
    assert lacking(rain, NOW) == []


def test_what_is_complete_lacks_nothing(rain: Product, ran: Ran) -> None:
    for day in ("2026-03-08", "2026-03-09"):
        ran(*ALL, key=day)
    assert lacking(rain, NOW) == []


def test_ticks_that_were_missed_are_found(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-03-05")
    ran(*ALL, key="2026-03-07")
    assert found(rain, MISSING) == [(f"2026-03-0{day}", DATA) for day in (6, 8, 9)]


def test_a_partition_that_is_just_over_is_given_its_time(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-03-08")
    begins = NOW.replace(hour=0) + rain.spec.runs_after
    assert lacking(rain, begins + timedelta(minutes=5)) == []
    late = lacking(rain, begins + timedelta(minutes=15))
    assert [gap.key for gap in late] == ["2026-03-09"]


def test_before_its_run_begins_no_partition_is_missed_and_no_data_is_old(
    make: Callable[..., Product], ran: Ran
) -> None:
    late = make("{every: day, start: 2026-01-01, runs_after: 20 hours}", PROMISE)
    events = {"station": ["a"], "at": [datetime(2026, 3, 6, 6, tzinfo=UTC)]}
    leave_rows(late, "2026-03-08", features=pa.table(events))
    begins = NOW.replace(hour=20)

    def at(moment: datetime) -> list[tuple[str, str]]:
        gaps = lacking(late, moment)
        return [(gap.kind, gap.key) for gap in gaps if gap.kind in (MISSING, OLD)]

    assert at(begins) == at(begins + timedelta(minutes=9)) == []
    assert at(begins + timedelta(minutes=11)) == [(MISSING, "2026-03-09"), (OLD, "")]


def test_a_long_absence_is_told_once_and_left_to_a_person(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-01-05")
    gaps = [gap for gap in lacking(rain, NOW) if gap.kind == MISSING]
    assert gaps[0].key == "2026-01-06"
    assert "mlfactory replay rain 2026-01-06 2026-02-23" in gaps[0].hindrance
    assert not gaps[0].can_be_mended
    assert [gap.key for gap in gaps[1:]][:2] == ["2026-02-24", "2026-02-25"]
    assert all(gap.can_be_mended for gap in gaps[1:])


def test_a_product_whose_time_has_ended_is_not_run_on(
    make: Callable[..., Product], ran: Ran
) -> None:
    ended = make("{every: month, start: 2013-01-01, end: 2014-01-01}", PROMISE)
    for month in ("2013-01-01", "2013-03-01"):
        ran(*ALL, key=month)
    assert found(ended, MISSING) == [("2013-02-01", DATA)]
    assert found(ended, OLD) == []


def test_the_last_partitions_of_a_product_that_ended_are_told_where_all_but_they_ran(
    make: Callable[..., Product], ran: Ran
) -> None:
    ended = make("{every: month, start: 2013-01-01, end: 2013-06-01}", PROMISE)
    for month in range(1, 5):
        ran(*ALL, key=f"2013-{month:02d}-01")
    assert found(ended, MISSING) == [("2013-05-01", DATA)]
    ran(*ALL, key="2013-05-01")
    assert found(ended, MISSING) == []


def test_status_counts_the_partitions_of_a_long_absence_and_not_its_one_gap(
    make: Callable[..., Product], ran: Ran
) -> None:
    ended = make("{every: month, start: 2013-01-01, end: 2014-01-01}")
    for month in ("2013-01-01", "2013-12-01"):
        ran(*ALL, key=month)
    assert len(found(ended, MISSING)) == 3
    assert summary(ended, [])[1:] == ["  open: 10 missing; see: mlfactory reconcile rain"]


def test_status_tells_that_figures_stand_on_what_was_replaced(
    make: Callable[..., Product], ran: Ran
) -> None:
    ended = make("{every: month, start: 2013-01-01, end: 2013-03-01}")
    for month in ("2013-01-01", "2013-02-01"):
        ran(*ALL, key=month)
    assert summary(ended, [])[1:] == []
    ran("ingest", key="2013-01-01", mark="2")
    assert summary(ended, [])[1:] == ["  open: 1 stale; see: mlfactory reconcile rain"]


@pytest.mark.parametrize(
    ("done", "part"),
    [(1, DATA), (2, DATA), (3, SCORE), (4, MONITOR), (5, MONITOR)],
    ids=["validate", "prepare", "score", "monitor", "retrain"],
)
def test_a_chain_that_broke_is_found_wherever_it_did(
    rain: Product, ran: Ran, done: int, part: str
) -> None:
    ran(*ALL[:done], key="2026-03-09")
    (gap,) = lacking(rain, NOW)
    assert (gap.kind, gap.key, gap.part) == (UNCONSUMED, "2026-03-09", part)
    assert f"{ALL[done - 1]} ended" in gap.words
    assert f"no {ALL[done]} followed" in gap.words
    # the run that mends it goes on from what was landed
    assert gap.can_be_mended
    assert gap.landed


def test_a_partition_that_validation_stopped_is_told_and_for_a_person(
    rain: Product, ran: Ran
) -> None:
    ran("ingest", "validate", key="2026-03-09", verdict="stop")
    (gap,) = lacking(rain, NOW)
    assert (gap.kind, gap.key) == (STOPPED, "2026-03-09")
    assert "validation/2026-03-09.html" in gap.words
    assert not gap.can_be_mended


def test_what_a_stopped_partition_left_of_before_is_told_once_and_mended_by_none(
    rain: Product, ran: Ran
) -> None:
    ran(*ALL, key="2026-03-08")
    ran(*ALL, key="2026-03-09")
    ran("ingest", "validate", key="2026-03-08", verdict="stop", mark="2")
    # its scores and its report, which stand on what was prepared before, are no gaps of their own
    (gap,) = lacking(rain, NOW)
    assert (gap.kind, gap.key) == (STOPPED, "2026-03-08")


def test_a_stopped_partition_that_was_landed_again_is_validated_again(
    rain: Product, ran: Ran
) -> None:
    ran("ingest", "validate", key="2026-03-09", verdict="stop")
    ran("ingest", key="2026-03-09", mark="2")
    (gap,) = lacking(rain, NOW)
    assert (gap.part, gap.landed) == (DATA, True)
    assert gap.can_be_mended


@pytest.mark.parametrize(
    ("table", "part"),
    [("features", DATA), ("labels", DATA), ("predictions", SCORE), ("metrics", MONITOR)],
)
def test_rows_of_another_run_than_the_manifests_are_found_and_made_again(
    rain: Product, ran: Ran, table: str, part: str
) -> None:
    stage = {"predictions": "score", "metrics": "monitor"}.get(table, "prepare")
    for day in ("2026-03-08", "2026-03-09"):
        ran(*ALL, key=day)
        Lake("rain").replace(table, pa.table({"n": [1]}), day, f"{stage}-{day}-1")
    assert lacking(rain, NOW) == []
    Lake("rain").replace(table, pa.table({"n": [1]}), "2026-03-08", "another")
    (gap,) = lacking(rain, NOW)
    assert (gap.kind, gap.key, gap.part, gap.landed) == (REPLACED, "2026-03-08", part, True)
    assert gap.can_be_mended
    # a run that has ended just now may have another one at its heels
    ran(stage, key="2026-03-08", at=(NOW - timedelta(minutes=2)).isoformat())
    assert not found(rain, REPLACED)


@pytest.mark.parametrize("later", [(), ("prepare", "score", "monitor", "retrain")])
def test_a_landing_that_was_cut_off_is_landed_again_and_once(
    rain: Product, ran: Ran, later: tuple[str, ...]
) -> None:
    for day in ("2026-03-06", "2026-03-07", "2026-03-08", "2026-03-09"):
        ran(*ALL, key=day)
    # the oldest of all, and one within
    for day in ("2026-03-06", "2026-03-08"):
        product_store("rain").delete(manifest_file("ingest", day))
        for stage in set(ALL) - {"ingest", "validate", *later}:
            product_store("rain").delete(manifest_file(stage, day))
    first, second = sorted(lacking(rain, NOW), key=lambda gap: gap.key)
    kind = STALE if later else UNCONSUMED
    assert (first.kind, first.key, first.part) == (kind, "2026-03-06", DATA)
    assert (second.kind, second.key, second.part) == (kind, "2026-03-08", DATA)
    assert first.can_be_mended
    assert not first.landed
    assert not second.landed


def test_what_landed_of_a_source_that_was_reset_is_found_and_is_to_be_landed_again(
    rain: Product, ran: Ran
) -> None:
    for day in ("2026-03-05", "2026-03-06", "2026-03-07"):
        ran(*ALL, key=day)
    remove_source("rain", "gauge")
    gaps = {gap.key: gap for gap in lacking(rain, NOW)}
    assert list(gaps) == [f"2026-03-0{day}" for day in (8, 9, 5, 6, 7)]
    for day in (5, 6, 7):
        gap = gaps[f"2026-03-0{day}"]
        assert (gap.kind, gap.part, gap.landed, gap.can_be_mended) == (STALE, DATA, False, True)
        assert gap.words.endswith(
            f"read ingest/{gap.key}, and what was landed then is there no more"
        )
    for day in (8, 9):
        gap = gaps[f"2026-03-0{day}"]
        assert (gap.kind, gap.part) == (MISSING, DATA)


def test_a_stage_that_ended_just_now_is_not_missed_yet(rain: Product, ran: Ran) -> None:
    ran(*DATA_STAGES, key="2026-03-09", at=(NOW - timedelta(minutes=2)).isoformat())
    assert lacking(rain, NOW) == []


def test_a_request_that_came_to_nothing_is_found(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-03-09")
    asked = ledger.record("rain", Entry("retrain_requested", "2026-03-09", "no champion"))
    later = NOW.replace(year=NOW.year + 10)

    def untrained() -> list[Gap]:
        return [gap for gap in lacking(rain, later) if gap.kind == UNTRAINED]

    (gap,) = untrained()
    assert (gap.key, gap.part) == ("2026-03-09", TRAIN)
    assert "no champion" in gap.words
    for request, still in ((0, 1), (asked.number, 0)):
        details = {"version": "1", "seen_through": "2026-03-09", REQUEST: request}
        ledger.record("rain", Entry("rejected", "2026-03-09", "worse", "t", details=details))
        assert len(untrained()) == still


def test_what_read_something_replaced_is_stale_from_its_first_stage_on(
    rain: Product, ran: Ran
) -> None:
    ran(*ALL, key="2026-03-09")
    ran("ingest", key="2026-03-09", mark="2")
    (gap,) = lacking(rain, NOW)
    assert (gap.kind, gap.key, gap.part) == (STALE, "2026-03-09", DATA)
    # to land it again could lose what its source does not hold any more
    assert gap.landed


def test_what_was_prepared_with_other_code_is_told_as_one_and_mended_a_few_at_a_time(
    rain: Product, ran: Ran
) -> None:
    for day in range(3, 10):
        ran(*ALL, key=f"2026-03-0{day}", code="old" if day < 9 else "")
    *few, rest = lacking(rain, NOW)
    assert {gap.kind for gap in (*few, rest)} == {OTHER_CODE}
    assert [(gap.key, gap.part, gap.landed) for gap in few] == [
        (f"2026-03-0{day}", DATA, True) for day in (3, 4, 5)
    ]
    assert "3 more of 2026-03-06 to 2026-03-08 prepared with other code" in rest.words
    assert "mlfactory run rain 2026-03-03 --stage prepare --downstream" in rest.hindrance


def test_labels_that_came_and_were_not_read_are_found(
    make: Callable[..., Product], ran: Ran
) -> None:
    late = make("{every: day, start: 2026-01-01}", delay="10 hours")
    for day in (7, 8, 9):
        at = f"2026-03-{day + 1:02}T00:05:00+00:00"
        ran(*ALL, key=f"2026-03-{day:02}", at=at, labelled=0)

    def unread() -> list[Gap]:
        return [gap for gap in lacking(late, NOW) if gap.kind == UNREAD]

    (gap,) = unread()
    # the run of the newest reads them, and lands nothing else; its own come later this day
    assert (gap.key, gap.part, gap.landed) == ("2026-03-09", DATA, True)
    assert gap.about == ("2026-03-07", "2026-03-08")
    assert "labels of 2026-03-07, 2026-03-08 fell due" in gap.words
    # the run of the 9th reads them before its own rows, and has just begun
    ran("ingest", key="2026-03-09", at=NOW.isoformat(), labelled=0)
    assert [gap.about for gap in unread()] == [("2026-03-07",)]
    ran(*ALL, key="2026-03-07", at=NOW.isoformat(), labelled=0, mark="2")
    assert unread() == []


def test_data_too_old_is_told_once_though_nothing_runs(
    make: Callable[..., Product], ran: Ran
) -> None:
    rain = make("{every: day, start: 2026-01-01}", PROMISE)
    ran("ingest", key="2026-03-01")

    def old(now: datetime) -> list[tuple[str, str]]:
        return [(gap.words, gap.identity) for gap in lacking(rain, now) if gap.kind == OLD]

    ((words, _),) = old(NOW)
    assert words == "no partition has an event"
    # the last event came in the morning; the rest of its partition was silent
    events = {"station": ["a"], "at": [datetime(2026, 3, 6, 6, tzinfo=UTC)]}
    leave_rows(rain, "2026-03-06", features=pa.table(events))
    ((words, first),) = old(NOW)
    assert words == "the newest event is 90 h older than the end of 2026-03-09, bound 72 h"
    assert old(NOW - timedelta(days=1)) == []
    ((_, second),) = old(NOW + timedelta(days=1))
    assert first == second


def test_data_is_no_older_while_its_newest_partition_is_prepared_again(
    make: Callable[..., Product], ran: Ran
) -> None:
    rain = make("{every: day, start: 2026-01-01}", PROMISE)
    ran("ingest", key="2026-03-01")
    for day in (1, 9):
        events = {"station": ["a"], "at": [datetime(2026, 3, day, 6, tzinfo=UTC)]}
        leave_rows(rain, f"2026-03-{day:02}", features=pa.table(events))
    assert found(rain, OLD) == []
    # which takes its manifest away long before it has its rows
    with manifest(rain, "prepare", "2026-03-09"):
        assert found(rain, OLD) == []


def test_an_erasure_that_was_cut_off_is_told_with_how_to_go_on(rain: Product) -> None:
    leave(rain.name, erasure="1234", process=this_process())
    assert not lacking(rain, NOW)
    leave(rain.name, erasure="1234")
    [gap] = lacking(rain, NOW)
    assert (gap.kind, gap.can_be_mended) == (CUT_OFF, False)
    assert gap.hindrance == f"mlfactory erase {rain.name} --resume goes on with it"
    console = Console(file=io.StringIO(), width=200)
    show_timeline(rain, console)
    assert f"mlfactory erase {rain.name} --resume goes on with it" in console.file.getvalue()


def test_a_gap_is_the_same_when_it_is_found_again() -> None:
    one = Gap(MISSING, "2026-03-09", DATA, "over since midnight")
    assert one.identity == Gap(MISSING, "2026-03-09", DATA, "other words").identity
