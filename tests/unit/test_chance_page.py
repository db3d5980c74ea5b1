"""docs/chance.md has the sections, columns and rows that its code makes, whatever the figures."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = ("frame", "worlds", "days", "gates", "drift")


@pytest.fixture
def sections(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """Give the sections as the code makes them, in the order of the page."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "chance"))
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield [one for name in MODULES[2:] for one in importlib.import_module(name).sections()]
    for name in MODULES:
        sys.modules.pop(name, None)


def test_the_truth_of_an_interval_is_that_of_the_same_world(sections):
    """Worlds of customers without days lost what customers differ by: their truth was another's."""
    gates = importlib.import_module("gates")
    worlds = [
        one for cell in covering(sections) for one in cell.args if isinstance(one, gates.World)
    ]
    assert {world.customers > 0 for world in worlds if not world.days} == {True, False}
    for world in worlds:
        endless = gates.endless_of(world)
        size = {"days": 0, "rows": 0, "customers": 0, "uneven": False}
        assert replace(endless, **size) == replace(world, **size)
        for part in ("days", "customers"):
            assert bool(getattr(endless, part)) == bool(getattr(world, part))
        assert endless.rows * max(endless.days, 1) >= 200_000


def covering(sections: list[Any]) -> list[Any]:
    rows = next(one.rows for one in sections if one.title == "Intervals of 95 %")
    return [cell for _, row in rows for cell in row]


def cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip("|").split("|"))


def test_the_page_of_chance_has_the_sections_columns_and_rows_that_its_code_makes(sections):
    page = (ROOT / "docs" / "chance.md").read_text(encoding="utf-8")
    written = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    assert [one.splitlines()[0] for one in written] == [one.title for one in sections]
    for one, section in zip(written, sections, strict=True):
        _, text, _, head, _, *rows = one.strip().splitlines()
        assert (text, cells(head)) == (section.text, section.head)
        labels = len(section.rows[0][0])
        assert [cells(row)[:labels] for row in rows] == [row[0] for row in section.rows]
        assert {len(cells(row)) for row in rows} == {len(section.head)}
