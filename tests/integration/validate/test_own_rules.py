"""Rules about other sources and other partitions: exact rows, whatever runs again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
import yaml
from tests.integration.validate.conftest import file, quarantine

from mlfactory import ingest, validate
from mlfactory.lake import batches, spool
from mlfactory.lake.catalog import validation_page
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.store import product_store
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product

pytestmark = pytest.mark.usefixtures("home")

Rule = dict[str, Any]
Run = Callable[..., validate.ValidateResult]
HOUR = "2026-01-{day:02}T{hour:02}:00:00Z"
MATCH = {
    "type": "expect_rows_to_match",
    "source": "weather",
    "on": {"origin": "place", "at": "hour"},
}
NEW = {"type": "expect_rows_to_be_new"}
IN_SET = {"type": "expect_column_values_to_be_in_set", "column": "sky", "value_set": ["clear"]}


def hour(number: int, day: int = 1) -> str:
    return HOUR.format(day=day, hour=number)


@pytest.fixture
def flown(make_product: Callable[..., Product]) -> Run:
    """Give a function that lands flights, weather and planes, and validates them."""

    def run(
        flights: Sequence[str],
        weather: Sequence[str] = (),
        *,
        rules: Sequence[Rule] = (),
        of_weather: Sequence[Rule] = (),
        planes: Sequence[str] = ("N1,40",),
        day: int = 1,
        every: str = "day",
        header: str = "id,at,origin,tail",
        key: str = "",
    ) -> validate.ValidateResult:
        spec = {
            "apiVersion": "mlfactory/v1",
            "name": "shop",
            "partition": {"every": every, "start": "2025-12-01"},
            "sources": {
                "flights": {
                    "kind": "csv",
                    "path": "flights.csv",
                    "event_time": "at",
                    "key": ["id"],
                },
                "weather": {"kind": "csv", "path": "weather.csv", "event_time": "hour"},
                "planes": {"kind": "csv", "path": "planes.csv", "key": ["tail"]},
            },
            "expect": {
                "quarantine_budget": "90%",
                "flights": list(rules),
                "weather": list(of_weather),
            },
            "features": {"key": ["id"], "event_time": "at", "numeric": ["price"]},
            "label": {"column": "bad", "kind": "binary"},
        }
        found = weather or [f"JFK,{hour(0, day)},clear"]
        files = {
            "flights.csv": "\n".join([header, *flights]) + "\n",
            "weather.csv": "\n".join(["place,hour,sky", *found]) + "\n",
            "planes.csv": "\n".join(["tail,seats", *planes]) + "\n",
        }
        product = make_product(yaml.safe_dump(spec, sort_keys=False), files=files)
        partition = product.calendar.parse(key or f"2026-01-{day:02}")
        ingest.run(product, partition)
        return validate.run(product, partition)

    return run


def bad(source: str = "flights", day: int = 1) -> dict[int, str]:
    """Return the quarantined rows of a source in a partition, each with its first reason."""
    rows = quarantine()
    rows = rows[(rows["source"] == source) & (rows["partition"] == f"2026-01-{day:02}")]
    return {row: str(why[0]) for row, why in zip(rows["row"], rows["reasons"], strict=True)}


def facts(day: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = read_manifest("shop", "validate", f"2026-01-{day:02}")["facts"]
    return found


FLIGHTS = [f"{i},{hour(i)},{'JFK' if i % 2 else 'EWR'},N1" for i in range(12)]
WEATHER = [f"JFK,{hour(i)},clear" for i in range(12)] + [f"EWR,{hour(i)},clear" for i in range(6)]


@pytest.fixture(params=[1_000_000, 5])
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let a partition be of one batch, or of several."""
    monkeypatch.setattr(batches, "BATCH", request.param)
    monkeypatch.setattr(spool, "CHUNK", 2)
    return int(request.param)


def test_a_row_without_one_of_the_other_source_is_quarantined(flown: Run, size: int) -> None:
    flights = [*FLIGHTS, f"12,{hour(3)},,N1", f"13,{hour(3)},LGA,N1"]
    result = flown(flights, WEATHER, rules=[MATCH])
    assert result.verdict == "pass_with_quarantine"
    # one without an origin has nothing to be looked for
    assert set(bad()) == {6, 8, 10, 13}
    assert "origin='LGA', at='2026-01-01T03:00:00+00:00' breaks expect_rows_to_match" in bad()[13]
    assert "source=&#39;weather&#39;" in file(validation_page("2026-01-01"))


