"""Summaries of what partitions hold, kept beside the tables: made while the rows went by.

Each says which run it is of, and of which landing: one whose rows have been replaced since vouches
for nothing, and is not read.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlfactory.lake.catalog import (
    FEATURES,
    PROFILED,
    RAW_HELPERS,
    clean,
    profile_page,
    profiled_file,
    raw,
    source_of,
)
from mlfactory.lake.manifests import Manifest, read_manifests
from mlfactory.lake.store import product_store
from mlfactory.product.loader import Product

if TYPE_CHECKING:
    import pyarrow as pa

    from mlfactory.profiles.counts import Counts
    from mlfactory.statistics.summary.table import Summary
    from mlfactory.statistics.tally import Tally

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Profiled:
    """What is known of a table's rows in a partition.

    Attributes:
        labels_as_of: the moment whose labels were known, ISO 8601; empty where none are told.
        made_at: when the run began that went through the rows.
        reference: the digest of the reference that the rows were counted for; empty if for none.
        tally: how they fall into its bins, where that was asked for.
    """

    key: str
    summary: Summary
    version: int | None = None
    labels_as_of: str = ""
    made_at: str = ""
    reference: str = ""
    tally: Tally | None = None


@dataclass
class Profiling:
    """The summary of rows that are gone through for something else.

    That it fails keeps nothing from being done: the partition is without a profile then, and the
    log says why.

    Args:
        where: what the log says it is of.
        hidden: columns of which no value is told.
    """

    where: str
    hidden: Collection[str] = ()
    failed: bool = field(default=False, init=False)
    _summary: Summary | None = field(default=None, init=False)
    _begun: Future[None] | None = field(default=None, init=False)

    @property
    def summary(self) -> Summary | None:
        """Return the summary of all rows, None if none were looked at or it failed."""
        self._ended()
        return self._summary

    def look(self, rows: pa.Table, label: pa.ChunkedArray | None = None) -> None:
        """Add rows.

        Args:
            label: (rows,) of each row, null where it is not known.
        """
        from mlfactory.statistics.summary.table import summary_of

        if self.failed:
            return
        try:
            own = [name for name in rows.column_names if name not in RAW_HELPERS]
            found = summary_of(rows.select(own), hidden=self.hidden, label=label)
            self._summary = found if self._summary is None else self._summary + found
        except Exception:
            self.failed, self._summary = True, None
            _log.warning("%s: it cannot be profiled", self.where, exc_info=True)

    def begin(self, rows: pa.Table) -> None:
        """Add rows on another core, while they are looked at for something else.

        It is waited for where the summary is asked for, and where the next rows come: no more
        than the rows of two batches are held.
        """
        self._ended()
        other = ThreadPoolExecutor(1, thread_name_prefix="profile")
        try:
            self._begun = other.submit(self.look, rows)
        except RuntimeError:  # the machine has no thread left
            self.look(rows)
        other.shutdown(wait=False)

    def _ended(self) -> None:
        begun, self._begun = self._begun, None
        if begun is not None:
            begun.result()


def hidden_columns(product: Product, table: str) -> frozenset[str]:
    """Return the columns of a table of which no value may be told: personal data.

    A feature is personal that has the name of a column which is.
    """
    source = source_of(table, cleaned=True)
    sources = product.spec.sources
    chosen = [sources[source]] if source in sources else sources.values()
    return frozenset(name for each in chosen for name in each.pii)


def profiling(product: Product, table: str, key: str) -> Profiling:
    """Return what summarises the rows of a table in a partition."""
    where = f"{product.name}.{table}, partition {key}"
    return Profiling(where, hidden_columns(product, table))


def keep_profile(
    record: Manifest,
    table: str,
    summary: Summary | None,
    *,
    landing: str = "",
    labels_as_of: str = "",
    counts: Counts | None = None,
) -> None:
    """Keep the summary of what a run read or wrote of its partition, or remove that of another.

    Args:
        landing: the id of the run of ingest whose rows they are, of a raw table.
        labels_as_of: the moment whose labels were known, ISO 8601.
        counts: the same rows as monitoring asks for them.
    """
    from mlfactory.statistics.summary.file import to_bytes

    store, file = product_store(record.product), profiled_file(table, record.partition)
    if summary is None:
        store.delete(file)
        return
    about = {
        "run": record.id,
        "landing": landing,
        "version": record.outputs.get(table, record.inputs.get(table)),
        "labels_as_of": labels_as_of,
        "made_at": record.started_at,
        "reference": counts.reference if counts else "",
    }
    store.write(file, to_bytes(summary.to_keep(), about, counts.tally if counts else None))


def profiled_keys(product: Product, table: str) -> list[str]:
    """Return the partitions that a summary of a table is kept of, in order."""
    folder = f"{PROFILED}/{table}"
    names = product_store(product.name).list(folder)
    return sorted(name.removeprefix(f"{folder}/").removesuffix(".npz") for name in names)


def read_profiles(
    product: Product, table: str, keys: Sequence[str], *, tallied: bool = False
) -> dict[str, Profiled]:
    """Return the summaries of some partitions that stand: of the runs whose rows are there now.

    One that is damaged is left out with a warning: the next run of the partition makes it anew.

    Args:
        tallied: whether to read also how rows fall into the bins of a reference.
    """
    from mlfactory.statistics.summary.file import from_bytes, tally_from_bytes

    store = product_store(product.name)
    files = {profiled_file(table, key): key for key in keys}
    is_raw = source_of(table, cleaned=True) is not None
    runs = read_manifests(product.name, "validate" if is_raw else "prepare", keys)
    landings = read_manifests(product.name, "ingest", keys) if is_raw else {}
    found = {}
    for file, content in store.read_many(files).items():
        key = files[file]
        try:
            summary, about = from_bytes(content)
            tally = tally_from_bytes(content) if tallied else None
        except ValueError as error:
            _log.warning("%s is left out: %s", store.address(file), error)
            continue
        if _stands(about, runs.get(key, {}), landings.get(key, {}) if is_raw else None):
            found[key] = Profiled(
                key,
                summary,
                about["version"],
                about["labels_as_of"],
                about["made_at"],
                about.get("reference", ""),
                tally,
            )
    return dict(sorted(found.items()))


def forget_profiles(product: Product, keys: Iterable[str]) -> None:
    """Remove summaries and profile pages of partitions, as where a subject is erased from them."""
    store = product_store(product.name)
    sources = product.spec.sources
    for key in keys:
        store.delete(profile_page(key))
        for table in (FEATURES, *map(raw, sources), *map(clean, sources)):
            store.delete(profiled_file(table, key))


def _stands(
    about: Mapping[str, Any], run: Mapping[str, Any], landing: Mapping[str, Any] | None
) -> bool:
    if not run or about.get("run") != run.get("id"):
        return False
    return landing is None or about.get("landing") == landing.get("id")
