"""A table that begins anew, with other types: in one commit, so that what it held before is kept.

Its old versions can be read as before, and a writer who does not know of it yet fails and looks
again, as after any commit.
"""

from __future__ import annotations

import pyarrow as pa
from deltalake import CommitProperties, write_deltalake
from deltalake.exceptions import CommitFailedError

from mlfactory.lake.catalog import PARTITION
from mlfactory.lake.columns import storable
from mlfactory.lake.delta import find_table, forget_table, remember_table, written
from mlfactory.lake.tables import Lake


def begin_anew(lake: Lake, table: str, schema: pa.Schema, version: int) -> bool:
    """Take all rows out of a table and give it other columns, unless another writer came first.

    Args:
        schema: of its rows from now on, without the partition.
        version: at which the table was found to need it.
    """
    address = lake.address(table)
    delta = find_table(address)
    if delta is None or delta.version() != version:
        return False
    rows = storable(schema.append(pa.field(PARTITION, pa.string())).empty_table())
    try:
        with written(address):
            write_deltalake(
                delta,
                rows,
                mode="overwrite",
                partition_by=[PARTITION],
                schema_mode="overwrite",
                commit_properties=CommitProperties(max_commit_retries=0),
            )
    except CommitFailedError:
        forget_table(address)
        return False
    except BaseException:
        forget_table(address)
        raise
    remember_table(address, delta)
    return True