def test_only_rows_that_are_let_through_are_matched_unless_asked_otherwise(
    flown: Run, size: int
) -> None:
    weather = [line.replace("clear", "blue") if "T03" in line else line for line in WEATHER]
    assert flown(FLIGHTS, weather, rules=[MATCH], of_weather=[IN_SET]).quarantined == 6
    assert set(bad()) == {3, 6, 8, 10}
    flown(FLIGHTS, weather, rules=[{**MATCH, "rows": "landed"}], of_weather=[IN_SET])
    assert set(bad()) == {6, 8, 10}


def test_matching_has_mostly_severity_and_condition(flown: Run, size: int) -> None:
    flown(FLIGHTS, WEATHER, rules=[{**MATCH, "mostly": 0.75}])
    assert bad() == {}
    flown(FLIGHTS, WEATHER, rules=[{**MATCH, "severity": "warning"}])
    assert bad() == {}
    assert "expect_rows_to_match" in facts()["warnings"][0]
    flown(FLIGHTS, WEATHER, rules=[{**MATCH, "row_condition": "id < 8"}])
    assert set(bad()) == {6}


def test_a_register_is_matched_as_it_was_seen_with_the_partition(flown: Run, size: int) -> None:
    flights = [f"{i},{hour(i)},JFK,N{i % 3}" for i in range(9)]
    rule = {"type": "expect_rows_to_match", "source": "planes", "on": {"tail": "tail"}}
    flown(flights, WEATHER, rules=[rule], planes=["N1,40", "N2,50"])
    assert set(bad()) == {0, 3, 6}
    # the register is kept as it was seen
    flown(flights, WEATHER, rules=[rule], planes=["N0,40"])
    assert set(bad()) == {0, 3, 6}


def test_values_of_other_types_are_told_and_match_nothing(flown: Run) -> None:
    rule = {"type": "expect_rows_to_match", "source": "planes", "on": {"tail": "seats"}}
    with pytest.raises(ContractError, match=r"flights.tail is string, and planes.seats is int64"):
        flown(FLIGHTS, WEATHER, rules=[rule])
    lacking = {**rule, "on": {"tail": "wings"}}
    with pytest.raises(ContractError, match="planes has no column 'wings'"):
        flown(FLIGHTS, WEATHER, rules=[lacking])


def day_of(numbers: Sequence[int], day: int) -> list[str]:
    return [f"{number},{hour(place, day)},JFK,N1" for place, number in enumerate(numbers)]


def test_a_key_of_an_earlier_partition_is_found_and_never_ones_own_or_a_later_one(
    flown: Run, size: int
) -> None:
    days = {1: [1, 2, 3], 2: [4, 2, 5], 3: [6, 1, 5, 2]}
    everything = [line for day, numbers in days.items() for line in day_of(numbers, day)]
    weather = [f"JFK,{hour(0, day)},clear" for day in days]

    def run(day: int) -> dict[int, str]:
        flown(everything, weather, rules=[NEW], day=day)
        return bad(day=day)

    assert run(1) == {}
    assert set(run(2)) == {1}
    assert set(run(3)) == {1, 2, 3}
    assert "id=5 breaks expect_rows_to_be_new" in bad(day=3)[2]
    for day, rows in ((1, set()), (2, {1}), (3, {1, 2, 3}), (1, set())):
        assert set(run(day)) == rows
    assert "compared with 2 of 33 partitions before" in file(validation_page("2026-01-03"))


def test_what_an_earlier_partition_holds_now_is_what_counts(flown: Run) -> None:
    first, second = day_of([1, 2], 1), day_of([2, 3], 2)
    weather = [f"JFK,{hour(0, day)},clear" for day in (1, 2)]
    for day in (1, 2):
        flown([*first, *second], weather, rules=[NEW], day=day)
    assert set(bad(day=2)) == {0}
    corrected = day_of([1, 7], 1)
    for day in (1, 2):
        flown([*corrected, *second], weather, rules=[NEW], day=day)
    assert bad(day=2) == {}
    # of each partition that was looked at there is one file, of its last validation
    kept = product_store("shop").list("key_hashes")
    assert len(kept) == 1
    # it is only a memory
    product_store("shop").delete_all("key_hashes")
    flown([*first, *second], weather, rules=[NEW], day=1)
    flown([*first, *second], weather, rules=[NEW], day=2)
    assert set(bad(day=2)) == {0}


