"""`expect_rows_to_match`: each row has one of another source with the same values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.marks import Marks
from mlfactory.lake.spool import PLACE, Spool
from mlfactory.product.own_rules import Match
from mlfactory.validate.conditions import ConditionError
from mlfactory.validate.own.asked import EXAMPLES, Asked, chosen, told, written
from mlfactory.validate.rules import Rule
from mlfactory.validate.suite import Outcome
from mlfactory.validate.survey import Batches

_MOMENT = pa.timestamp("us", tz="UTC")
_BEYOND = 2.0**63
"""From here on no float is a whole number of 64 bits."""


def answer(rule: Rule, asked: Asked) -> Outcome:
    """Return the rows that the other source has no row for; one with a missing value needs none.

    Both sides go by way of the disk, where equal values meet and are compared as values.

    Raises:
        ConditionError: if values of the two cannot be compared, or a column is not there.
    """
    own = rule.own
    assert isinstance(own, Match)
    mine, theirs = list(own.on), list(own.on.values())
    there, kinds = _rows_of(own, asked), _kinds(asked, own)
    broken, among = Marks(), 0
    first: list[tuple[int, str]] = []
    with Spool(mine) as here, Spool(mine) as known:
        for batch, _, places in chosen(rule, asked):
            rows = keys_in(batch.select(mine), mine, kinds)
            full = complete(rows)
            among += int(full.sum())
            here.add(rows.filter(pa.array(full)), places[full])
        for batch in there(columns=theirs):
            rows = keys_in(batch.select(theirs), mine, kinds)
            rows = distinct(rows.filter(pa.array(complete(rows))))
            known.add(rows, np.zeros(rows.num_rows, np.int64))
        for ours, matched in paired(here, known):
            lone = ours.join(matched, mine, join_type="left anti") if matched is not None else ours
            broken.add(lone.column(PLACE).to_numpy())
            first = sorted([*first, *first_of(lone, mine)])[: EXAMPLES + 1]
    return told(rule, broken, among, [each for _, each in first])


def keys_in(rows: pa.Table, names: Sequence[str], kinds: Sequence[pa.DataType]) -> pa.Table:
    """Return columns under some names and in some types, so that equal values are the same."""
    columns = []
    for place, kind in enumerate(kinds):
        cells = rows.column(place)
        if pa.types.is_timestamp(kind) and pa.types.is_timestamp(cells.type) and not cells.type.tz:
            cells = cells.cast(pa.timestamp("us"), safe=False)
        if kind == pa.string() and _is_number(cells.type):
            cells = _written_out(cells)
        cells = cells.cast(kind, safe=False)
        # nothing tells minus nothing from nothing
        columns.append(pc.add(cells, 0.0) if pa.types.is_floating(kind) else cells)
    return pa.table(columns, names=list(names))


def _written_out(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return numbers as texts that are the same where the numbers are, whatever their type is."""
    if pa.types.is_integer(cells.type):
        return cells.cast(pa.string())
    cells = cells.cast(pa.float64())
    whole = pc.and_(pc.equal(pc.floor(cells), cells), pc.less(pc.abs(cells), _BEYOND))
    # a null or nan is no value there either
    texts = pc.if_else(pc.is_nan(cells), pa.scalar(None, pa.string()), cells.cast(pa.string()))
    integers = pc.if_else(whole, cells, 0.0).cast(pa.int64()).cast(pa.string())
    return pc.if_else(whole, integers, texts)


def complete(rows: pa.Table) -> npt.NDArray[np.bool_]:
    """Return (rows,) where every column has a value."""
    found = np.ones(rows.num_rows, np.bool_)
    for column in rows.columns:
        found &= ~pc.is_null(column, nan_is_null=True).to_numpy()
    return found


def distinct(rows: pa.Table) -> pa.Table:
    """Return each combination of values once."""
    return rows.group_by(rows.column_names).aggregate([]).select(rows.column_names)


def _rows_of(own: Match, asked: Asked) -> Batches:
    other = asked.beside.others[own.source]
    found = other.accepted if own.rows == "accepted" else other.landed
    assert found is not None, f"{own.source} is checked before {asked.source}"
    return found if other.rows else lambda **_: iter(())


def _kinds(asked: Asked, own: Match) -> list[pa.DataType]:
    """Return the type in which the values of each pair of columns are compared."""
    other, found = asked.beside.others[own.source], []
    for name, theirs in own.on.items():
        if theirs not in other.kinds and other.rows:
            raise ConditionError(f"{own.source} has no column '{theirs}'")
        types = asked.kinds[name], other.kinds.get(theirs, pa.null())
        kind = common_kind(*types)
        if kind is None:
            raise ConditionError(
                f"{asked.source}.{name} is {types[0]}, and {own.source}.{theirs} is {types[1]}: "
                "these are never the same"
            )
        found.append(kind)
    return found


def common_kind(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """Return a type that holds the values of two, None if they cannot be compared.

    Of whole numbers and others that is text: a float tells no two whole numbers beyond 2^53 apart.
    """
    kinds = [kind for kind in (one, other) if not pa.types.is_null(kind)]
    if not kinds:
        return pa.string()
    if any(pa.types.is_nested(kind) for kind in kinds):
        return None
    if all(_is_text(kind) for kind in kinds):
        return pa.string()
    if all(kind == kinds[0] for kind in kinds):
        return _MOMENT if pa.types.is_timestamp(kinds[0]) else kinds[0]
    if all(pa.types.is_integer(kind) for kind in kinds):
        return pa.int64()
    if all(_is_number(kind) for kind in kinds):
        return pa.string() if any(map(pa.types.is_integer, kinds)) else pa.float64()
    if all(pa.types.is_timestamp(kind) or pa.types.is_date(kind) for kind in kinds):
        return _MOMENT
    return None


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def paired(here: Spool, known: Spool) -> Iterator[tuple[pa.Table, pa.Table | None]]:
    """Yield rows part by part, a piece at a time, with all that may be equal to one of them."""
    others = known.parts()
    for part in here.parts():
        tables = [distinct(table.drop_columns([PLACE])) for table in next(others, iter(()))]
        matched = distinct(pa.concat_tables(tables)) if tables else None
        for table in part:
            yield table, matched


def first_of(rows: pa.Table, columns: Sequence[str]) -> list[tuple[int, str]]:
    """Return the first rows in words, each with its place."""
    if not rows.num_rows:
        return []
    few = rows.take(pc.select_k_unstable(rows, EXAMPLES + 1, [(PLACE, "ascending")]))
    return [
        (place, written(record))
        for place, record in zip(
            few.column(PLACE).to_pylist(), few.select(columns).to_pylist(), strict=True
        )
    ]
