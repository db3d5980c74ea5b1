"""Rows with the values of others are those that pandas finds in one frame."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlfactory.lake import spool as spooling
from mlfactory.lake.marks import Marks
from mlfactory.lake.spool import Spool
from mlfactory.product.errors import DiskFullError
from mlfactory.validate.repeats import Among, keys_repeated, places_kept, values_repeated
from mlfactory.validate.shape import framed, shape_of

pytestmark = pytest.mark.usefixtures("home")


def rows_of(seed: int, count: int = 120) -> pa.Table:
    random = np.random.default_rng(seed)

    def some(values: list[object]) -> list[object]:
        return [values[place] for place in random.integers(0, len(values), count)]

    return pa.table(
        {
            "text": pa.array(some(["a", "b", "longer than eight bytes", None])),
            "number": pa.array(some([0.0, -0.0, 1.5, float("nan"), None]), pa.float64()),
            "count": pa.array(some([1, 2, 2**60, 2**60 + 1, None]), pa.int64()),
            "flag": pa.array(some([True, False, None])),
            "day": pa.array(some([date(2026, 1, 1), date(2026, 1, 2)])),
        }
    )


@contextmanager
def spooled(rows: pa.Table, columns: list[str], size: int = 50) -> Iterator[Spool]:
    with Spool(columns) as spool:
        for at in range(0, rows.num_rows, size):
            piece = rows.slice(at, size)
            spool.add(piece, np.arange(at, at + piece.num_rows))
        yield spool


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "CHUNK", 20)


SETS = [["text"], ["number"], ["count", "flag"], ["day", "text", "number"]]


@pytest.mark.parametrize("columns", SETS)
@pytest.mark.parametrize("seed", range(3))
def test_of_rows_with_the_same_key_the_first_good_one_stays(seed: int, columns: list[str]) -> None:
    rows = rows_of(seed)
    frame = framed(rows, {})[columns]
    bad = Marks(np.random.default_rng(seed).integers(0, len(frame), 90).tolist())
    order = np.argsort(bad.of(np.arange(len(frame))), kind="stable")
    keys = frame.iloc[order]
    again = keys.duplicated(keep="first") & keys.notna().all(axis="columns")
    with spooled(rows, columns) as spool:
        found = keys_repeated(spool, shape_of([rows]), bad)
    assert list(found) == sorted(order[again.to_numpy()].tolist())


@pytest.mark.parametrize("left_out", ["all", "any", "none"])
@pytest.mark.parametrize("columns", SETS)
def test_values_that_come_again_are_found_with_the_first(
    columns: list[str], left_out: Among
) -> None:
    rows = rows_of(1)
    frame = framed(rows, {})[columns]
    kept = frame.iloc[places_kept(frame, left_out)]
    twice = kept[kept.duplicated(keep=False)]
    with spooled(rows, columns) as spool:
        found = values_repeated(spool, shape_of([rows]), left_out, 5)
    assert list(found.marks) == twice.index.tolist()
    first = twice.head(5)
    expected = list(first[columns[0]]) if len(columns) == 1 else first.to_dict("records")
    assert str(found.first) == str(expected)  # what is no number is unlike itself


def test_no_rows_repeat_nothing() -> None:
    with spooled(rows_of(0, 0), ["text"]) as spool:
        assert not keys_repeated(spool, {}, Marks())
        assert values_repeated(spool, {}, "any", 5).first == []


def test_a_spool_is_read_as_often_as_it_is_asked_for() -> None:
    rows = rows_of(0)
    with spooled(rows, ["count"]) as spool:
        shape = shape_of([rows])
        assert list(keys_repeated(spool, shape, Marks())) == list(
            keys_repeated(spool, shape, Marks())
        )


def test_a_full_disk_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    # a device on which every write finds the disk full: when it is flushed, and when it is closed
    full = open("/dev/full", "wb")  # noqa: PTH123, SIM115 - the spool closes it
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full)
    with (
        pytest.raises(DiskFullError, match="spool cannot be written"),
        spooled(rows_of(0), ["text"]),
    ):
        pass
    assert full.closed


def test_a_spool_is_one_file_of_the_folder_for_such_and_leaves_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, real = [], tempfile.TemporaryFile

    def opened(**how: Any) -> Any:
        assert how["dir"] == home / "spool"
        files.append(real(**how))
        return files[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", opened)
    with spooled(rows_of(0), ["text"]) as spool:
        assert sum(table.num_rows for part in spool.parts() for table in part) == 120
    assert [file.closed for file in files] == [True]
    assert list((home / "spool").iterdir()) == []
