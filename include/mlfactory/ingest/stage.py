"""The ingest stage: land the partition's rows of every source in its raw table."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from mlfactory.ingest.landing import Landing, land, settled_types
from mlfactory.ingest.readers import receive
from mlfactory.ingest.request import request_for
from mlfactory.lake.catalog import raw
from mlfactory.lake.manifests import manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IngestResult:
    """What was landed, by source; `no_data` where no source with event times has a row."""

    rows: dict[str, int]
    rescued: dict[str, int]
    versions: dict[str, int]
    state: Literal["ok", "no_data"]


def run(product: Product, partition: Partition) -> IngestResult:
    """Land the rows of `partition` from every source, replacing what was landed before.

    Nothing is written before every source has been read, so that a broken one leaves the lake as
    it was.

    Raises:
        ContractError: if a source is not what its contract says.
        ServiceError: if a source cannot be reached, or has not arrived.
        BuildError: if a function of the product fails.
    """
    lake = Lake(product.name)
    with manifest(product, "ingest", partition.key, begin=False) as record:
        landings = {name: _landing(product, lake, name, partition) for name in product.spec.sources}
        record.begin()
        tables = {name: raw(name) for name in landings}
        for name, landing in landings.items():
            # without rows there is nothing to infer the types of a new table from
            if landing.rows.num_rows or lake.version(tables[name]) is not None:
                lake.replace(tables[name], landing.rows, partition.key)
        rows = {name: landing.rows.num_rows for name, landing in landings.items()}
        record.outputs = lake.versions(*tables.values())
        record.counts = rows
        result = IngestResult(
            rows=rows,
            rescued={name: landing.rescued for name, landing in landings.items()},
            versions=record.outputs,
            state="ok" if _has_data(product, rows) else "no_data",
        )
        record.facts = {"state": result.state, "rescued": result.rescued}
    _log.info("%s %s: landed %s", product.name, partition, rows)
    return result


def _landing(product: Product, lake: Lake, name: str, partition: Partition) -> Landing:
    standing = lake.columns(raw(name))
    request = request_for(product, name, partition, list(standing))
    types = settled_types(request, standing)
    received = receive(request)
    if received.undated:
        _log.warning(
            "%s: %s: %d rows belong to no partition, as their %s cannot be read; the first is '%s'",
            request.where,
            received.place,
            received.undated,
            request.source.event_time,
            received.example,
        )
    landing = land(received.rows, types)
    _warn_of_empty_columns(request.where, received.rows, types)
    if landing.rescued:
        _log.warning(
            "%s: %s: %d rows have cells that are not of their column's type; their text is kept",
            request.where,
            received.place,
            landing.rescued,
        )
    return landing


def _warn_of_empty_columns(where: str, rows: pa.Table, types: dict[str, pa.DataType]) -> None:
    empty = [
        name
        for name in rows.column_names
        if rows.num_rows and name not in types and rows.column(name).null_count == rows.num_rows
    ]
    if empty:
        _log.warning(
            "%s: the columns %s are empty in their first partition and become text; "
            "declare their types in product.yaml if that is wrong",
            where,
            empty,
        )


def _has_data(product: Product, rows: dict[str, int]) -> bool:
    timed = [name for name, source in product.spec.sources.items() if source.event_time]
    return any(rows[name] for name in timed or rows)
