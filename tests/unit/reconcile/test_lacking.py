"""What a product lacks by now: found by looking, not by waiting for an event."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.unit.reconcile.conftest import NOW, Ran

from mlfactory.lake import ledger
from mlfactory.lake.ledger import Entry
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.reconcile.gaps import (
    DATA,
    MISSING,
    MONITOR,
    OLD,
    SCORE,
    STALE,
    TRAIN,
    UNCONSUMED,
    UNREAD,
    UNTRAINED,
    Gap,
)
from mlfactory.reconcile.lacking import lacking

DATA_STAGES = ("ingest", "validate", "prepare")
ALL = (*DATA_STAGES, "score", "monitor")


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
    midnight = NOW.replace(hour=0)
    assert lacking(rain, midnight + timedelta(minutes=5)) == []
    late = lacking(rain, midnight + timedelta(minutes=15))
    assert [gap.key for gap in late] == ["2026-03-09"]


def test_a_long_absence_is_told_once_and_left_to_a_person(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-01-05")
    gaps = [gap for gap in lacking(rain, NOW) if gap.kind == MISSING]
    assert gaps[0].key == "2026-02-23"
    assert "mlfactory replay rain 2026-01-06 2026-02-23" in gaps[0].hindrance
    assert not gaps[0].can_be_mended
    assert [gap.key for gap in gaps[1:]][:2] == ["2026-02-24", "2026-02-25"]
    assert all(gap.can_be_mended for gap in gaps[1:])


def test_a_product_whose_time_has_ended_is_not_run_on(
    make: Callable[[str], Product], ran: Ran
) -> None:
    ended = make("{every: month, start: 2013-01-01, end: 2014-01-01}")
    for month in ("2013-01-01", "2013-03-01"):
        ran(*ALL, key=month)
    assert found(ended, MISSING) == [("2013-02-01", DATA)]
    assert found(ended, OLD) == []


@pytest.mark.parametrize(
    ("done", "part"), [(DATA_STAGES, SCORE), ((*DATA_STAGES, "score"), MONITOR)]
)
def test_an_event_that_nobody_consumed_is_found(
    rain: Product, ran: Ran, done: tuple[str, ...], part: str
) -> None:
    ran(*done, key="2026-03-09")
    assert found(rain, UNCONSUMED) == [("2026-03-09", part)]


def test_a_stage_that_ended_just_now_is_not_missed_yet(rain: Product, ran: Ran) -> None:
    ran(*DATA_STAGES, key="2026-03-09", at=(NOW - timedelta(minutes=2)).isoformat())
    assert lacking(rain, NOW) == []


def test_a_request_that_came_to_nothing_is_found(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-03-09")
    ledger.record("rain", Entry("retrain_requested", "2026-03-09", "no champion"))
    later = NOW.replace(year=NOW.year + 10)
    asked = [gap for gap in lacking(rain, later) if gap.kind == UNTRAINED]
    assert [(gap.key, gap.part) for gap in asked] == [("2026-03-09", TRAIN)]
    assert "no champion" in asked[0].words
    details = {"version": "1", "seen_through": "2026-03-09"}
    ledger.record("rain", Entry("rejected", "2026-03-09", "worse", "t", details=details))
    assert [gap for gap in lacking(rain, later) if gap.kind == UNTRAINED] == []


def test_what_read_something_replaced_is_stale_from_its_first_stage_on(
    rain: Product, ran: Ran
) -> None:
    ran(*ALL, key="2026-03-09")
    ran("ingest", key="2026-03-09", mark="2")
    # told and not mended: to land it again could lose what its source does not hold any more
    assert found(rain, STALE) == [("2026-03-09", "")]


def test_labels_that_came_and_were_not_read_are_found(
    rain: Product, ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran(*ALL, key="2026-03-08")
    ran(*ALL, key="2026-03-09")
    asked = []

    def due(product: Product, partition: Partition) -> list[Partition]:
        asked.append(partition.key)
        return [product.calendar.parse("2026-03-08")]

    monkeypatch.setattr("mlfactory.reconcile.lacking.due_again", due)
    assert found(rain, UNREAD) == [("2026-03-08", DATA)]
    assert asked == ["2026-03-09"]
    ran("ingest", key="2026-03-09", at=NOW.isoformat())
    assert found(rain, UNREAD) == []


def test_data_too_old_is_told_though_nothing_runs(rain: Product, ran: Ran) -> None:
    ran(*ALL, key="2026-03-01")
    assert [gap.words for gap in lacking(rain, NOW) if gap.kind == OLD] == [
        "the newest event is 198 h old, bound 72 h"
    ]


def test_a_gap_is_the_same_when_it_is_found_again() -> None:
    one = Gap(MISSING, "2026-03-09", DATA, "over since midnight")
    assert one.identity == Gap(MISSING, "2026-03-09", DATA, "other words").identity
