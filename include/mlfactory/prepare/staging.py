"""What the shards of a partition leave for the gathering: a note and two files each, of one run.

The note is written last: where it is, the shard is done. What a run left that never came to its
end is removed by upkeep.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq

from mlfactory.lake.batches import rebatched
from mlfactory.lake.catalog import staging_file, staging_folder
from mlfactory.lake.store import as_json, find_json, product_store
from mlfactory.prepare.profiling import Summarised
from mlfactory.product.errors import IntegrityError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_PIECE = 65_536
BEGUN = "begun.json"


@dataclass(frozen=True)
class Note:
    """What a shard says of itself.

    Attributes:
        file: what its files are called, which no other try at it wrote.
        reads: the ids of the validations whose rows it was built of, by their names.
        texts: the columns of the key that are text.
        features: how many rows.
        labels: how many, those of earlier events among them.
        earlier: how many labels are of earlier events; they come last.
        built: how many rows the product's function returned.
        known: how many of those lie in the partition or its history.
    """

    partition: str
    shard: int
    of: int
    file: str
    spec_hash: str
    code_hash: str
    reads: dict[str, str]
    texts: tuple[str, ...] = ()
    features: int = 0
    labels: int = 0
    earlier: int = 0
    built: int = 0
    known: int = 0


def begin(product: Product, run: str) -> None:
    """Note when the newest try at a shard of a run began: upkeep counts from there."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    product_store(product.name).write(staging_file(run, BEGUN), as_json({"begun": now}))


def leave(
    product: Product,
    run: str,
    note: Note,
    tables: dict[str, pa.Table],
    summary: Summarised | None = None,
) -> None:
    """Leave the tables of a shard with the summary of its features, and then its note."""
    store = product_store(product.name)
    for name, table in tables.items():
        # gives its bytes without a copy, as Arrow's own sink does not
        sink = io.BytesIO()
        pq.write_table(table, sink, row_group_size=_PIECE)
        store.write(staging_file(run, f"{note.file}.{name}.parquet"), sink.getvalue())
    if summary is not None:
        store.write(_summary_file(run, note), summary.to_bytes())
    store.write(staging_file(run, f"{note.shard}.json"), as_json(asdict(note)))


def new_file(shard: int) -> str:
    """Return what the files of a try at a shard are called."""
    return f"{shard}-{secrets.token_hex(4)}"


def files_left(product: Product, run: str) -> set[str]:
    """Return what the files are called of which the shards of a run left a note."""
    store = product_store(product.name)
    names = (staging_file(run, f"{each}.json") for each in range(product.spec.partition.shards))
    return {str(found["file"]) for name in names if (found := find_json(store, name))}


def notes(product: Product, partition: Partition, run: str) -> list[Note]:
    """Return the notes of all shards of a run.

    Raises:
        UsageError: if one is missing, or was left for something else.
    """
    store, count = product_store(product.name), product.spec.partition.shards
    found = [find_json(store, staging_file(run, f"{number}.json")) for number in range(count)]
    where = f"{product.name}, partition {partition}"
    if missing := [str(number) for number, each in enumerate(found) if each is None]:
        raise UsageError(
            f"{where}: of its {count} shards there is none of {', '.join(missing)} in this run",
            remedy="run all shards of the partition again: in Airflow clear the task prepare with "
            "what follows it",
        )
    made = [Note(**each) for each in found if each is not None]
    for note in made:
        if (note.partition, note.of, note.spec_hash, note.code_hash) != (
            partition.key,
            count,
            product.spec_hash,
            product.code_hash,
        ):
            raise UsageError(
                f"{where}, shard {note.shard}: it was made by other code, or for another cut, than "
                "is there now",
                remedy="run all shards of the partition again: in Airflow clear the task prepare "
                "with what follows it",
            )
    return made


def rows_of(product: Product, run: str, note: Note, table: str) -> Iterator[pa.Table]:
    """Yield the rows of a table that a shard left, in batches."""
    store, name = product_store(product.name), staging_file(run, f"{note.file}.{table}.parquet")
    content = store.find(name)
    if content is None:
        raise IntegrityError(
            f"{store.address(name)} is gone, which a shard of partition {note.partition} left",
            remedy="run all shards of the partition again",
        )
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        empty = file.schema_arrow.empty_table()
        pieces = (pa.Table.from_batches([piece]) for piece in file.iter_batches(_PIECE))
        yield from rebatched(each for part in ([empty], pieces) for each in part)


def summaries(product: Product, run: str, notes: Sequence[Note]) -> list[Summarised | None]:
    """Return the summaries of the features that the shards with rows left, None where none is."""
    store = product_store(product.name)
    found = (store.find(_summary_file(run, note)) for note in notes if note.features)
    return [None if each is None else Summarised.from_bytes(each) for each in found]


def _summary_file(run: str, note: Note) -> str:
    return staging_file(run, f"{note.file}.summary.npz")


def clear(product: Product, run: str) -> None:
    """Remove what the shards of a run left."""
    product_store(product.name).delete_all(staging_folder(run))
