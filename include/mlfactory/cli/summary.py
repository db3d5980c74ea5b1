"""How a product stands, in a few lines: who serves, the newest figures, and what is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from mlfactory.cli.timeline import Row
from mlfactory.lake import ledger
from mlfactory.product.loader import Product
from mlfactory.reconcile.lacking import lacking


def summary(product: Product, rows: Sequence[Row]) -> list[str]:
    """Return the lines about a product, of which `rows` are the newest part of its timeline."""
    return [_champion(product), *_figures(product, rows), *_open(product)]


def _champion(product: Product) -> str:
    promoted = ledger.entries(product.name, "promoted")
    if not promoted:
        return f"{product.name}: no champion yet"
    newest = promoted[-1]
    version = newest.details.get("version")
    return (
        f"{product.name}: champion v{version} since {newest.at[:16].replace('T', ' ')} UTC "
        f"(partition {newest.partition}): {newest.why}"
    )


def _figures(product: Product, rows: Sequence[Row]) -> list[str]:
    lines = []
    judged = next((row for row in reversed(rows) if row.value is not None), None)
    if judged is not None:
        metric = product.spec.performance_metric
        lines.append(
            f"newest figure: {metric} {judged.value:.4g} {judged.performance} at {judged.partition}"
        )
    drifted = next((row for row in reversed(rows) if row.drift), None)
    if drifted is not None:
        feature = f" {drifted.drift_feature}" if drifted.drift_feature else ""
        lines.append(f"newest drift: {drifted.drift}{feature} at {drifted.partition}")
    return [f"  {line}" for line in lines]


def _open(product: Product) -> list[str]:
    kinds = Counter[str]()
    for gap in lacking(product, datetime.now(UTC)):
        kinds[gap.kind] += gap.partitions
    if not kinds:
        return []
    told = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items())
    return [f"  open: {told}; see: mlfactory reconcile {product.name}"]
