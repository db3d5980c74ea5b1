"""The second product: what its timetable says, and that nothing of it tells of the outcome."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from examples.airport.tables import TIMETABLE

from mlfactory.product.code import product_function
from mlfactory.product.loader import Product, load_product
from mlfactory.settings import REPOSITORY

EXAMPLES = REPOSITORY / "examples"


@pytest.fixture(scope="module")
def product() -> Product:
    return load_product("flight_cancelled", EXAMPLES)


@pytest.fixture(scope="module")
def timetable(airport: Path, product: Product) -> pd.DataFrame:
    """Two days about the beginning of summer time, by the product's own query."""
    query = product.spec.sources["timetable"].query
    span = {"start": "2013-03-09 05:00:00", "end": "2013-03-11 04:00:00"}
    with closing(sqlite3.connect(airport / TIMETABLE)) as database:
        return pd.read_sql_query(query, database, params=span)


def test_the_spec_is_right_and_surprises_nobody(product: Product) -> None:
    assert not product.warnings
    assert product.spec.label.source is not None


def test_a_flight_is_described_by_the_local_clock_on_both_sides_of_summer_time(
    product: Product, timetable: pd.DataFrame
) -> None:
    built = product_function(product, "features:build")({"timetable": timetable})
    assert built["flight_id"].is_unique
    assert built["flight_id"].tolist() == timetable["flight_id"].tolist()
    first = built[built["flight_id"].str.startswith("UA-") & (built["weekday"] == "Saturday")]
    assert first["departure_hour"].min() == pytest.approx(6.0, abs=1)
    later = built[built["flight_id"].str.startswith("UA-") & (built["weekday"] == "Sunday")]
    assert later["departure_hour"].min() == pytest.approx(6.0, abs=1)
    assert set(built["weekday"]) == {"Saturday", "Sunday"}


def test_flights_of_the_hour_and_of_the_day_are_counted(
    product: Product, timetable: pd.DataFrame
) -> None:
    built = product_function(product, "features:build")({"timetable": timetable})
    hour = pd.to_datetime(timetable["scheduled_departure"]).dt.floor("h")
    for place in (0, 300, 900):
        row = timetable.loc[place]
        same_hour = (timetable["origin"] == row["origin"]) & (hour == hour[place])
        same_route = (
            timetable[["carrier", "origin", "dest", "day"]]
            == row[["carrier", "origin", "dest", "day"]]
        ).all(axis=1)
        assert built.loc[place, "flights_that_hour"] == same_hour.sum()
        assert built.loc[place, "flights_that_day"] == same_route.sum()
