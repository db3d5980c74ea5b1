"""The row that a person corrects in the demonstration, on a register of three planes."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from mlfactory import ingest, prepare, validate
from mlfactory.cli.correcting import TAILNUM, WHO, WHY, correct_a_row
from mlfactory.cli.status import show_timeline
from mlfactory.lake import ledger
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: flight_delay
partition: {every: month, start: 2013-01-01}
sources:
  flights: {kind: csv, path: flights.csv, event_time: at, key: [id]}
  planes: {kind: csv, path: planes.csv, key: [tailnum], types: {year: float}}
expect:
  quarantine_budget: 90%
  planes:
    - {type: expect_column_values_to_be_between, column: year, min_value: 1970}
    - {type: expect_column_values_to_be_between, column: seats, min_value: 20}
features: {key: [id], event_time: at, numeric: [seats, year]}
label: {column: late, kind: binary}
"""
BUILD = "def build(s): return s['flights'].merge(s['planes'], on='tailnum', how='left')\n"
FLIGHTS = "id,at,tailnum,late\n1,2013-01-05T10:00:00Z,N14629,0\n2,2013-01-06T10:00:00Z,N1,1\n"
PLANES = "tailnum,year,seats\nN14629,1965,149\nN1,2001,180\nN201AA,1959,2\n"
FIRST = "2013-01-01"


@pytest.fixture
def flights(home: object, make_product: Callable[..., Product]) -> Product:
    return make_product(SPEC, BUILD, {"flights.csv": FLIGHTS, "planes.csv": PLANES})


def month(product: Product, *, landed: bool = False) -> None:
    partition = product.calendar.parse(FIRST)
    if not landed:
        ingest.run(product, partition)
    validate.run(product, partition)
    prepare.run(product, partition)


def correct(product: Product, key: str = FIRST) -> tuple[bool, str]:
    output = io.StringIO()
    partition = product.calendar.parse(key)
    done = correct_a_row(product, partition, Console(file=output, width=200))
    return done, output.getvalue()


def test_the_plane_is_released_without_its_year_and_its_flights_know_it_then(
    flights: Product,
) -> None:
    month(flights)
    before = Lake("flight_delay").read("features").set_index("id")
    assert before["seats"].isna().to_dict() == {1: True, 2: False}

    done, told = correct(flights)
    assert done
    assert f"plane {TAILNUM}" in told
    assert "year=1965.0 breaks" in told
    month(flights, landed=True)

    after = Lake("flight_delay").read("features").set_index("id")
    assert after["seats"].to_dict() == {1: 149, 2: 180}
    assert after["year"].isna().to_dict() == {1: True, 2: False}
    assert read_manifest("flight_delay", "validate", FIRST)["counts"]["released"] == 1
    (entry,) = ledger.entries("flight_delay", "released")
    assert (entry.who, entry.why, entry.details["rows"]) == (WHO, WHY, 1)
    output = io.StringIO()
    show_timeline(flights, Console(file=output))
    assert "1 released" in output.getvalue()


def test_it_is_decided_once_and_holds_in_another_landing(flights: Product) -> None:
    month(flights)
    assert correct(flights)[0]
    # before its month has run again, after that, and when it has landed anew
    assert correct(flights) == (False, "")
    month(flights, landed=True)
    assert correct(flights) == (False, "")
    month(flights)
    assert correct(flights) == (False, "")
    assert len(ledger.entries("flight_delay", "released")) == 1
    assert read_manifest("flight_delay", "validate", FIRST)["counts"]["quarantined"] == 1


def test_nothing_is_decided_about_another_month_or_product(
    flights: Product, make_product: Callable[..., Product]
) -> None:
    assert not correct(flights, "2013-02-01")[0]
    other = make_product(SPEC.replace("flight_delay", "others"), BUILD)
    assert not correct(other)[0]
