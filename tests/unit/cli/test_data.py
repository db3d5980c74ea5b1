"""What the commands below `data` show and write, of tables with several versions."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from rich.console import Console

from mlfactory.cli.data import show_difference, show_history, show_rows
from mlfactory.lake.catalog import FEATURES, raw
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product

KEYED = {"station": ["A", "B"], "at": ["2013-01-01", "2013-01-02"]}


@pytest.fixture
def edited(rain: Product) -> Product:
    """Give a product whose features were written twice for one partition."""
    lake = Lake("rain")
    for pressure, run in (([1.0, 2.0], "first"), ([1.0, 5.0], "second")):
        rows = pa.table({**KEYED, "pressure": pressure, "parts": [[1], [2, 3]]})
        lake.replace(FEATURES, rows, "2013-01-01", run)
    lake.replace(raw("gauge"), pa.table({"_landing": ["first"], "station": ["A"]}), "2013-01-01")
    return rain


def test_history_names_the_tables_and_then_their_versions(edited: Product) -> None:
    told = io.StringIO()
    show_history(edited, None, None, 20, Console(file=told))
    assert "features" in told.getvalue() and "raw_gauge" in told.getvalue()
    told = io.StringIO()
    show_history(edited, FEATURES, None, 1, Console(file=told))
    assert "second" in told.getvalue() and "first" not in told.getvalue()
    assert "the newest 1 of 3" in told.getvalue()


def test_history_of_nothing_says_so(rain: Product) -> None:
    told = io.StringIO()
    show_history(rain, None, None, 20, Console(file=told))
    assert told.getvalue() == "rain: nothing has run yet\n"


def test_a_difference_names_row_column_and_both_values(edited: Product) -> None:
    told = io.StringIO()
    show_difference(edited, FEATURES, 1, None, None, Console(file=told))
    assert told.getvalue().splitlines() == [
        "2013-01-01: 2 rows, then 2: 0 came, 0 went, 1 changed",
        "    pressure: 1 rows",
        "    station=B, at=2013-01-02: pressure 2.0 -> 5.0",
    ]


def test_versions_that_hold_the_same_are_said_to(edited: Product) -> None:
    told = io.StringIO()
    show_difference(edited, FEATURES, 2, 2, None, Console(file=told))
    assert told.getvalue() == "versions 2 and 2 of features have the same rows\n"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_old_version_is_written_as_it_was(edited: Product, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"rows.{suffix}"
    show_rows(edited, FEATURES, None, 1, 10, out, Console(file=io.StringIO()))
    read = pd.read_csv(out) if suffix == "csv" else pd.read_parquet(out)
    assert read["pressure"].tolist() == [1.0, 2.0]
    # a CSV has no lists: they are JSON there
    parts = map(json.loads, read["parts"]) if suffix == "csv" else map(list, read["parts"])
    assert list(parts) == [[1], [2, 3]]


@pytest.mark.parametrize(
    ("name", "why"), [("rows.txt", "neither .csv nor .parquet"), ("no/rows.csv", "cannot be")]
)
def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(
    edited: Product, tmp_path: Path, name: str, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        show_rows(edited, FEATURES, None, 1, 10, tmp_path / name, Console(file=io.StringIO()))
    assert not list(tmp_path.glob("*.csv")) and not list(tmp_path.glob(".*"))


def test_a_table_that_is_not_there_is_told(edited: Product) -> None:
    with pytest.raises(UsageError, match="rain has no table 'nope'"):
        show_rows(edited, "nope", None, None, 10, None, Console(file=io.StringIO()))


def test_a_partition_that_the_table_does_not_have_is_no_equal_one(edited: Product) -> None:
    with pytest.raises(UsageError, match="has no rows of partition '2031-01-01'"):
        show_difference(edited, FEATURES, 1, None, "2031-01-01", Console(file=io.StringIO()))