def test_how_far_back_a_key_is_looked_for_can_be_said(flown: Run) -> None:
    days = {1: [1], 2: [2], 3: [1, 3]}
    everything = [line for day, numbers in days.items() for line in day_of(numbers, day)]
    weather = [f"JFK,{hour(0, day)},clear" for day in days]
    rule = {**NEW, "within": "1 partition", "column_list": ["id"]}
    for day in days:
        flown(everything, weather, rules=[rule], day=day)
    assert bad(day=3) == {}
    flown(everything, weather, rules=[{**rule, "within": "2 partitions"}], day=3)
    assert set(bad(day=3)) == {0}


def test_values_whose_hashes_are_the_same_are_compared(
    flown: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlfactory.lake import key_hashes
    from mlfactory.validate.own import new

    real = new.row_hashes
    for module in (new, key_hashes):
        monkeypatch.setattr(module, "row_hashes", lambda *given: real(*given) & 1)
    everything = [*day_of(range(20), 1), *day_of([7, *range(20, 30)], 2)]
    weather = [f"JFK,{hour(0, day)},clear" for day in (1, 2)]
    for day in (1, 2):
        flown(everything, weather, rules=[NEW], day=day)
    assert set(bad(day=2)) == {0}


def test_columns_that_come_and_change_are_named(flown: Run) -> None:
    header = "id,at,origin,tail,seats,price"
    weather = [f"JFK,{hour(0, day)},clear" for day in (1, 2, 3)]
    flights = [f"{i},{hour(i)},JFK,N1,{i},2.5" for i in range(9)]
    flown(flights, weather, header=header)
    assert facts()["columns_changed"] == {}
    flights += [f"{i},{hour(i, 2)},JFK,N1,{'none' if i else 3},2.5,x" for i in range(9)]
    flights[:9] = [f"{line}," for line in flights[:9]]
    flown(flights, weather, header=f"{header},wifi", day=2)
    assert facts(2)["columns_changed"] == {
        "flights": {
            "against": "2026-01-01",
            "new": ["wifi"],
            "gone": [],
            "retyped": {"seats": "a whole number -> text"},
        }
    }
    said = "new: wifi; retyped: seats (was a whole number, is text) (against 2026-01-01)"
    assert any(said in warning for warning in facts(2)["warnings"])
    assert said in file(validation_page("2026-01-02"))


def test_a_change_of_columns_stops_where_the_spec_says_so(flown: Run) -> None:
    weather = [f"JFK,{hour(0, day)},clear" for day in (1, 2)]
    rule = {"type": "expect_columns_to_be_as_before", "severity": "critical"}
    flights = [f"{i},{hour(i, day)},JFK,N1" for day in (1, 2) for i in range(9)]
    flown(flights, weather, rules=[rule])
    more = [f"{line},x" for line in flights]
    with pytest.raises(ContractError, match=r"fails: observed new: wifi \(against 2026-01-01\)"):
        flown(more, weather, rules=[rule], header="id,at,origin,tail,wifi", day=2)


def test_an_unusual_number_of_rows_is_a_warning_once_there_is_history(flown: Run) -> None:
    mondays = [date(2025, 12, 1) + timedelta(weeks=week) for week in range(11)]
    counts = [20, 22, 19, 21, 20, 18, 20, 21, 20, 2, 0]
    flights = [
        f"9{monday:%m%d}{i:02},{monday}T{i:02}:00:00Z,JFK,N1"
        for monday, count in zip(mondays, counts, strict=True)
        for i in range(count)
    ]
    weather = [f"JFK,{monday}T00:00:00Z,clear" for monday in mondays[:10]]
    said = [flown(flights, weather, every="week", key=str(monday)).warnings for monday in mondays]
    assert said[:9] == [()] * 9
    assert "7 partitions like it before, and 8 needed" in file(validation_page(str(mondays[7])))
    assert "by 8 partitions like it" in file(validation_page(str(mondays[8])))
    assert "2 rows; usual are" in said[9][0]
    # that nothing came at all is told as well, and stops nothing
    assert "flights: expect_row_count_to_be_usual(): 0 rows; usual are" in said[10][0]


def test_an_event_that_is_too_old_at_the_partitions_end_is_told(flown: Run) -> None:
    rule = {"type": "expect_newest_event_to_be_recent", "at_most": "13 hours"}
    assert flown(FLIGHTS, WEATHER, rules=[rule]).verdict == "pass"
    strict = {**rule, "at_most": "12 hours"}
    with pytest.raises(ContractError, match=r"observed 2026-01-01 11:00 UTC, 13:00:00 before"):
        flown(FLIGHTS, WEATHER, rules=[strict])
