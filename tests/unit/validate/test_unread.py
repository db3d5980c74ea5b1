"""Cells that could not be read are counted by column, batch by batch as in one."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from mlfactory.validate import unread
from mlfactory.validate.unread import UnreadCells

KINDS = {"at": pa.timestamp("us", "UTC"), "price": pa.float64(), "count": pa.int64()}


def looked(cells: dict[int, dict[str, str]], rows: int, size: int) -> UnreadCells:
    texts = [json.dumps(cells[row]) if row in cells else None for row in range(rows)]
    found = UnreadCells(KINDS)
    for start in range(0, rows, size):
        found.look(pa.chunked_array([texts[start : start + size]], pa.string()), start)
    return found


@pytest.mark.parametrize("size", [40, 7])
def test_each_column_has_its_cells_an_example_and_the_type_that_would_read_them(size: int) -> None:
    cells = {
        2: {"price": "free"},
        3: {"count": "7.5", "at": "noon"},
        9: {"count": "8.5"},
        30: {"at": "2026-13-01"},
    }
    found = looked(cells, 40, size)
    assert [(one.column, one.cells, one.example, one.readable_as) for one in found.told()] == [
        ("at", 2, "noon", "string"),
        ("count", 2, "7.5", "float"),
        ("price", 1, "free", "string"),
    ]
    assert [one.column for one in found.told(but="at")] == ["count", "price"]
    assert list(found.rows) == [2, 3, 9, 30]
    assert {name: list(rows) for name, rows in found.by_column().items()} == {
        "at": [3, 30],
        "price": [2],
        "count": [3, 9],
    }


def test_codes_are_no_numbers() -> None:
    [found] = looked({0: {"count": "007"}, 1: {"count": "8.5"}}, 3, 3).told()
    assert found.readable_as == "string"


@pytest.mark.parametrize(
    "text", ['a "quoted" cell\nof two lines', "2026-01-01T00:00:00", "12", "", "\ud83d", "é" * 9]
)
def test_any_text_is_told_as_it_was_received(text: str) -> None:
    [found] = looked({1: {"price": text}}, 3, 3).told()
    assert found.cells == 1
    assert found.example == text.encode(errors="replace").decode()


def test_a_cell_that_is_longer_than_what_is_parsed_at_once_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unread, "_BLOCK", 16)
    found = looked({row: {"price": "free " * 50} for row in range(20)}, 20, 20)
    assert found.told()[0].cells == 20


def test_a_column_that_only_a_late_row_names_is_found() -> None:
    cells = {row: {"price": "free"} for row in range(1_500)} | {1_400: {"count": "7.5"}}
    found = looked(cells, 1_500, 1_500)
    assert [(one.column, one.cells, one.example) for one in found.told()] == [
        ("price", 1_499, "free"),
        ("count", 1, "7.5"),
    ]
