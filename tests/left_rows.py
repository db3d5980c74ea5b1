"""Rows of tables as the stages that write them would leave them, with their manifests."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pyarrow as pa

from mlfactory.lake.manifests import manifest, read_manifest
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
