"""Rows as the lake keeps them: typed, numbered, with the text of what could not be read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.ingest.cells import TYPES, Cells, cast_cells, infer_type, type_name
from mlfactory.ingest.request import Request
from mlfactory.ingest.times import UTC_TIME
from mlfactory.lake.catalog import RESCUED, ROW
from mlfactory.product.errors import ContractError


@dataclass(frozen=True)
class Landing:
    """What goes into a source's table, and how many of its rows have a cell that was rescued."""

    rows: pa.Table
    rescued: int


def land(rows: pa.Table, types: Mapping[str, pa.DataType]) -> Landing:
    """Return `rows` in their types, numbered, with the text of unreadable cells.

    Args:
        types: the types that are settled; those of other columns are inferred.
    """
    columns: dict[str, Cells] = {}
    for name in rows.column_names:
        column = rows.column(name)
        columns[name] = cast_cells(column, types.get(name) or infer_type(column))
    rescued = _rescued(rows, columns)
    table = pa.table(
        {
            **{name: cells.values for name, cells in columns.items()},
            RESCUED: rescued,
            ROW: pa.array(range(rows.num_rows), pa.int64()),
        }
    )
    return Landing(table, rows.num_rows - rescued.null_count)


def settled_types(request: Request, standing: Mapping[str, pa.DataType]) -> dict[str, pa.DataType]:
    """Return the types of the columns that the spec declares or the table already has.

    Raises:
        ContractError: if the two contradict each other.
    """
    types = {request.source.event_time: UTC_TIME} if request.source.event_time else {}
    types |= {name: kind for name, kind in standing.items() if name not in (ROW, RESCUED)}
    for name, declared in request.source.types.items():
        kind = TYPES[declared]
        if types.setdefault(name, kind) != kind:
            raise ContractError(
                f"{request.where}: sources.{request.name}.types says that '{name}' is "
                f"{declared}, and the lake holds it as {type_name(types[name])}",
                remedy=f"declare it {type_name(types[name])}, or remove {request.table} and "
                "ingest its partitions again",
            )
    return types


def _rescued(rows: pa.Table, columns: Mapping[str, Cells]) -> pa.Array:
    texts: dict[int, dict[str, str]] = {}
    for name, cells in columns.items():
        for row in _true_at(cells.unread):
            texts.setdefault(row, {})[name] = str(rows.column(name)[row].as_py())
    found: list[str | None] = [None] * rows.num_rows
    for row, cells_of_row in texts.items():
        found[row] = json.dumps(cells_of_row, sort_keys=True, ensure_ascii=False)
    return pa.array(found, pa.string())


def _true_at(mask: pa.ChunkedArray) -> Iterable[int]:
    if not pc.any(mask).as_py():
        return ()
    places: list[int] = pc.indices_nonzero(mask).to_pylist()
    return places
