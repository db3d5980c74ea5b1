"""Rows of tables as the stages that write them would leave them, with their manifests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
from deltalake import write_deltalake

from mlfactory.lake.catalog import PARTITION, RUN, manifest_file
from mlfactory.lake.delta import find_table
from mlfactory.lake.manifests import manifest, read_manifest
from mlfactory.lake.store import product_store, write_json
from mlfactory.lake.tables import Lake
from mlfactory.lake.vouched import WRITERS
from mlfactory.product.loader import Product

Rows = pd.DataFrame | pa.Table


def leave_rows(product: Product, key: str, **given: Rows) -> None:
    """Make rows those of tables in a partition, by one run of the stage that writes them.

    A table of the same stage that is not given keeps the rows that it has.
    """
    lake = Lake(product.name)
    for stage in dict.fromkeys(WRITERS.values()):
        tables = [table for table, writer in WRITERS.items() if writer == stage]
        if not given.keys() & set(tables):
            continue
        before: Any = read_manifest(product.name, stage, key)
        rows = {table: given.get(table, lake.arrow(table, [key])) for table in tables}
        with manifest(product, stage, key) as record:
            for name in ("reads", "counts", "facts"):
                getattr(record, name).update(before.get(name, {}))
            for table, made in rows.items():
                if made is not None:
                    record.write(lake, table, made)


def leave_history(product: Product, stage: str, **given: pd.DataFrame) -> None:
    """Make rows those of tables in many partitions, as a run of each would leave them.

    Each table is written in one commit, for a run of every hour of a month takes minutes.

    Args:
        given: all tables of the stage, with the column `partition`.
    """
    lake, store = Lake(product.name), product_store(product.name)
    oldest, *later = sorted({key for rows in given.values() for key in rows[PARTITION]})
    begun = [(name, rows[rows[PARTITION] == oldest]) for name, rows in given.items()]
    leave_rows(product, oldest, **{name: rows.drop(columns=PARTITION) for name, rows in begun})
    counts = {}
    for name, rows in given.items():
        rest = rows[rows[PARTITION] != oldest]
        counts[name] = rest[PARTITION].value_counts()
        table = find_table(lake.address(name))
        assert table is not None
        marked = rest.assign(**{RUN: f"{stage} of " + rest[PARTITION]})
        schema = pa.schema(table.schema().to_arrow())
        write_deltalake(
            table, pa.Table.from_pandas(marked, schema, preserve_index=False), mode="append"
        )
    model = read_manifest(product.name, stage, oldest)
    for key in later:
        written = {name: int(counts[name].get(key, 0)) for name in given}
        own = {"id": f"{stage} of {key}", "partition": key, "name": key, "written": written}
        write_json(store, manifest_file(stage, key), {**model, **own})


def leave_days(product: Product, made: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]) -> None:
    """Make features and labels those of each partition: the first ones together, which is faster.

    Args:
        made: features and labels by partition.
    """
    if find_table(Lake(product.name).address("features")) is None and len(made) > 1:
        features, labels = (
            pd.concat({key: tables[which] for key, tables in made.items()}, names=[PARTITION, None])
            .reset_index(level=PARTITION)
            .reset_index(drop=True)
            for which in (0, 1)
        )
        leave_history(product, "prepare", features=features, labels=labels)
        return
    for key, (features, labels) in made.items():
        leave_rows(product, key, features=features, labels=labels)
