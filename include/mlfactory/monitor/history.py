"""What the monitor found before: the newest figure of each partition, read from `metrics`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import pandas as pd

from mlfactory.lake.catalog import METRICS
from mlfactory.lake.vouched import vouched_rows
from mlfactory.monitor.findings import ALERT, CHALLENGER, PERFORMANCE, Finding
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.report.monitor_plots import Measurement

PARTITIONS_SHOWN = 30


@dataclass(frozen=True, eq=False)
class History:
    """What the monitor found in the newest partitions before one, bounded in their number."""

    rows: pd.DataFrame

    @property
    def told(self) -> set[str]:
        """Return the partitions whose performance was found in alert before."""
        if self.rows.empty:
            return set()
        bad = (self.rows["metric"] == PERFORMANCE) & (self.rows["state"] == ALERT)
        return set(self.rows.loc[bad, "about"])

    def watched(
        self, metric: str, findings: Iterable[Finding]
    ) -> tuple[list[Measurement], list[Measurement]]:
        """Return a metric of champion and challenger over partitions, oldest first.

        Args:
            findings: of the partition at hand, which are newer than the history.
        """
        now = pd.DataFrame([asdict(one) for one in findings])
        rows = pd.concat([part for part in (self.rows, now) if len(part)], ignore_index=True)
        if rows.empty:
            return [], []
        rows = rows[(rows["metric"] == metric) & rows["value"].notna()]
        newest = rows.drop_duplicates(["about", "slice"], keep="last").sort_values("about")
        return _measurements(newest, ""), _measurements(newest, CHALLENGER)


def history_before(product: Product, partition: Partition) -> History:
    """Return what was found in the newest partitions before `partition`."""
    before = [slot.key for slot in product.calendar.back(partition, PARTITIONS_SHOWN)[:-1]]
    return History(vouched_rows(product.name, METRICS, before, spared=before))


def _measurements(rows: pd.DataFrame, of: str) -> list[Measurement]:
    figures = rows.loc[rows["slice"] == of, ["about", "value", "low", "high"]]
    return [
        Measurement(str(about), value, low, high)
        for about, value, low, high in zip(
            figures["about"], *figures[["value", "low", "high"]].to_numpy(float).T, strict=True
        )
    ]
