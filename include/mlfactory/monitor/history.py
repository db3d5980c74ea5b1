"""What the monitor found before: the newest figure of each partition, read from `metrics`."""

from __future__ import annotations

import pandas as pd

from mlfactory.lake.tables import Lake
from mlfactory.monitor.findings import ALERT, CHALLENGER, PERFORMANCE
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.report.monitor_plots import Measurement

PARTITIONS_SHOWN = 60


def watched_metric(
    product: Product, partition: Partition
) -> tuple[list[Measurement], list[Measurement]]:
    """Return the watched metric of champion and challenger over partitions, oldest first."""
    keys = [slot.key for slot in product.calendar.back(partition, PARTITIONS_SHOWN)]
    rows = Lake(product.name).read("metrics", keys)
    if rows.empty:
        return [], []
    rows = rows[(rows["metric"] == product.spec.performance_metric) & rows["value"].notna()]
    newest = rows.drop_duplicates(["about", "slice"], keep="last").sort_values("about")
    return _measurements(newest, ""), _measurements(newest, CHALLENGER)


def told_already(product: Product, partition: Partition) -> set[str]:
    """Return the partitions whose performance was found in alert before `partition`."""
    before = product.calendar.back(partition, PARTITIONS_SHOWN)[:-1]
    rows = Lake(product.name).read("metrics", [slot.key for slot in before])
    if rows.empty:
        return set()
    return set(rows.loc[(rows["metric"] == PERFORMANCE) & (rows["state"] == ALERT), "about"])


def _measurements(rows: pd.DataFrame, of: str) -> list[Measurement]:
    figures = rows.loc[rows["slice"] == of, ["about", "value", "low", "high"]]
    return [
        Measurement(str(about), value, low, high)
        for about, value, low, high in zip(
            figures["about"], *figures[["value", "low", "high"]].to_numpy(float).T, strict=True
        )
    ]
