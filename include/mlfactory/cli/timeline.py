"""The timeline of a product: what became of each partition, read from the lake alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlfactory.lake import ledger
from mlfactory.lake.catalog import MANIFESTS, METRICS, PROFILES, REPORTS
from mlfactory.lake.ledger import Entry
from mlfactory.lake.staleness import STAGES
from mlfactory.lake.store import parsed, product_store
from mlfactory.product.loader import Product

if TYPE_CHECKING:
    import pandas as pd


_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Row:
    """What became of one partition.

    Attributes:
        rows: events that were prepared.
        released: rows that are in because somebody released them, as they were or corrected.
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
    released: int
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


def keys_run(product: Product) -> list[str]:
    """Return the partitions of which a stage was completed, oldest first."""
    names = [name.split("/") for name in product_store(product.name).list(MANIFESTS)]
    # keys are dates and times as ISO writes them: their order is that of time
    return sorted({file.removesuffix(".json") for _, stage, file in names if stage in STAGES})


def timeline(product: Product, keys: Sequence[str] | None = None) -> list[Row]:
    """Return a row for each of the partitions, of all that a stage has completed by default."""
    from mlfactory.lake.tables import Lake
    from mlfactory.lake.vouched import completed_rows

    keys = keys_run(product) if keys is None else keys
    if not keys:
        return []
    lake = Lake(product.name)
    # what is known of a partition was measured then or later
    measured = [key for key in lake.partitions(METRICS) if key >= keys[0]]
    found = findings(completed_rows(product.name, METRICS, measured))
    # counts are those of the manifests: tables may hold what a run left that was cut off
    rows, quarantined, released = Counter[str](), Counter[str](), Counter[str]()
    seconds: dict[str, float] = defaultdict(float)
    answers: dict[str, Mapping[str, Any]] = {}
    for manifest in _manifests(product, keys):
        key, stage = str(manifest["partition"]), manifest["stage"]
        seconds[key] += float(manifest["seconds"])
        if stage == "prepare":
            rows[key] = manifest["counts"].get("rows", 0)
        elif stage == "validate":
            quarantined[key] = manifest["counts"].get("quarantined", 0)
            released[key] = manifest["counts"].get("released", 0)
        elif stage == "retrain":
            answers[key] = manifest["facts"]
    entries = ledger.entries(product.name)
    champions = _champions(keys, entries)
    built = []
    for key in keys:
        seen = found.get(key, Finding())
        about = [entry for entry in entries if entry.partition == key]
        decision, reason = decided(about, answers.get(key, {}))
        built.append(
            Row(
                partition=key,
                rows=rows[key],
                quarantined=quarantined[key],
                released=released[key],
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


def decided(entries: Sequence[Entry], answer: Mapping[str, Any] = _NOTHING) -> tuple[str, str]:
    """Return all that was decided at a partition and why, from its entries, oldest first.

    What the policy says again after a training that it asked for is left out: it refuses a second.

    Args:
        answer: what the policy said, where the ledger does not repeat it.
    """
    steps, reasons = [], []
    if answer and not any(entry.event in ledger.REQUESTS for entry in entries):
        steps += ["refused"] if answer["refusals"] else []
        reasons.append(answer["reason"])
    asked = False
    for entry in entries:
        version = entry.details.get("version")
        if entry.event == "retrain_refused":
            if asked:
                continue
            if entry.details.get("refusals"):
                steps.append("refused")
            # where nothing asked for a training there was nothing to refuse; the reason says so
        elif entry.event == "retrain_requested":
            asked = True
            steps.append("requested")
        else:
            steps.append(entry.event.replace("_", " ") + (f" v{version}" if version else ""))
        reasons.append(entry.why)
    return " → ".join(steps), " → ".join(reasons)


def last_report(product: Product, until: str | None = None) -> str | None:
    """Return the key of the newest partition that has a report, up to `until` where that is given.

    None if none has.
    """
    return _last_page(product, REPORTS, until)


def last_profile(product: Product, until: str | None = None) -> str | None:
    """Return the key of the newest partition that has a profile page, see `last_report`."""
    return _last_page(product, PROFILES, until)


def _last_page(product: Product, folder: str, until: str | None) -> str | None:
    pages = product_store(product.name).below(folder).list()
    keys = [page.removesuffix(".html") for page in pages]
    return max((key for key in keys if until is None or key <= until), default=None)


def _manifests(product: Product, keys: Sequence[str]) -> list[Mapping[str, Any]]:
    store = product_store(product.name)
    # a training's manifests are named by its id, which begins with its partition, fit for a file
    wanted = {*keys, *(key.replace(":", "-") for key in keys)}
    names = [
        name
        for name in store.list(MANIFESTS)
        if name.rsplit("/", 1)[1].removesuffix(".json").split(".")[0] in wanted
    ]
    found = store.read_many(names)
    return [parsed(content, store.address(name)) for name, content in found.items()]


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
