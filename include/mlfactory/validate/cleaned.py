"""Landed rows as the steps of their source clean them, in a table of their own.

They are written before they are checked, so that they are gone through once, and are read again
from there: by the check, and by whoever uses what it lets through.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa

from mlfactory.cleaning import Cleaning
from mlfactory.lake.anew import begin_anew
from mlfactory.lake.batches import Stream
from mlfactory.lake.catalog import LANDING, clean, raw
from mlfactory.lake.manifests import Manifest
from mlfactory.lake.row_batches import landed_batches
from mlfactory.lake.row_decisions import Word
from mlfactory.lake.rows import Landed, empty_rows, standings
from mlfactory.lake.tables import Lake
from mlfactory.lake.unsettled import as_received, as_stored, kinds_of
from mlfactory.product.errors import ContractError, ServiceError
from mlfactory.product.loader import Product
from mlfactory.validate.decided import NOTHING, corrected_batches, heeded
from mlfactory.validate.origin import Origin
from mlfactory.validate.survey import Batches

_log = logging.getLogger(__name__)

_TRIES = 8


@dataclass(frozen=True)
class ToCheck:
    """The rows of all sources as they are checked.

    Attributes:
        batches: of each source.
        counts: how many they are.
        origins: of those that were cleaned, what they were before.
        told: what cleaning did to them, as the manifest says it.
        stopped: of each source why a step of it stops the partition, where one does.
    """

    batches: dict[str, Batches] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    origins: dict[str, Origin] = field(default_factory=dict)
    told: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    stopped: dict[str, Sequence[str]] = field(default_factory=dict)

    def takes(self, name: str, cleaning: Cleaning, origin: Origin, cleaned: Batches) -> None:
        """Have the cleaned rows of a source checked in place of those that landed."""
        self.batches[name] = cleaned
        self.origins[name] = origin
        self.told[name] = cleaning.facts()
        self.stopped[name] = cleaning.stopped


Words = Mapping[str, Mapping[str, Word]]
"""Of each source the last word about each row that was decided about, by its record's digest."""


def clean_landed(
    record: Manifest, product: Product, lake: Lake, rows: ToCheck, words: Words
) -> None:
    """Clean the landed rows of the sources that ask for it, and leave them in their tables.

    A row that somebody corrected is cleaned as it was corrected: a person writes a value as the
    source writes it. One that was discarded is cleaned as well, and no other row hears of it.

    Raises:
        ContractError: if a step does not suit the source.
    """
    for name, source in product.spec.sources.items():
        if not source.clean:
            continue
        landed, table = rows.batches[name], clean(name)
        schema = as_received(empty_rows(lake, raw(name))).schema
        if not rows.counts[name] and LANDING not in lake.columns(raw(name), ours=True):
            # nothing has landed of it ever, and nothing tells what columns it has
            rows.told[name] = {"landed": 0, "told": []}
            continue
        cleaning = Cleaning(product, name, schema)
        origin = _origin(name, landed, source.key, words)
        stored = map(as_stored, _cleaned(cleaning, origin, record.id))
        empty = as_stored(next(cleaning.rows(partial(_nothing, schema), record.id)))
        _begin_anew(product, lake, name, empty.schema)
        stream = Stream(empty.schema, stored)
        if rows.counts[name] or lake.version(table) is not None:
            record.write(lake, table, stream)
        rows.counts[name] = len(stream)
        own = {record.partition: Landed(record.id, len(stream))}
        batches: Batches = partial(landed_batches, product, name, own, table=table)
        rows.takes(name, cleaning, origin, batches)
        _log.info(
            "%s.%s, partition %s: cleaned, %d of %d rows are left",
            product.name,
            name,
            record.partition,
            len(stream),
            cleaning.landed,
        )


def clean_given(product: Product, rows: ToCheck, words: Words) -> None:
    """Clean rows that did not land, and write nothing.

    Raises:
        ContractError: see `clean_landed`.
    """
    for name, source in product.spec.sources.items():
        if not source.clean:
            continue
        landed = rows.batches[name]
        cleaning = Cleaning(product, name, next(landed()).schema)
        origin = _origin(name, landed, source.key, words)
        batches = _unwritten(cleaning, origin)
        rows.counts[name] = sum(each.num_rows for each in batches())
        rows.takes(name, cleaning, origin, batches)


def _origin(name: str, landed: Batches, key: Sequence[str], words: Words) -> Origin:
    told = words.get(name)
    return Origin(landed, heeded(name, landed, key, told) if told else NOTHING)


def _cleaned(cleaning: Cleaning, origin: Origin, run: str) -> Iterator[pa.Table]:
    decided = origin.decided
    return cleaning.rows(corrected_batches(origin.landed, decided.changes), run, decided.discarded)


def _unwritten(cleaning: Cleaning, origin: Origin) -> Batches:
    def batches(*, columns: Any = None) -> Iterator[pa.Table]:
        cleaned = _cleaned(cleaning, origin, "")
        return cleaned if columns is None else (each.select(list(columns)) for each in cleaned)

    return batches


def _nothing(schema: pa.Schema) -> Iterator[pa.Table]:
    return iter([schema.empty_table()])


def _begin_anew(product: Product, lake: Lake, name: str, schema: pa.Schema) -> None:
    """Empty the table of a source's cleaned rows if other steps gave its columns other types.

    It is made of the landed rows, partition by partition; those whose rows go with it were cleaned
    by other steps, and are to be validated again anyway.

    Raises:
        ContractError: if these very steps left rows in it with other types.
        ServiceError: if other writers were faster again and again.
    """
    table = clean(name)
    for _ in range(_TRIES):
        version = lake.version(table)
        before = kinds_of(lake.columns(table, ours=True, version=version))
        found = [
            each
            for each in kinds_of(dict(zip(schema.names, schema.types, strict=True))).items()
            if before.get(each[0], each[1]) != each[1]
            and not pa.types.is_null(each[1])
            and not pa.types.is_null(before[each[0]])
        ]
        if version is None or not found:
            return
        _refuse_same_steps(product, lake, name, before, found)
        # of two validations that find it at once one does it, and the other looks again
        if begin_anew(lake, table, schema, version):
            return
    raise ServiceError(
        f"{product.name}: {lake.address(table)} could not begin anew, for other writers were "
        "always faster",
        remedy="run it again when fewer write",
    )


def _refuse_same_steps(
    product: Product,
    lake: Lake,
    name: str,
    before: Mapping[str, pa.DataType],
    found: Sequence[tuple[str, pa.DataType]],
) -> None:
    """Make sure that no rows go which were left by the very steps that the source has now.

    Args:
        before: the types that its table has.
        found: the columns that are of others now.
    """
    judged = standings(product, lake.partitions(clean(name)))
    kept = [key for key, each in judged.items() if each.state in ("accepted", "stopped")]
    told = ", ".join(f"'{column}' was {before[column]}, is {kind}" for column, kind in found)
    if kept:
        raise ContractError(
            f"{product.name}.{name}: its steps of clean gave other types in partition {kept[0]}: "
            f"{told}",
            remedy="declare them (sources.<name>.types), and let the source start over: mlfactory "
            f"reset {product.name} --source {name}",
        )
    _log.warning(
        "%s.%s: its cleaned rows begin anew, for other steps gave other types: %s; partitions that "
        "were cleaned before are to be validated again",
        product.name,
        name,
        told,
    )
