"""Rows that people corrected and validation let through: they stand where the landed ones stood.

Validation leaves them in a table of each source, by their place in the landing; the landed rows
stay as they were received.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.catalog import PARTITION, ROW, RUN, corrected
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import IntegrityError, ServiceError
from mlfactory.product.loader import Product

if TYPE_CHECKING:
    from mlfactory.lake.rows import Standing

Corrections = Mapping[str, pa.Table]
"""By partition the corrected rows of a source, each with its place."""


def corrected_rows(product: Product, source: str, judged: Mapping[str, Standing]) -> Corrections:
    """Return the corrected rows of a source, of those of the partitions that have any.

    Those of a source that is cleaned are none: they were corrected before that, and stand among its
    cleaned rows.

    Raises:
        ServiceError: if a partition is being validated anew at this moment.
        IntegrityError: if corrected rows are gone, so that the bad ones would come back.
    """
    wanted = {key: each for key, each in judged.items() if each.corrected(source)}
    if not wanted or product.spec.sources[source].clean:
        return {}
    lake = Lake(product.name)
    there = lake.arrow(corrected(source), list(wanted))
    found = {}
    for key, standing in wanted.items():
        run = str(standing.validation["id"])
        rows = _of_run(there, key, run)
        if rows is None or rows.num_rows != standing.corrected(source):
            _refuse(product, source, key, run, 0 if rows is None else rows.num_rows, standing)
        else:
            found[key] = rows
    return found


def with_corrections(rows: pa.Table, corrections: Corrections) -> pa.Table:
    """Return landed rows with the corrected ones in the places of those that they correct.

    Args:
        rows: with their partition and their place, and some columns of the source, or all.
    """
    for key, own in corrections.items():
        own_places = own.column(ROW).combine_chunks()
        places = pc.index_in(rows.column(ROW), value_set=own_places)
        hit = pc.and_(pc.equal(rows.column(PARTITION), key), pc.is_valid(places))
        at = np.flatnonzero(hit.to_numpy())
        if not len(at):
            continue
        chosen = np.arange(rows.num_rows)
        chosen[at] = rows.num_rows + pc.fill_null(places, 0).to_numpy()[at]
        rows = pa.concat_tables([rows, _like(own, rows.schema, key)]).take(pa.array(chosen))
    return rows


def _of_run(rows: pa.Table | None, key: str, run: str) -> pa.Table | None:
    if rows is None:
        return None
    return rows.filter(pc.and_(pc.equal(rows.column(PARTITION), key), pc.equal(rows[RUN], run)))


def _like(own: pa.Table, schema: pa.Schema, key: str) -> pa.Table:
    """Return corrected rows with the columns of landed ones; of ours they have but the place."""
    columns = []
    given = set(own.column_names)
    for field in schema:
        if field.name == PARTITION:
            columns.append(pa.repeat(pa.scalar(key, field.type), own.num_rows))
        elif field.name in given and not pa.types.is_null(field.type):
            columns.append(own.column(field.name).cast(field.type))
        else:
            columns.append(pa.nulls(own.num_rows, field.type))
    return pa.table(columns, schema=schema)


def _refuse(
    product: Product, source: str, key: str, run: str, found: int, standing: Standing
) -> None:
    again = f"mlfactory run {product.name} {key} --stage validate --downstream"
    if read_manifest(product.name, "validate", key).get("id") != run:
        raise ServiceError(
            f"{product.name}, partition {key}: it is being validated anew",
            remedy=f"run it again when that has ended; if none is at work: {again}",
        )
    raise IntegrityError(
        f"{product.name}.{source}, partition {key}: {standing.corrected(source):,} rows were "
        f"corrected, and {Lake(product.name).address(corrected(source))} holds {found:,}; the bad "
        "ones would come back in place of the others",
        remedy=again,
    )
