"""What a partition's features are like, told while they are at hand; shards add up.

What monitoring asks of them is counted along.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from mlfactory.lake.catalog import FEATURES
from mlfactory.lake.manifests import Manifest
from mlfactory.prepare.tables import Prepared
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.profiles.counts import Counts, added, counts_of
from mlfactory.profiles.kept import keep_profile, profiling
from mlfactory.statistics.summary.file import from_bytes, tally_from_bytes, to_bytes
from mlfactory.statistics.summary.table import Summary


@dataclass(frozen=True, eq=False)
class Summarised:
    """The summary of features, and the moment whose labels were known, ISO 8601.

    Attributes:
        counts: the same rows as the partition's champion asks for them, if it has one.
    """

    summary: Summary
    labels_as_of: str = ""
    counts: Counts | None = None

    def to_bytes(self) -> bytes:
        """Return it as the content of a file."""
        counts = self.counts
        about = {
            "labels_as_of": self.labels_as_of,
            "reference": counts.reference if counts else "",
        }
        return to_bytes(self.summary, about, counts.tally if counts else None)

    @staticmethod
    def from_bytes(content: bytes) -> Summarised | None:
        """Return what a file holds, None if it is damaged."""
        try:
            summary, about = from_bytes(content)
            tally = tally_from_bytes(content)
        except ValueError:
            return None
        counts = None if tally is None else Counts(about["reference"], tally)
        return Summarised(summary, about["labels_as_of"], counts)


def summarised(
    product: Product, partition: Partition, prepared: Prepared | None
) -> Summarised | None:
    """Return the summary of features that were built, None where there are none or it failed."""
    if prepared is None:
        return None
    found = profiling(product, FEATURES, partition.key)
    label = None if prepared.told is None else pa.chunked_array([prepared.told])
    found.look(prepared.features, label)
    if found.summary is None:
        return None
    told_at = prepared.told_at.isoformat() if prepared.told_at else ""
    counts = counts_of(product, partition, prepared.features)
    return Summarised(found.summary, told_at, counts)


def keep_summary(record: Manifest, parts: Sequence[Summarised | None]) -> None:
    """Keep the summary of a partition's features, all parts of which are given.

    Of a partition one part of which is without, none is kept: it would be taken for that of all.
    """
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or not known:
        keep_profile(record, FEATURES, None)
        return
    whole = sum((part.summary for part in known), Summary())
    # what holds of all parts is what the first that was read can tell
    labels_as_of = min(part.labels_as_of for part in known)
    counts = added([part.counts for part in known])
    keep_profile(record, FEATURES, whole, labels_as_of=labels_as_of, counts=counts)
