from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from mlfactory.product.errors import UsageError
from mlfactory.product.partitions import Calendar, Every, Partition, as_utc


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("every", "at", "key", "end"),
    [
        ("hour", "2013-04-01T05:59:59.999999", "2013-04-01T05:00", "2013-04-01T06:00"),
        ("hour", "2013-12-31T23:30", "2013-12-31T23:00", "2014-01-01T00:00"),
        ("day", "2013-04-01T23:59", "2013-04-01", "2013-04-02"),
        ("day", "2012-02-29T00:00", "2012-02-29", "2012-03-01"),
        ("week", "2013-04-07T23:59", "2013-04-01", "2013-04-08"),
        ("week", "2013-01-01T00:00", "2012-12-31", "2013-01-07"),
        ("month", "2013-01-31T12:00", "2013-01-01", "2013-02-01"),
        ("month", "2012-02-29T12:00", "2012-02-01", "2012-03-01"),
        ("month", "2013-12-15T00:00", "2013-12-01", "2014-01-01"),
    ],
)
def test_a_moment_lies_in_the_partition_named_by_its_start(
    every: Every, at: str, key: str, end: str
) -> None:
    partition = Calendar(every).containing(moment(at))
    assert (partition.key, partition.end) == (key, moment(end))
    assert partition.start == moment(key)


@pytest.mark.parametrize(
    ("every", "key"),
    [
        ("hour", "2013-04-01T05:00"),
        ("day", "2013-04-01"),
        ("week", "2013-04-01"),
        ("month", "2013-04-01"),
        ("snapshot", "snapshot"),
    ],
)
def test_a_key_is_read_back_as_itself(every: Every, key: str) -> None:
    assert Calendar(every).parse(key).key == key


def test_a_key_with_a_zone_is_read_in_utc() -> None:
    assert Calendar("hour").parse("2013-04-01T07:00+02:00").key == "2013-04-01T05:00"


@pytest.mark.parametrize(
    ("every", "key", "says"),
    [
        ("month", "2013-04-02", "the partition it lies in is '2013-04-01'"),
        ("week", "2013-04-02", "the partition it lies in is '2013-04-01'"),
        ("day", "2013-04-01T05:00", "the partition it lies in is '2013-04-01'"),
        ("hour", "2013-04-01T05:30", "the partition it lies in is '2013-04-01T05:00'"),
        ("month", "april", "write it like '2026-01-01'"),
        ("hour", "april", "write it like '2026-01-01T00:00'"),
        ("snapshot", "2013-04-01", "use the key 'snapshot'"),
        ("day", "snapshot", "write it like '2026-01-01'"),
    ],
)
def test_a_key_that_names_no_partition_is_refused_with_the_right_one(
    every: Every, key: str, says: str
) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        Calendar(every).parse(key)
    assert f"'{key}'" in str(caught.value)


def test_a_key_before_the_first_partition_is_refused() -> None:
    calendar = Calendar("month", moment("2013-02-01"))
    assert calendar.parse("2013-02-01").key == "2013-02-01"
    with pytest.raises(UsageError, match="before the product's first, '2013-02-01'"):
        calendar.parse("2013-01-01")


@pytest.mark.parametrize(
    ("every", "key", "by", "expected"),
    [
        ("hour", "2013-12-31T23:00", 1, "2014-01-01T00:00"),
        ("hour", "2014-01-01T00:00", -1, "2013-12-31T23:00"),
        ("day", "2012-02-28", 2, "2012-03-01"),
        ("day", "2012-03-01", -1, "2012-02-29"),
        ("week", "2012-12-31", 1, "2013-01-07"),
        ("week", "2013-01-07", -1, "2012-12-31"),
        ("month", "2013-01-01", 13, "2014-02-01"),
        ("month", "2013-03-01", -1, "2013-02-01"),
        ("month", "2013-03-01", 0, "2013-03-01"),
    ],
)
def test_partitions_are_counted_over_the_ends_of_months_and_years(
    every: Every, key: str, by: int, expected: str
) -> None:
    calendar = Calendar(every)
    assert calendar.shift(calendar.parse(key), by).key == expected


@pytest.mark.parametrize("every", ["hour", "day", "week", "month"])
def test_partitions_follow_each_other_without_a_gap(every: Every) -> None:
    calendar = Calendar(every)
    current = calendar.containing(moment("2011-12-20"))
    for _ in range(60):
        following = calendar.shift(current, 1)
        assert following.start == current.end
        assert calendar.shift(following, -1) == current
        assert calendar.containing(current.end - timedelta(microseconds=1)) == current
        current = following


def test_looking_back_stops_at_the_first_partition() -> None:
    calendar = Calendar("month", moment("2013-01-01"))
    april = calendar.parse("2013-04-01")
    assert [p.key for p in calendar.back(april, 3)] == ["2013-02-01", "2013-03-01", "2013-04-01"]
    assert calendar.back(april, 9)[0].key == "2013-01-01"
    assert calendar.back(april, 0) == []


def test_a_span_holds_both_of_its_ends() -> None:
    calendar = Calendar("week")
    first, last = calendar.parse("2012-12-31"), calendar.parse("2013-01-14")
    keys = [partition.key for partition in calendar.span(first, last)]
    assert keys == ["2012-12-31", "2013-01-07", "2013-01-14"]
    assert calendar.span(last, first) == []


@pytest.mark.parametrize(
    ("every", "first", "key", "ordinal"),
    [
        ("hour", "2013-01-01", "2013-01-02T01:00", 25),
        ("day", "2012-01-01", "2012-12-31", 365),
        ("week", "2012-12-31", "2013-01-14", 2),
        ("month", "2012-11-01", "2013-02-01", 3),
    ],
)
def test_an_ordinal_counts_partitions_since_the_first(
    every: Every, first: str, key: str, ordinal: int
) -> None:
    calendar = Calendar(every, moment(first))
    assert calendar.ordinal(calendar.parse(key)) == ordinal
    assert calendar.ordinal(calendar.containing(moment(first))) == 0


def test_a_snapshot_is_one_partition_of_all_time() -> None:
    calendar = Calendar("snapshot")
    only = calendar.parse("snapshot")
    assert calendar.is_snapshot
    assert only.start < moment("0002-01-01") < moment("9998-01-01") < only.end
    assert calendar.back(only, 5) == [only]
    assert calendar.span(only, only) == [only]
    assert calendar.ordinal(only) == 0


def test_partitions_are_ordered_by_time() -> None:
    calendar = Calendar("month")
    later, earlier = calendar.parse("2013-10-01"), calendar.parse("2013-02-01")
    assert sorted([later, earlier]) == [earlier, later]
    assert str(later) == "2013-10-01"
    assert isinstance(later, Partition)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (date(2013, 1, 1), "2013-01-01T00:00"),
        (datetime(2013, 1, 1, 5), "2013-01-01T05:00"),
        (datetime(2013, 1, 1, 5, tzinfo=timezone(timedelta(hours=2))), "2013-01-01T03:00"),
    ],
)
def test_dates_of_a_spec_are_in_utc(value: date, expected: str) -> None:
    assert as_utc(value) == moment(expected)
