"""The Delta tables of a product: read by partition and version, written a partition at a time.

Every write replaces its own partition in one commit, so that a stage run again, or killed and run
again, leaves the same rows. The table's version is the version of the data.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, SchemaMismatchError

from mlfactory.lake.batches import Stream, rebatched
from mlfactory.lake.catalog import PARTITION, RUN
from mlfactory.lake.columns import as_held, refuse_alike, storable
from mlfactory.lake.delta import (
    find_table,
    forget_table,
    keep_versions,
    make_table,
    remember_table,
    rows_of,
    schema_of,
    table_as_of,
    written,
)
from mlfactory.lake.reading import batches_of, marks_of
from mlfactory.lake.store import product_store
from mlfactory.lake.writing import write_files
from mlfactory.product.errors import ContractError, IntegrityError, ServiceError

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)

_WAITS = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds, more or less, before what another writer was faster than is written again."""

_WHOLE_TEXT = 56
"""Bytes below which a text that the log tells is as it lies in the rows: of longer ones it has 64
at most, less what is left of a letter."""


class Lake:
    """The tables of one product.

    Args:
        product: the product's name.
        root: the address of the product's tables; the configured lake's by default.
    """

    def __init__(self, product: str, root: str | None = None) -> None:
        self.product = product
        self.root = root or product_store(product).address()

    def address(self, table: str) -> str:
        """Return where a table is."""
        return f"{self.root}/{table}"

    def replace(
        self,
        table: str,
        frame: pd.DataFrame | pa.Table | Stream,
        partition: str,
        run: str | None = None,
    ) -> int:
        """Make `frame` the rows of `partition`, in one commit, and return the version it made.

        The column `partition` is added. An empty frame empties the partition. A column that the
        table does not have yet is added to it, one that the frame lacks is null. Of a stream no
        more than a batch is held, and its rows keep their order.

        Args:
            run: the id of the run that writes; the column `_run` is added where it is given.

        Raises:
            ContractError: if a column cannot be stored in the type the table has for it, or two
                differ in case only.
            IntegrityError: if the table is damaged, or does not take the rows.
            ServiceError: if other writers were faster again and again.
        """
        if isinstance(frame, Stream):
            return self._replace_by_stream(table, frame, partition, run)
        return self._replace_by_table(table, frame, partition, run)

    def _replace_by_table(
        self, table: str, frame: pd.DataFrame | pa.Table, partition: str, run: str | None
    ) -> int:
        rows = self._as_arrow(table, frame, partition, run)
        quoted = partition.replace("'", "''")

        def write(delta: DeltaTable) -> None:
            write_deltalake(
                delta,
                # rows of several chunks would be left in any order
                as_held(rows, schema_of(delta, None), table).combine_chunks(),
                mode="overwrite",
                partition_by=[PARTITION],
                predicate=f"{PARTITION} = '{quoted}'",
                schema_mode="merge",
            )

        return self._committed(table, rows.schema, partition, write)

    def _replace_by_stream(
        self, table: str, stream: Stream, partition: str, run: str | None
    ) -> int:
        tables = rebatched(chain([stream.schema.empty_table()], stream))
        first, second = next(tables), next(tables, None)
        if second is None:
            return self._replace_by_table(table, first, partition, run)
        schema = self._as_arrow(table, stream.schema.empty_table(), partition, run).schema
        refuse_alike(self.product, table, schema.names)
        delta = find_table(self.address(table)) or self._made(table, schema)
        standing = schema_of(delta, None)
        refuse_alike(self.product, table, [*standing.names, *schema.names])
        whole = as_held(schema.empty_table(), standing, table).schema
        rows = (
            as_held(self._as_arrow(table, each, partition, run), whole, table)
            for each in chain([first, second], tables)
        )
        del first, second
        # files whose commit failed are left to upkeep: whether it did nobody can be sure of
        files = write_files(self.address(table), partition, whole, rows)
        return self._committed(table, schema, partition, files.commit)

    def _committed(
        self, table: str, schema: pa.Schema, partition: str, write: Callable[[DeltaTable], None]
    ) -> int:
        """Let rows with the columns of `schema` be written, and again where others were faster."""
        refuse_alike(self.product, table, schema.names)
        for wait in (*_WAITS, None):
            try:
                delta = find_table(self.address(table)) or self._made(table, schema)
                refuse_alike(self.product, table, [*schema_of(delta, None).names, *schema.names])
                with written(self.address(table)):
                    keep_versions(delta)
                    write(delta)
            except (CommitFailedError, SchemaMismatchError) as error:
                # another writer committed first; its partition is not ours, so ours still holds
                forget_table(self.address(table))
                if wait is None:
                    raise ServiceError(
                        f"{self.address(table)}: partition {partition} could not be written, for "
                        f"other writers were always faster: {error}",
                        remedy="try again when fewer write",
                    ) from error
                _log.info("%s: another writer was faster, writing %s again", table, partition)
                time.sleep(wait * (0.5 + random.random()))  # noqa: S311 - no secret
            except BaseException:
                # what the handle knows of a write that did not end is not to be trusted
                forget_table(self.address(table))
                raise
            else:
                remember_table(self.address(table), delta)
                return delta.version()
        raise AssertionError("the last wait is None")

    def read(
        self,
        table: str,
        partitions: Sequence[str] | None = None,
        *,
        columns: Sequence[str] | None = None,
        version: int | None = None,
    ) -> pd.DataFrame:
        """Return rows of a table, of all partitions or the given ones, as of a version.

        Rows come partition after partition, times are in UTC. A table or partition that does not
        exist gives no rows; the frame of a table that does not exist has no columns but those
        asked for.

        Raises:
            IntegrityError: if the version that is asked for does not exist, or no longer.
            ContractError: if the table, as of that version, lacks a column that is asked for.
        """
        rows = self.arrow(table, partitions, columns=columns, version=version)
        if rows is None:
            # only who reads frames waits for it to be loaded
            import pandas as pd

            return pd.DataFrame(columns=list(columns or self.columns(table, ours=True)))
        frame: pd.DataFrame = rows.to_pandas().sort_values(
            PARTITION, kind="stable", ignore_index=True
        )
        return frame if columns is None else frame[list(columns)]

    def arrow(
        self,
        table: str,
        partitions: Sequence[str] | None = None,
        *,
        columns: Sequence[str] | None = None,
        version: int | None = None,
    ) -> pa.Table | None:
        """Return rows as `read` does, in the table's own types and with their partition.

        None if the table does not exist, or no partition is asked for.

        Raises:
            IntegrityError: if the version that is asked for does not exist, or no longer.
            ContractError: if the table, as of that version, lacks a column that is asked for.
        """
        found = self._asked(table, columns, version)
        if found is None or (partitions is not None and not partitions):
            return None
        return rows_of(found[0], self.address(table), partitions, found[1])

    def batches(
        self,
        table: str,
        partitions: Sequence[str] | None = None,
        *,
        columns: Sequence[str] | None = None,
        version: int | None = None,
    ) -> Iterator[pa.Table]:
        """Yield rows as `arrow` returns them, batch by batch, in the order in which they lie.

        Partition comes after partition. A table has one batch at least, if an empty one; a table
        that does not exist has none. What is wrong with a file is told when its turn has come, so
        nothing may be done for good before the end.

        Raises:
            IntegrityError: if the version that is asked for does not exist, or no longer.
            ContractError: if the table, as of that version, lacks a column that is asked for.
        """
        found = self._asked(table, columns, version)
        if found is None:
            return iter(())
        return batches_of(found[0], self.address(table), partitions, found[1])

    def marks(
        self,
        table: str,
        column: str,
        partitions: Sequence[str] | None = None,
        *,
        version: int | None = None,
    ) -> dict[str, dict[str, int]]:
        """Return how many rows of each partition carry which mark, such as the id of their run.

        No row is read of files of which the table's log tells. Rows without a mark, and all of a
        table that has no such column, have an empty one.
        """
        delta = self._open(table, version)
        return {} if delta is None else marks_of(delta, self.address(table), column, partitions)

    def newest(
        self, table: str, column: str, partitions: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Return the largest value of a column in each partition, or in each of the given ones.

        No row is read where the table's log tells; it does so of the first 32 columns. Partitions
        are left out that have no rows, or none with a value.
        """
        delta = self._open(table)
        kind = self.columns(table, ours=True).get(column)
        if delta is None or kind is None:
            return {}
        files = pa.table(delta.get_add_actions(flatten=True))
        key, value = f"partition.{PARTITION}", f"max.{column}"
        if partitions is not None:
            files = files.filter(pc.is_in(files[key], pa.array(partitions, pa.string())))
        if value not in files.column_names:
            files = files.append_column(value, pa.nulls(files.num_rows, kind))
        if pa.types.is_string(files[value].type):
            # the log has long texts cut, and rounded up
            whole = pc.less(pc.binary_length(files[value]), _WHOLE_TEXT)
            place = files.column_names.index(value)
            known = pc.if_else(whole, files[value], pa.scalar(None, pa.string()))
            files = files.set_column(place, value, known)
        untold = files.filter(pc.is_null(files[value])).column(key).unique().to_pylist()
        rows = rows_of(delta, self.address(table), untold, [column, PARTITION])
        told = pa.table({key: files[key], value: files[value]})
        read = pa.table({key: rows[PARTITION], value: rows[column].cast(told[value].type)})
        newest = pa.concat_tables([told, read]).group_by(key).aggregate([(value, "max")])
        found = zip(
            newest.column(key).to_pylist(), newest.column(f"{value}_max").to_pylist(), strict=True
        )
        return {key: value for key, value in found if value is not None}

    def version(self, table: str) -> int | None:
        """Return the newest version of a table, None if it does not exist."""
        delta = self._open(table)
        return None if delta is None else delta.version()

    def versions(self, *tables: str) -> dict[str, int]:
        """Return the newest version of each of the tables that exist."""
        found = {table: self.version(table) for table in tables}
        return {table: version for table, version in found.items() if version is not None}

    def columns(
        self, table: str, *, ours: bool = False, version: int | None = None
    ) -> dict[str, pa.DataType]:
        """Return the columns of a table and their types, none if it does not exist.

        Args:
            ours: name the columns `partition` and `_run` as well.
            version: of the table; the newest by default.

        Raises:
            IntegrityError: if the version that is asked for does not exist, or no longer.
        """
        delta = self._open(table, version)
        if delta is None:
            return {}
        schema = pa.schema(delta.schema().to_arrow())
        return {
            field.name: field.type for field in schema if ours or field.name not in (PARTITION, RUN)
        }

    def partitions(self, table: str) -> list[str]:
        """Return the keys of the partitions that have rows, sorted."""
        delta = self._open(table)
        if delta is None:
            return []
        return sorted({part[PARTITION] for part in delta.partitions()})

    def _open(self, table: str, version: int | None = None) -> DeltaTable | None:
        if version is None:
            return find_table(self.address(table))
        return table_as_of(self.address(table), version)

    def _asked(
        self, table: str, columns: Sequence[str] | None, version: int | None
    ) -> tuple[DeltaTable, list[str] | None] | None:
        """Return a table and which of its columns to read, None if it does not exist."""
        delta = self._open(table, version)
        if delta is None:
            return None
        wanted = list(columns) if columns is not None else None
        if wanted is not None and PARTITION not in wanted:
            wanted.append(PARTITION)
        known = [field.name for field in delta.schema().fields]
        if unknown := [name for name in wanted or () if name not in known]:
            raise ContractError(
                f"table {self.product}.{table}, version {delta.version()}: there is no column "
                f"{unknown}; it has {known}",
                remedy="run again the stage that writes it, if the columns were added since",
            )
        return delta, wanted

    def _made(self, table: str, schema: pa.Schema) -> DeltaTable:
        """Make a table without rows, unless another writer did so first, and return it.

        A first write that brought its rows along would replace those of another first write.
        """
        make_table(self.address(table), schema)
        delta = find_table(self.address(table))
        if delta is None:
            raise IntegrityError(
                f"{self.address(table)} was removed while it was being made",
                remedy="run the stage again",
            )
        return delta

    def _as_arrow(
        self, table: str, frame: pd.DataFrame | pa.Table, partition: str, run: str | None
    ) -> pa.Table:
        if not isinstance(frame, pa.Table):
            try:
                frame = pa.Table.from_pandas(frame, preserve_index=False)
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise ContractError(
                    f"{self.product}.{table}, partition {partition}: a column holds values of "
                    f"several types: {'; '.join(str(a) for a in error.args)}",
                    remedy="make each column one type",
                ) from error
        frame = frame.replace_schema_metadata(None)
        ours = [PARTITION] if run is None else [PARTITION, RUN]
        frame = frame.drop_columns([name for name in ours if name in frame.column_names])
        frame = frame.append_column(
            PARTITION, pa.repeat(pa.scalar(partition, pa.string()), frame.num_rows)
        )
        if run is not None:
            # first: of columns behind many others the table's log tells no largest value
            frame = frame.add_column(0, RUN, pa.repeat(pa.scalar(run, pa.string()), frame.num_rows))
        return storable(frame)
