"""Manifests: what every stage run leaves behind, so that anyone can tell what it did and from what.

A manifest is written when its stage has done all its other writes: where there is one, the stage
is complete. It is removed before the first write of the run that replaces it, so that no manifest
vouches for rows which another run has begun to replace; and it is not written for rows that another
run, at work at the same time, has replaced already. Every run has an id of its own, and names the
runs whose output it read by theirs: what was replaced since can be told.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlfactory.lake.at_work import refuse_removed
from mlfactory.lake.catalog import RUN, manifest_file, mark_of
from mlfactory.lake.revisions import code_revision, lock_hash
from mlfactory.lake.store import find_json, parsed, product_store, write_json
from mlfactory.lake.working import working
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.product.loader import Product

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mlfactory.lake.batches import Stream
    from mlfactory.lake.tables import Lake


@dataclass
class Manifest:
    """What one run of a stage read and wrote.

    Attributes:
        id: of this run alone; running the stage again gives another.
        name: of the manifest among those of its stage; the partition's key by default.
        reads: the ids of the runs whose output was read, by `<stage>/<name>`.
        inputs: the version of each table read.
        outputs: of each table written, the version that this run made.
        written: how many rows of each table, which carry the run's id.
        counts: numbers worth comparing between partitions, such as rows.
        facts: anything else worth knowing, such as a verdict or a state.
        seconds: wall time of the run.
    """

    id: str
    product: str
    stage: str
    partition: str
    name: str
    spec_hash: str
    code_hash: str
    code_revision: str
    lock_hash: str
    seed: int
    started_at: str
    reads: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def has_read(self, *others: Mapping[str, Any]) -> None:
        """Note that the output of other runs was read, given by their manifests (empty: nothing).

        To be told of a replacement while it happens, read a manifest before the rows it stands for.
        """
        for other in others:
            if other:
                self.reads[run_name(other["stage"], other["name"])] = str(other.get("id", ""))

    def write(self, lake: Lake, table: str, rows: pd.DataFrame | pa.Table | Stream) -> None:
        """Make `rows` those of the run's partition, marked with its id, and note what was done.

        Landed rows come with the mark.
        """
        self.refuse_removed()
        run = self.id if mark_of(table) == RUN else None
        self.outputs[table] = lake.replace(table, rows, self.partition, run)
        self.written[table] = len(rows)

    def refuse_replaced(self) -> None:
        """Make sure that what this run wrote still stands, and no other run wrote over it.

        Raises:
            ServiceError: if one did.
        """
        from mlfactory.lake.tables import Lake  # it loads what reads tables

        lake = Lake(self.product)
        for table, count in self.written.items():
            found = lake.newest(table, mark_of(table), [self.partition])
            if found != ({self.partition: self.id} if count else {}):
                raise ServiceError(
                    f"{self.product}, partition {self.partition}: its rows in "
                    f"{lake.address(table)} were replaced by another run of {self.stage}, which "
                    "was at work at the same time",
                    remedy="run it again when that has ended",
                )

    def refuse_removed(self) -> None:
        """Make sure that no reset has removed the product's data since this run began.

        Raises:
            UsageError: if one did.
        """
        refuse_removed(self.product, self.id, f"{self.stage} of {self.name}")

    def begin(self) -> None:
        """Remove the manifest of the run that this one replaces; nothing may be written before."""
        product_store(self.product).delete(manifest_file(self.stage, self.name))


@contextmanager
def manifest(
    product: Product, stage: str, partition: str, name: str = "", *, begin: bool = True
) -> Iterator[Manifest]:
    """Give the manifest of a stage run to fill in, and write it if the run ends well.

    Args:
        name: the manifest's own name where a partition can have several, as trainings do.
        begin: remove the manifest of the earlier run at once. A stage that can still be refused
            before it has written anything passes False and calls `begin` itself.

    Raises:
        UsageError: if a removal of the product was cut off, or came in between, or a restore was
            cut off.
        ServiceError: if a removal or a restore is under way; at the end, if another run has
            replaced rows that this one wrote.
    """
    record = Manifest(
        id=secrets.token_hex(8),
        product=product.name,
        stage=stage,
        partition=partition,
        name=name or partition,
        spec_hash=product.spec_hash,
        code_hash=product.code_hash,
        code_revision=code_revision(),
        lock_hash=lock_hash(),
        seed=product.spec.train.seed,
        started_at=datetime.now(UTC).isoformat(timespec="milliseconds"),
    )
    start = time.perf_counter()
    with working(product.name, f"{stage} of {record.name}", name=record.id):
        if begin:
            record.begin()
        yield record
        record.refuse_removed()
        record.refuse_replaced()
        record.seconds = round(time.perf_counter() - start, 3)
        _leave(record)


def _leave(record: Manifest) -> None:
    """Write the manifest, and take it back if all was removed in that moment."""
    store, file = product_store(record.product), manifest_file(record.stage, record.name)
    write_json(store, file, asdict(record))
    try:
        record.refuse_removed()
    except UsageError:
        store.delete(file)
        raise


def run_name(stage: str, name: str) -> str:
    """Return by what a stage run is called in `reads`."""
    return f"{stage}/{name}"


def read_manifest(product: str, stage: str, name: str) -> Mapping[str, Any]:
    """Return the manifest of a stage run by its name (its partition), empty if there is none."""
    return find_json(product_store(product), manifest_file(stage, name)) or {}


def read_manifests(product: str, stage: str, names: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """Return the manifests of several runs of a stage by their names; those that there are."""
    store = product_store(product)
    files = {manifest_file(stage, name): name for name in names}
    found = store.read_many(files)
    return {files[file]: parsed(content, store.address(file)) for file, content in found.items()}


def stands_on(reader: Mapping[str, Any], read: Mapping[str, Any]) -> bool:
    """Tell whether the run of manifest `reader` read what the run of manifest `read` left.

    False where either is missing, or the latter has run again since.
    """
    if not reader or not read.get("id"):
        return False
    known = reader.get("reads", {}).get(run_name(read["stage"], read["name"]))
    return bool(known == read["id"])


def was_prepared(product: str, landed: Mapping[str, Any]) -> bool:
    """Tell whether features were built of a landing, by its manifest."""
    judged = read_manifest(product, "validate", landed["name"])
    prepared = read_manifest(product, "prepare", landed["name"])
    return stands_on(judged, landed) and stands_on(prepared, judged)
