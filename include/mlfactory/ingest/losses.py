"""What a partition may not lose by being read again for its labels."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mlfactory.lake.catalog import raw
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition


def refuse_loss(
    product: Product, partition: Partition, rows: Mapping[str, int], anew: Collection[str]
) -> None:
    """Make sure that reading a partition again finds what was found before.

    A register delivered short would take labels away that were known, and nothing would tell: it
    may not have fewer rows than this partition landed of it, nor than the newest that landed it.

    Args:
        rows: how many there are now, by source.
        anew: the registers that were read anew, as labels come in them.

    Raises:
        ContractError: if a source has fewer rows than it had.
    """
    for name, count in rows.items():
        for key in _landings(product, partition, name, anew):
            had = read_manifest(product.name, "ingest", key).get("counts", {}).get(name, 0)
            if count < had:
                since = "" if key == partition.key else f" when {key} was landed"
                raise ContractError(
                    f"{product.name}.{name}, partition {partition}: it was read again for its "
                    f"labels, and its source has {count:,} of the {had:,} rows that it had{since}",
                    remedy="its labels stay as they were, and it is tried again; if the rows are "
                    f"meant to be gone: mlfactory run {product.name} {partition} "
                    + ("--renew --downstream" if name in anew else "--stage ingest --downstream"),
                )


def _landings(
    product: Product, partition: Partition, name: str, anew: Collection[str]
) -> list[str]:
    """Return the partitions whose landing of a source the rows are held to."""
    source = product.spec.sources[name]
    if source.event_time:
        return [partition.key]
    if name not in anew:
        return []
    if source.per_partition:
        # every partition has a file of its own, which may be longer or shorter
        return [partition.key]
    return sorted({partition.key, *Lake(product.name).partitions(raw(name))[-1:]})
