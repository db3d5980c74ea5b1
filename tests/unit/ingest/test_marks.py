"""A mark is another one where rows are others, and only there."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlfactory.ingest.marks import Marks

AT = datetime(2026, 1, 2, tzinfo=UTC)
LATER = AT.replace(hour=1)
CELLS: dict[str, pa.Array] = {
    "text": pa.array(["a", None, "", "bc", "d", None]),
    "view": pa.array(["a", None, "", "bc", "d", None], pa.string_view()),
    "bytes": pa.array([b"a", None, b"", b"bc", b"d", None], pa.large_binary()),
    "int": pa.array([1, None, 0, 3, 4, None]),
    "short": pa.array([1, None, 0, 3, 4, None], pa.int8()),
    "float": pa.array([1.5, None, 0.0, 3, 4, None]),
    "bool": pa.array([True, None, False, True, True, None]),
    "time": pa.array([AT, None, AT, LATER, LATER, None], pa.timestamp("us", "UTC")),
    "decimal": pa.array(
        [Decimal("1.5"), None, Decimal("0.0"), Decimal("3.0"), Decimal("4.0"), None]
    ),
    "list": pa.array([[1], None, [], [2, 3], [4], None]),
    "struct": pa.array([{"a": 1}, None, {"a": 0}, {"a": 3}, {"a": 4}, None]),
    "words": pa.array(["a", None, "b", "a", "a", None]).dictionary_encode(),
    "fixed": pa.array([b"ab", None, b"cd", b"ab", b"ab", None], pa.binary(2)),
}
PLACES = np.array([0, 0, 1, 1, 1, 2])


def marks(table: pa.Table, places: Any = PLACES, cuts: tuple[int, ...] = ()) -> dict[int, str]:
    found = Marks(table.schema)
    for start, end in pairwise((0, *cuts, len(places))):
        found.take(table.slice(start, end - start), places[start:end])
    return found.of_each()


@pytest.mark.parametrize("kind", CELLS)
def test_how_rows_were_cut_as_they_were_read_does_not_count(kind: str) -> None:
    table = pa.table({"cell": CELLS[kind], "id": range(6)})
    expected = marks(table)
    assert set(expected) == {0, 1, 2}
    for cuts in ((1,), (3,), (1, 2, 3, 4, 5)):
        assert marks(table, cuts=cuts) == expected
    pieces = pa.concat_tables([table.slice(0, 3), table.slice(3)])
    assert marks(pieces) == expected
    # where it lies in the file does not count either
    assert marks(table.slice(2, 3), PLACES[2:5])[1] == expected[1]


@pytest.mark.parametrize("kind", CELLS)
def test_another_cell_gives_another_mark_to_its_partition_alone(kind: str) -> None:
    cells = CELLS[kind]
    expected = marks(pa.table({"cell": cells}))
    # the first of partition 1 becomes its last, or is gone
    for other in ([0, 1, 4, 3, 2, 5], [0, 1, 5, 3, 4, 5]):
        found = marks(pa.table({"cell": pa.array([cells[at].as_py() for at in other], cells.type)}))
        assert found[1] != expected[1]
        assert (found[0], found[2]) == (expected[0], expected[2])


def test_cells_do_not_run_into_each_other() -> None:
    one = pa.table({"a": ["ab", "c"], "b": ["", "x"]})
    other = pa.table({"a": ["a", "bc"], "b": ["x", ""]})
    assert marks(one, np.array([0, 0])) != marks(other, np.array([0, 0]))
    assert marks(one, np.array([0, 0])) != marks(one.rename_columns(["b", "a"]), np.array([0, 0]))


def test_what_lies_below_a_cell_without_a_value_does_not_count() -> None:
    filled = pa.array([1, 7, 3], mask=np.array([False, True, False]))
    clean = pa.array([1, None, 3])
    places = np.array([0, 0, 0])
    assert marks(pa.table({"a": filled}), places) == marks(pa.table({"a": clean}), places)


def test_a_column_without_a_value_in_the_partition_does_not_count() -> None:
    before = pa.table({"id": [1, 2], "note": pa.nulls(2)})
    after = pa.table({"id": [1, 2, 3], "note": [None, None, "new"], "more": [None, None, 1]})
    assert marks(before, np.array([0, 0]))[0] == marks(after, np.array([0, 0, 1]))[0]


def test_rows_without_any_value_are_counted() -> None:
    table = pa.table({"note": pa.nulls(3)})
    found = marks(table, np.array([0, 0, 1]))
    assert found[0] != found[1]
