"""The rows of one shard: every source cut by a hash of what groups its rows, or by their order."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.catalog import RAW_HELPERS
from mlfactory.lake.hashes import row_hashes
from mlfactory.lake.row_batches import accepted_batches
from mlfactory.lake.rows import as_frame, is_large, table_of
from mlfactory.lake.tables import Lake
from mlfactory.lake.unsettled import kinds_of
from mlfactory.prepare.sources import Stretch
from mlfactory.product.errors import ContractError, IntegrityError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition


def load_shard(
    product: Product, partition: Partition, stretch: Stretch, number: int
) -> dict[str, pd.DataFrame]:
    """Return the rows of each source that the build function may see in one shard, from 0.

    The shards of a partition together have the rows that `load_sources` returns: those of a source
    that is cut once, those of the others in every shard.

    Raises:
        ContractError: if a source with event times lacks a column of `partition.by`, two hold one
            in types whose values never meet, or it holds lists or the like.
        IntegrityError: if other rows come than validation counted, where their places tell.
    """
    cut = cut_sources(product)
    return {
        name: _load(product, name, partition, stretch, number if name in cut else None)
        for name in product.spec.events_from
    }


def cut_sources(product: Product) -> set[str]:
    """Return the sources whose rows are cut; see `load_shard`.

    These have event times. A register is given whole: that it has a column of the same name does
    not say that the same is meant.
    """
    spec, by = product.spec, product.spec.partition.by
    timed = [name for name, source in spec.events_from.items() if source.event_time]
    if not by:
        return {timed[0]}
    lake, found = Lake(product.name), set()
    types: dict[str, tuple[pa.DataType, str]] = {}
    for name in timed:
        kinds = kinds_of(lake.columns(table_of(product, name)))
        if not kinds:
            continue
        lacking = [column for column in by if column not in kinds]
        if lacking:
            raise ContractError(
                f"{product.name}.{name}: it has event times and no column '{lacking[0]}', by which "
                f"partition.by cuts; it has {[each for each in kinds if each not in RAW_HELPERS]}",
                remedy="name columns that every source with event times has",
            )
        found.add(name)
        for column in by:
            if pa.types.is_nested(kinds[column]):
                raise ContractError(
                    f"{product.name}.{name}: '{column}', by which partition.by cuts, is "
                    f"{kinds[column]}, which does not name a group of rows",
                    remedy="name columns of text, numbers or times",
                )
            # without any value so far it meets every type
            if pa.types.is_null(kinds[column]):
                continue
            kind, other = types.setdefault(column, (kinds[column], name))
            if _values_of(kind) != _values_of(kinds[column]):
                raise ContractError(
                    f"{product.name}.{name}: '{column}', by which partition.by cuts, is "
                    f"{kinds[column]}, and in {other} it is {kind}: no row would meet its own",
                    remedy="declare it with one type in both (sources.<name>.types)",
                )
    return found


def _values_of(kind: pa.DataType) -> str:
    """Return what the values of a type are, of which equal ones have one hash, see `row_hashes`."""
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "text"
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "times"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        return "numbers"
    if pa.types.is_decimal(kind):
        return f"decimals of {kind.scale} places"
    return str(kind)


def _load(
    product: Product, name: str, partition: Partition, stretch: Stretch, number: int | None
) -> pd.DataFrame:
    spec = product.spec
    time = spec.sources[name].event_time
    judged = [stretch.own] if time is None else list(stretch.usable)
    count = sum(each.landed(name).rows - each.quarantined(name) for each in judged)
    start = pa.scalar(partition.start - spec.features.history, pa.timestamp("us", "UTC"))
    whole, kept, before = Whole(), [], 0
    for batch in accepted_batches(product, name, judged):
        whole.look_at(batch)
        chosen = np.ones(batch.num_rows, dtype=np.bool_)
        if number is not None:
            chosen = of_shard(product, batch, number, before, count)
        before += batch.num_rows
        if time is not None and batch.num_rows:
            late = pc.fill_null(pc.greater_equal(batch.column(time), start), False)
            chosen &= late.to_numpy()
        kept.append(batch.filter(pa.array(chosen)))
    if number is not None and not spec.partition.by and before != count:
        raise IntegrityError(
            f"{product.name}.{name}: {count:,} rows were accepted, and {before:,} came, so that "
            "shards cut by their places would lack some",
            remedy="run validate for the partitions that it reads again",
        )
    return whole.frame(pa.concat_tables(kept))


def of_shard(
    product: Product, rows: pa.Table, number: int, before: int, count: int
) -> npt.NDArray[np.bool_]:
    """Tell which rows are of a shard.

    Args:
        before: rows of the source that came before these.
        count: rows of the source in all.
    """
    by, shards = product.spec.partition.by, product.spec.partition.shards
    if not by:
        places = np.arange(before, before + rows.num_rows)
        return (places >= count * number // shards) & (places < count * (number + 1) // shards)
    shard = row_hashes(rows, by) % np.uint64(shards)
    for column in by:
        # what belongs to nobody is in one place
        shard[pc.is_null(rows.column(column), nan_is_null=True).to_numpy()] = 0
    found: npt.NDArray[np.bool_] = shard == number
    return found


@dataclass
class Whole:
    """What decides the types that columns have in pandas: the shards have those of the whole."""

    gaps: set[str] = field(default_factory=set)
    large: set[str] = field(default_factory=set)

    def look_at(self, rows: pa.Table) -> None:
        """Look at some of the rows of the whole."""
        for each in rows.schema:
            column = rows.column(each.name)
            if column.null_count:
                self.gaps.add(each.name)
            if pa.types.is_int64(each.type) and each.name not in self.large and is_large(column):
                self.large.add(each.name)

    def frame(self, rows: pa.Table) -> pd.DataFrame:
        """Return rows of a shard, typed as the whole is."""
        found = as_frame(rows)
        for each in rows.schema:
            if each.name not in self.gaps:
                continue
            if pa.types.is_int64(each.type) and each.name in self.large:
                found[each.name] = rows.column(each.name).to_pandas(
                    types_mapper={pa.int64(): pd.Int64Dtype()}.get
                )
            elif pa.types.is_int64(each.type):
                found[each.name] = found[each.name].astype("float64")
            elif pa.types.is_boolean(each.type):
                found[each.name] = found[each.name].astype(object)
        return found
