"""The ingest stage: land the partition's rows of every source in its raw table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

import pyarrow as pa

from mlfactory.ingest.landing import (
    Landing,
    land,
    marked,
    names_of_rows,
    refuse_typed,
    settled_types,
    spellings_of,
)
from mlfactory.ingest.losses import refuse_loss, refuse_lost
from mlfactory.ingest.receiving import Received, receive
from mlfactory.ingest.registers import Seen, seen_before
from mlfactory.ingest.request import Request, request_for
from mlfactory.ingest.versions import differences
from mlfactory.lake.batches import Batched, Stream
from mlfactory.lake.catalog import LANDING, RESCUED, SEEN_AT, raw
from mlfactory.lake.guards import settle_guards
from mlfactory.lake.manifests import manifest, read_manifest, was_prepared
from mlfactory.lake.numbers import numbers_of
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.lake.unsettled import as_received, as_stored, kinds_of
from mlfactory.product.loader import Product
from mlfactory.product.mistakes import listed
from mlfactory.product.partitions import Partition

_log = logging.getLogger(__name__)

_NOTHING: Mapping[str, Collection[str]] = MappingProxyType({})

Judge = Callable[[Mapping[str, pa.Table | Batched]], None]
"""Raises an error about rows that are not to be landed."""


@dataclass(frozen=True)
class IngestResult:
    """What was landed, by source; `no_data` where no source with event times has a row."""

    rows: dict[str, int]
    rescued: dict[str, int]
    versions: dict[str, int]
    state: Literal["ok", "no_data"]


@dataclass(frozen=True)
class _Landed:
    """The rows of a source, and what the manifest says of them."""

    landing: Landing
    seen_at: datetime | None
    facts: Mapping[str, Any] = field(default_factory=dict)
    read: tuple[Request, Received] | None = None


def run(
    product: Product,
    partition: Partition,
    *,
    renew: bool = False,
    again: Judge | None = None,
    arrived: str = "",
    left_out: Mapping[str, Collection[str]] = _NOTHING,
) -> IngestResult:
    """Land the rows of `partition` from every source, replacing what was landed before.

    Nothing is written before every source has been read, so that a broken one leaves the lake as
    it was.

    Args:
        renew: read sources without event times anew, instead of keeping them as they were seen.
        again: the partition is read again only for labels that have come since, and so is a
            register that has them. Rows that are gone from either since then are an error
            (`refuse_loss`); so is what this function raises, which is given the rows that would
            be landed, by source. Either way the lake stays as it was.
        arrived: what has come, where the partition is landed again for that. Rows that it had and
            that are in no file any more are an error then (`refuse_lost`).
        left_out: files that are not read, by source and address, for they are known to be broken.

    Raises:
        ContractError: if a source is not what its contract says.
        LateSourceError: if one has not arrived.
        ServiceError: if one cannot be reached, or another run has landed the partition meanwhile.
        BuildError: if a function of the product fails.
    """
    lake = Lake(product.name)
    now = datetime.now(UTC)
    with manifest(product, "ingest", partition.key, begin=False) as record:
        sources = product.spec.sources
        anew = {name for name in sources if again is not None and _has_labels(product, lake, name)}
        found = {
            name: _land(
                product, lake, name, partition, now, left_out.get(name, ()), renew or name in anew
            )
            for name in sources
        }
        rows = {name: each.landing.rows.num_rows for name, each in found.items()}
        landed = {
            name: marked(each.landing.rows, record.id, each.seen_at) for name, each in found.items()
        }
        if again is not None:
            refuse_loss(product, partition, rows, anew)
            again(landed)
        before = read_manifest(product.name, "ingest", partition.key)
        told = {name: _facts(each) for name, each in found.items()}
        if arrived:
            refuse_lost(product, partition, before, told, landed, left_out)
        record.begin()
        for name, table in landed.items():
            # without rows there is nothing to infer the types of a new table from
            if rows[name] or lake.version(raw(name)) is not None:
                record.write(lake, raw(name), _as_written(table))
        for each in found.values():
            if each.read is not None:
                _warn(*each.read, each.landing)
        record.counts = rows
        result = IngestResult(
            rows=rows,
            rescued={name: each.landing.rescued for name, each in found.items()},
            versions=record.outputs,
            state="ok" if _has_data(product, rows) else "no_data",
        )
        record.facts = {
            "state": result.state,
            "rescued": result.rescued,
            "sources": {name: _facts(each) for name, each in found.items()},
            **_because(product, before, told, arrived),
        }
    _log.info("%s %s: landed %s", product.name, partition, rows)
    return result


def _land(
    product: Product,
    lake: Lake,
    name: str,
    partition: Partition,
    now: datetime,
    left_out: Collection[str],
    renew: bool,
) -> _Landed:
    is_register = product.spec.sources[name].event_time is None
    standing = kinds_of(lake.columns(raw(name)))
    settle_guards(product, name, standing)
    request = request_for(product, name, partition, list(standing), left_out)
    types = settled_types(request, standing)
    if is_register and not renew:
        seen = seen_before(product, lake, name, partition, now)
        if seen is not None:
            return _kept(product, name, partition, seen)
    return _read(request, types, now if is_register else None)


def _has_labels(product: Product, lake: Lake, name: str) -> bool:
    """Tell whether labels come in a source: it has a column of their name, or the spec says so.

    What `build` makes a label of nobody can tell from the outside.
    """
    label = product.spec.label
    return name in label.registers or label.column in kinds_of(lake.columns(raw(name)))


def _kept(product: Product, name: str, partition: Partition, seen: Seen) -> _Landed:
    _log.info(
        "%s.%s, partition %s: kept as it was seen at %s",
        product.name,
        name,
        partition,
        seen.at.isoformat(timespec="seconds"),
    )
    before = read_manifest(product.name, "ingest", seen.partition)
    facts = {
        **before.get("facts", {}).get("sources", {}).get(name, {}),
        "seen_at": seen.at.isoformat(),
        "kept_from": seen.partition,
    }
    rows = as_received(seen.rows.drop_columns([LANDING, SEEN_AT]))
    rescued = rows.num_rows - rows.column(RESCUED).null_count
    return _Landed(Landing(rows, rescued), seen.at, facts)


def _read(request: Request, types: Mapping[str, pa.DataType], seen_at: datetime | None) -> _Landed:
    received = receive(request, product_store(request.product.name))
    refuse_typed(request, received.rows.schema, received.place)
    landing = land(
        received.rows,
        types,
        spellings_of(request),
        names_of_rows(request),
        numbers_of(request.source),
    )
    _tell_of_empty_columns(request.where, landing.rows)
    facts: dict[str, Any] = {
        "place": received.place,
        "rows_seen": received.seen,
        "undated": received.undated,
        "strays": received.strays,
        "columns": {one.name: str(one.type) for one in received.rows.schema},
        **received.origin,
    }
    if request.left_out:
        facts["left_out"] = sorted(request.left_out)
    if seen_at is not None:
        facts["seen_at"] = seen_at.isoformat()
    return _Landed(landing, seen_at, facts, (request, received))


def _as_written(rows: pa.Table | Batched) -> pa.Table | Stream:
    if isinstance(rows, pa.Table):
        return as_stored(rows)
    stored = rows.mapped(as_stored)
    return Stream(stored.schema, stored)


def _because(
    product: Product, before: Mapping[str, Any], told: Mapping[str, Any], arrived: str
) -> dict[str, Any]:
    """Return why a partition that had landed is another one now, if it is.

    What nothing was prepared of yet is said again by the landing that replaces it.
    """
    sources, told_before = before.get("facts", {}).get("sources", {}), list[str]()
    if before and not was_prepared(product.name, before):
        told_before = before["facts"].get("because", [])
    news = differences(sources, told) or ([arrived] if arrived else [])
    because = list(dict.fromkeys([*told_before, *news]))
    return {"because": because} if because else {}


def _facts(landed: _Landed) -> dict[str, Any]:
    """Return what the manifest says of a source; some is known only when its rows are written."""
    if landed.read is None:
        return dict(landed.facts)
    return {**landed.facts, "shortened": landed.landing.shortened}


def _warn(request: Request, received: Received, landing: Landing) -> None:
    if request.left_out:
        _log.warning(
            "%s: landed without %s, which cannot be read; it is landed when it is mended",
            request.where,
            listed(sorted(request.left_out)),
        )
    if received.undated:
        _log.warning(
            "%s: %s: the %s of %d rows cannot be read%s; they count as rows of the partition, "
            "as they may be of it",
            request.where,
            received.place,
            request.source.event_time,
            received.undated,
            f"; the first is '{received.example}'" if received.example else "",
        )
    if received.strays:
        _log.warning(
            "%s: %s: the %s of %d rows cannot be read%s; they may be of this partition, which has "
            "no other row, and are too few for one: they count in those beside it",
            request.where,
            received.place,
            request.source.event_time,
            received.strays,
            f"; the first is '{received.example}'" if received.example else "",
        )
    if landing.rescued:
        _log.warning(
            "%s: %s: %d rows have cells that are not of their column's type; their text is kept",
            request.where,
            received.place,
            landing.rescued,
        )
    if landing.shortened:
        _log.warning(
            "%s: %s: %d times are finer than a microsecond, and were cut to that",
            request.where,
            received.place,
            landing.shortened,
        )


def _tell_of_empty_columns(where: str, rows: pa.Table | Batched) -> None:
    empty = [field.name for field in rows.schema if pa.types.is_null(field.type)]
    if empty and rows.num_rows:
        _log.info(
            "%s: the columns %s never had a value; the first that comes gives them their type",
            where,
            empty,
        )


def _has_data(product: Product, rows: dict[str, int]) -> bool:
    sources = product.spec.events_from
    timed = [name for name, source in sources.items() if source.event_time]
    return any(rows[name] for name in timed or sources)
