"""What differs between two versions of a table: rows that came, went and changed, by their key.

A partition is read where its files differ, both of its versions at once, and one partition after
the other. Rows that have one key are told apart by what else they hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlfactory.lake.catalog import LANDING, PARTITION, ROW, RUN, SEEN_AT
from mlfactory.lake.delta import KEY, files_of, find_table, table_as_of
from mlfactory.lake.hashes import Hashes, row_hashes
from mlfactory.lake.history import no_table
from mlfactory.lake.tables import Lake

_OURS = frozenset((PARTITION, RUN, LANDING, ROW, SEEN_AT))
"""Columns that differ from run to run though the rows are the same."""

_EXAMPLES = 5

Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Example:
    """A row that changed: its key, and of each column that differs what it was and is."""

    key: Mapping[str, Any]
    cells: Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Difference:
    """How the rows of a partition differ.

    Attributes:
        before: how many there were; likewise `after`.
        changed: how many have the same key and other cells.
        columns: how many of those differ in which column, most first.
        examples: some of them.
    """

    partition: str
    before: int
    after: int
    added: int
    removed: int
    changed: int
    columns: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()

    @property
    def is_same(self) -> bool:
        """Tell whether the rows are the same."""
        return not (self.added or self.removed or self.changed)


@dataclass(frozen=True)
class Columns:
    """How the columns of a table differ: those that came and went, and types that changed."""

    new: Mapping[str, pa.DataType]
    gone: Mapping[str, pa.DataType]
    retyped: Mapping[str, tuple[pa.DataType, pa.DataType]]


def columns_between(lake: Lake, table: str, old: int, new: int) -> Columns:
    """Return how the columns of two versions differ; those that are ours do not count.

    Raises:
        IntegrityError: if a version does not exist, or no longer.
    """
    before, after = (
        {
            name: kind
            for name, kind in lake.columns(table, version=version).items()
            if name not in _OURS
        }
        for version in (old, new)
    )
    return Columns(
        {name: kind for name, kind in after.items() if name not in before},
        {name: kind for name, kind in before.items() if name not in after},
        {
            name: (before[name], kind)
            for name, kind in after.items()
            if name in before and before[name] != kind
        },
    )


def differences(
    lake: Lake,
    table: str,
    key: Sequence[str],
    old: int,
    new: int,
    partitions: Sequence[str] | None = None,
) -> Iterator[Difference]:
    """Yield how the rows of each partition differ that was written between two versions.

    Args:
        key: the columns that name a row; where a version lacks one of them, or there are none, a
            row that changed is one that went and one that came.
        partitions: to look at; all by default.

    Raises:
        UsageError: if there is no such table.
        IntegrityError: if a version does not exist, or no longer.
    """
    if find_table(lake.address(table)) is None:
        raise no_table(lake, table)
    before, after = (_files(lake, table, version) for version in (old, new))
    for slot in sorted(before.keys() | after.keys()):
        if before.get(slot) == after.get(slot) or (partitions and slot not in partitions):
            continue
        yield _difference(slot, key, *(_rows(lake, table, slot, each) for each in (old, new)))


def _files(lake: Lake, table: str, version: int) -> dict[str, frozenset[str]]:
    files = files_of(table_as_of(lake.address(table), version), None)
    found: dict[str, set[str]] = {}
    for slot, path in zip(files[KEY].to_pylist(), files["path"].to_pylist(), strict=True):
        found.setdefault(slot, set()).add(path)
    return {slot: frozenset(paths) for slot, paths in found.items()}


def _rows(lake: Lake, table: str, slot: str, version: int) -> pa.Table:
    rows = lake.arrow(table, [slot], version=version)
    assert rows is not None  # the version has been opened
    return rows.drop_columns([name for name in rows.column_names if name in _OURS])


def _difference(slot: str, key: Sequence[str], old: pa.Table, new: pa.Table) -> Difference:
    shared = sorted(set(old.column_names) & set(new.column_names))
    named = list(key) if set(key) <= set(shared) else []
    old, new = _texts(old, shared), _texts(new, shared)
    # the same rows first, so that of several with one key only those are compared that differ
    _, here, there = _met(*(_numbered(row_hashes(rows, shared)) for rows in (old, new)))
    left = [_but(rows, places) for rows, places in ((old, here), (new, there))]
    before, after = (rows.num_rows for rows in left)
    here = there = np.zeros(0, np.intp)
    if named:
        _, here, there = _met(*(_numbered(row_hashes(rows, named)) for rows in left))
    rest = [name for name in shared if name not in named]
    differing = {name: _cells(left[0], name, here) != _cells(left[1], name, there) for name in rest}
    counts = {name: int(each.sum()) for name, each in differing.items() if each.any()}
    return Difference(
        partition=slot,
        before=old.num_rows,
        after=new.num_rows,
        added=after - len(there),
        removed=before - len(here),
        changed=len(here),
        columns=dict(sorted(counts.items(), key=lambda each: -each[1])),
        examples=tuple(
            _example(named, left, (int(here[place]), int(there[place])), differing, place)
            for place in range(min(_EXAMPLES, len(here)))
        ),
    )


def _met(before: Hashes, after: Hashes) -> tuple[Hashes, Places, Places]:
    """Return what is in both, and where in each."""
    both, here, there = np.intersect1d(before, after, assume_unique=True, return_indices=True)
    return both, here.astype(np.intp), there.astype(np.intp)


def _but(rows: pa.Table, places: Places) -> pa.Table:
    """Return the rows that are not at some places."""
    kept = np.ones(rows.num_rows, bool)
    kept[places] = False
    return rows.filter(pa.array(kept))


def _numbered(hashes: Hashes) -> Hashes:
    """Return (rows,) another hash for each row; of equal ones by how many were before it."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    is_first = np.ones(len(ordered), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    starts = np.maximum.accumulate(np.where(is_first, np.arange(len(ordered)), 0))
    number = np.empty(len(ordered), np.uint64)
    number[order] = (np.arange(len(ordered)) - starts).astype(np.uint64)
    both = pa.table({"hash": pa.array(hashes), "number": pa.array(number)})
    return row_hashes(both, ["hash", "number"])


def _cells(rows: pa.Table, name: str, places: Places) -> Hashes:
    return row_hashes(rows, [name])[places]


def _texts(rows: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return rows whose lists and structs are text, so that they can be compared."""
    for name in names:
        if pa.types.is_nested(rows.field(name).type):
            texts = [None if cell is None else repr(cell) for cell in rows[name].to_pylist()]
            place = rows.column_names.index(name)
            rows = rows.set_column(place, name, pa.array(texts, pa.string()))
    return rows


def _example(
    key: Sequence[str],
    rows: Sequence[pa.Table],
    places: tuple[int, int],
    differing: Mapping[str, npt.NDArray[np.bool_]],
    number: int,
) -> Example:
    (old, new), (here, there) = rows, places
    return Example(
        {name: old[name][here].as_py() for name in key},
        {
            name: (old[name][here].as_py(), new[name][there].as_py())
            for name, differs in differing.items()
            if differs[number]
        },
    )
