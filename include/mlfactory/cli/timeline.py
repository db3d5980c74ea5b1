"""The timeline of a product: what became of each partition, read from the lake alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlfactory.lake import ledger
from mlfactory.lake.catalog import FEATURES, MANIFESTS, METRICS, PARTITION, QUARANTINE, REPORTS
from mlfactory.lake.ledger import Entry
from mlfactory.lake.store import parsed, product_store
from mlfactory.product.loader import Product

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Row:
    """What became of one partition.

    Attributes:
        rows: events in the table of features.
        drift: state, with the feature that drifted most.
        value: of the product's performance metric; None until it is known.
        performance: state of that value.
        decision: what the policy, and after it the gates, decided.
        champion: version that serves after this partition; empty if there is none.
        seconds: wall time of all its stages.
    """

    partition: str
    rows: int
    quarantined: int
    drift: str
    drift_feature: str
    value: float | None
    performance: str
    decision: str
    reason: str
    champion: str
    seconds: float


@dataclass(frozen=True)
class Finding:
    """What the monitor found about a partition when it was measured last."""

    drift: str = ""
    drift_feature: str = ""
    value: float | None = None
    performance: str = ""


def timeline(product: Product) -> list[Row]:
    """Return a row for each partition that a stage has completed, oldest first."""
    from mlfactory.lake.tables import Lake

    manifests = _manifests(product)
    # keys are dates and times as ISO writes them: their order is that of time
    keys = sorted({str(manifest["partition"]) for manifest in manifests})
    lake = Lake(product.name)
    rows = _counts(lake.read(FEATURES, columns=[PARTITION]))
    quarantined = _counts(lake.read(QUARANTINE, columns=[PARTITION]))
    found = findings(lake.read(METRICS))
    seconds: dict[str, float] = defaultdict(float)
    for manifest in manifests:
        seconds[str(manifest["partition"])] += float(manifest["seconds"])
    entries = ledger.entries(product.name)
    champions = _champions(keys, entries)
    built = []
    for key in keys:
        seen = found.get(key, Finding())
        decision, reason = decided([entry for entry in entries if entry.partition == key])
        built.append(
            Row(
                partition=key,
                rows=rows[key],
                quarantined=quarantined[key],
                drift=seen.drift,
                drift_feature=seen.drift_feature,
                value=seen.value,
                performance=seen.performance,
                decision=decision,
                reason=reason,
                champion=champions[key],
                seconds=seconds[key],
            )
        )
    return built


def findings(metrics: pd.DataFrame) -> dict[str, Finding]:
    """Return what was found about each partition, from the rows of the table `metrics`."""
    if metrics.empty:
        return {}
    newest = metrics.sort_values("partition", kind="stable").drop_duplicates(
        ["about", "metric", "slice"], keep="last"
    )
    found = {}
    for about, rows in newest.groupby("about"):
        summary = rows[rows["slice"] == ""].set_index("metric")
        found[str(about)] = Finding(
            drift=_cell(summary, "drift", "state") or "",
            drift_feature=_biggest(rows[(rows["metric"] == "drift") & (rows["slice"] != "")]),
            value=_cell(summary, "performance", "value"),
            performance=_cell(summary, "performance", "state") or "",
        )
    return found


def decided(entries: Sequence[Entry]) -> tuple[str, str]:
    """Return what was decided at a partition and why, from its entries in the order of the ledger.

    The policy's decision comes first, then what the gates decided about the newest training.
    """
    asked = [entry for entry in entries if entry.event.startswith("retrain_")]
    judged = [entry for entry in entries if entry.event in ("promoted", "rejected")]
    steps, reasons = [], []
    if asked:
        # a decision made again after the training refuses a second one, and asked for the first
        first = next((entry for entry in asked if entry.event == "retrain_requested"), asked[-1])
        if first.event == "retrain_requested":
            steps.append("requested")
        elif first.details.get("refusals"):
            steps.append("refused")
        # where nothing asked for a training there was nothing to refuse; the reason says so
        reasons.append(first.why)
    if judged:
        version = judged[-1].details.get("version")
        steps.append(judged[-1].event + (f" v{version}" if version else ""))
        reasons.append(judged[-1].why)
    return " → ".join(steps), " → ".join(reasons)


def last_report(product: Product) -> str | None:
    """Return the key of the newest partition that has a report, None if none has."""
    pages = product_store(product.name).below(REPORTS).list()
    return max((page.removesuffix(".html") for page in pages), default=None)


def _manifests(product: Product) -> list[Mapping[str, Any]]:
    store = product_store(product.name)
    found = store.read_many(store.list(MANIFESTS))
    return [parsed(content, store.address(name)) for name, content in found.items()]


def _counts(frame: pd.DataFrame) -> Counter[str]:
    return Counter(frame["partition"].astype(str).tolist())


def _champions(keys: Iterable[str], entries: Sequence[Entry]) -> dict[str, str]:
    """Return the version that serves after each partition: the newest promotion up to it."""
    promoted = [entry for entry in entries if entry.event == "promoted"]
    return {
        key: next(
            (
                str(entry.details.get("version", ""))
                for entry in reversed(promoted)
                if entry.partition <= key
            ),
            "",
        )
        for key in keys
    }


def _cell(summary: pd.DataFrame, metric: str, column: str) -> Any:
    import pandas as pd

    if metric not in summary.index:
        return None
    value: Any = summary.at[metric, column]
    return None if pd.isna(value) else value


def _biggest(features: pd.DataFrame) -> str:
    """Return the feature furthest over its bound, of those that are judged to have drifted."""
    drifted = features[features["state"].isin(["warn", "alert"])]
    if drifted.empty:
        return ""
    # an alert before a warning, and then by how far it is over
    ratio = drifted["value"] / drifted["bound"] + (drifted["state"] == "alert") * 1e6
    return str(drifted["slice"].iloc[int(ratio.to_numpy().argmax())])
