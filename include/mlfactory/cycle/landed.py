"""What was landed before, where a partition is run anew without reading its sources again."""

from __future__ import annotations

from typing import Any

from mlfactory.lake.manifests import read_manifest
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition


def landed_before(product: Product, partition: Partition) -> dict[str, Any]:
    """Return the rows of each source that stand in the lake, and since when.

    Raises:
        UsageError: if the partition was not landed, or not to the end.
    """
    landed = read_manifest(product.name, "ingest", partition.key)
    if not landed:
        raise UsageError(
            f"{product.name}, partition {partition}: it was not landed, or not to the end",
            remedy="run it with its landing",
        )
    return {"rows": landed["counts"], "landed_at": landed["started_at"]}
