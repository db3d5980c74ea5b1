"""Rows as the lake keeps them: typed, numbered, with the text of what could not be read."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.ingest.cells import (
    TYPES,
    Cells,
    Seen,
    cast_cells,
    type_name,
    without_codes,
)
from mlfactory.ingest.kinds import as_text, is_text
from mlfactory.ingest.request import Request
from mlfactory.ingest.times import UTC_TIME, shortened
from mlfactory.lake.batches import Batched, pieces_of, whole
from mlfactory.lake.catalog import LANDING, RAW_HELPERS, RESCUED, ROW, SEEN_AT
from mlfactory.lake.numbers import PLAIN, Numbers
from mlfactory.product.errors import ContractError


@dataclass
class Landing:
    """What goes into a source's table.

    Of rows that are more than a batch the numbers are known when all have been gone through.

    Attributes:
        rescued: how many rows have a cell that was rescued.
        shortened: how many times were finer than the microseconds that are kept.
    """

    rows: pa.Table | Batched
    rescued: int = 0
    shortened: int = 0


def land(
    rows: pa.Table | Batched,
    types: Mapping[str, pa.DataType],
    spellings: Mapping[str, str] | None = None,
    names_rows: Collection[str] = (),
    numbers: Numbers = PLAIN,
) -> Landing:
    """Return `rows` in their types, numbered, with the text of unreadable cells.

    Args:
        types: the types that are settled; those of other columns are inferred.
        spellings: how the times of a column are written, as strptime has it.
        names_rows: the columns that name a row and whose type is not declared. They become numbers
            only if all of them are, and are none where leading zeros would be lost.
        numbers: how numbers are written.
    """
    kinds = _kinds(rows, types, names_rows, numbers)
    spelled = spellings or {}
    if isinstance(rows, pa.Table):
        return _landed(rows, kinds, spelled, names_rows, 0, numbers)
    landing = Landing(rows)

    def landed() -> Iterator[pa.Table]:
        landing.rescued = landing.shortened = first = 0
        for batch in rows:
            one = _landed(batch, kinds, spelled, names_rows, first, numbers)
            landing.rescued += one.rescued
            landing.shortened += one.shortened
            first += batch.num_rows
            yield whole(one.rows)

    empty = _landed(rows.schema.empty_table(), kinds, spelled, names_rows, 0, numbers)
    landing.rows = Batched(empty.rows.schema, rows.num_rows, landed)
    return landing


def _kinds(
    rows: pa.Table | Batched,
    types: Mapping[str, pa.DataType],
    names_rows: Collection[str],
    numbers: Numbers,
) -> dict[str, pa.DataType]:
    """Return the type of each column, of which those that are not settled are inferred."""
    seen = {name: Seen(numbers=numbers) for name in rows.schema.names if name not in types}
    for batch in pieces_of(rows) if seen else ():
        for name, column in seen.items():
            column.look_at(batch.column(name))
    return {
        name: types[name] if name in types else seen[name].kind(strict=name in names_rows)
        for name in rows.schema.names
    }


def _landed(
    rows: pa.Table,
    kinds: Mapping[str, pa.DataType],
    spellings: Mapping[str, str],
    names_rows: Collection[str],
    first: int,
    numbers: Numbers,
) -> Landing:
    """Return rows in their types, numbered from `first`."""
    columns: dict[str, Cells] = {}
    cut = 0
    for name, kind in kinds.items():
        column = rows.column(name)
        cells = cast_cells(column, kind, spellings.get(name), numbers)
        columns[name] = without_codes(column, cells) if name in names_rows else cells
        cut += shortened(column) if kind == UTC_TIME else 0
    rescued = _rescued(rows, columns)
    table = pa.table(
        {
            **{name: cells.values for name, cells in columns.items()},
            RESCUED: rescued,
            ROW: pa.array(np.arange(first, first + rows.num_rows), pa.int64()),
        }
    )
    return Landing(table, rows.num_rows - rescued.null_count, cut)


def marked(rows: pa.Table | Batched, landing: str, seen_at: datetime | None) -> pa.Table | Batched:
    """Return landed rows with the id of their landing, and when they were seen if that is kept.

    These columns come first: of those behind many others the table's log tells no largest value.
    """
    if isinstance(rows, Batched):
        return rows.mapped(lambda batch: _marked(batch, landing, seen_at))
    return _marked(rows, landing, seen_at)


def _marked(rows: pa.Table, landing: str, seen_at: datetime | None) -> pa.Table:
    if seen_at is not None:
        rows = rows.add_column(0, SEEN_AT, pa.repeat(pa.scalar(seen_at, UTC_TIME), rows.num_rows))
    return rows.add_column(0, LANDING, pa.repeat(landing, rows.num_rows))


def spellings_of(request: Request) -> Mapping[str, str]:
    """Return how times are written in a source, by column, where that is declared."""
    return request.source.formats


def names_of_rows(request: Request) -> list[str]:
    """Return the columns that name a row and whose type is not declared."""
    return [name for name in request.source.key if name not in request.source.types]


def settled_types(request: Request, standing: Mapping[str, pa.DataType]) -> dict[str, pa.DataType]:
    """Return the types of the columns that the spec declares or the table already has.

    Raises:
        ContractError: if the two contradict each other.
    """
    types = {request.source.event_time: UTC_TIME} if request.source.event_time else {}
    types |= {
        name: kind
        for name, kind in standing.items()
        if name not in RAW_HELPERS and not pa.types.is_null(kind)
    }
    declared = {name: TYPES[kind] for name, kind in request.source.types.items()}
    declared |= dict.fromkeys(spellings_of(request), UTC_TIME)
    texts = request.source.landed_as_text
    for name in sorted(texts):
        if types.get(name, pa.string()) != pa.string():
            raise ContractError(
                f"{request.where}: sources.{request.name}.clean reads '{name}' from its text, and "
                f"the lake holds it as {type_name(types[name])}",
                remedy=f"let the source start over, so that it lands as text: {request.reset}",
            )
    # what `types` says of them is what cleaning makes of them
    declared |= dict.fromkeys(texts, pa.string())
    for name, kind in declared.items():
        if types.setdefault(name, kind) != kind:
            raise ContractError(
                f"{request.where}: sources.{request.name} says that '{name}' is "
                f"{type_name(kind)}, and the lake holds it as {type_name(types[name])}",
                remedy=f"declare it {type_name(types[name])}, or let the source start over: "
                f"{request.reset}",
            )
    return types


def refuse_typed(request: Request, schema: pa.Schema, place: str) -> None:
    """Make sure that what cleaning reads from text comes as text.

    A number that another tool has read already would be read twice: 1.234 as 1234.

    Raises:
        ContractError: if such a column has a type of its own.
    """
    for name in sorted(request.source.landed_as_text & set(schema.names)):
        kind = schema.field(name).type
        if not is_text(kind) and not pa.types.is_null(kind):
            raise ContractError(
                f"{request.where}: sources.{request.name}.clean reads '{name}' from its text, and "
                f"{place} has it as {kind} already",
                remedy="remove that step",
            )


def _rescued(rows: pa.Table, columns: Mapping[str, Cells]) -> pa.Array:
    texts: dict[int, dict[str, str]] = {}
    for name, cells in columns.items():
        given = rows.column(name)
        unread = _true_at(cells.unread)
        if unread and pa.types.is_nested(given.type):
            given = as_text(given)
        for row in unread:
            texts.setdefault(row, {})[name] = str(given[row].as_py())
    if not texts:
        return pa.nulls(rows.num_rows, pa.string())
    found: list[str | None] = [None] * rows.num_rows
    for row, cells_of_row in texts.items():
        found[row] = json.dumps(cells_of_row, sort_keys=True, ensure_ascii=False)
    return pa.array(found, pa.string())


def _true_at(mask: pa.ChunkedArray) -> Sequence[int]:
    if not pc.any(mask).as_py():
        return ()
    places: list[int] = pc.indices_nonzero(mask).to_pylist()
    return places
