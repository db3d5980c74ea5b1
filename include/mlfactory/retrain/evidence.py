"""What the policy decides from, read from the lake: trainings, the monitor's findings, labels."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from mlfactory.lake import ledger
from mlfactory.lake.catalog import METRICS
from mlfactory.lake.vouched import vouched_rows
from mlfactory.product.defaults import JUDGED_OVER
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.product.policy import DriftTrigger, PerformanceTrigger
from mlfactory.product.spec import ProductSpec
from mlfactory.retrain.policy import Observation, Past

_FIGURES_SHOWN = 3

_LASTS = timedelta(minutes=15)
"""How long a training may take beside twice its search before it counts as failed."""

_HOURS = 24
"""Partitions in the shortest window of an hourly product."""

_LATER = ("since", "as_of", "why")
"""Columns that a table of metrics has not had from the first."""


def past_before(product: Product, partition: Partition, now: datetime) -> Past:
    """Return what was trained and asked for before `partition`.

    What came at or after it is left out, so that deciding again decides the same. Only whether a
    training may be running is asked of the clock, `now` (UTC): a backfill decides about a year in
    a minute, and must not ask for a training at each partition while the first one runs.
    """
    judged = ledger.entries(product.name, *ledger.DECISIONS)
    requested = ledger.entries(product.name, "retrain_requested")
    here = [entry for entry in judged if entry.partition == partition.key]
    trained = {entry.partition for entry in judged}
    patience = _LASTS + 2 * timedelta(seconds=product.spec.train.search.seconds)
    running = {
        entry.partition
        for entry in requested
        if entry.partition not in trained and now - datetime.fromisoformat(entry.at) < patience
    }
    known = _before(product, partition, trained)
    return Past(
        champion=_champion(product, partition),
        # one that failed was asked for but never judged: it costs budget, and is asked for again
        trainings=known,
        requests=_before(product, partition, {entry.partition for entry in requested}),
        under_way=_before(product, partition, running),
        trained_here=bool(here),
        judged_at=here[-1].at if here else "",
        newest_decision=max((one.number for one in judged if one.partition in known), default=0),
    )


def observations_until(
    product: Product, partition: Partition, champion: str | None
) -> list[Observation]:
    """Return what the monitor found, until the end of `partition`, about the champion's partitions.

    Those are the ones after the champion's cut-off; of each, what was measured last counts. No
    more partitions are read than the longest trigger can look back on.
    """
    calendar = product.calendar
    if champion is None or calendar.is_snapshot:
        return []
    cutoff = calendar.parse(champion)
    keys = [
        slot.key
        for slot in calendar.back(partition, _looked_back(product))
        if slot.start > cutoff.start
    ]
    # figures that are gone are no evidence; a month of them would not be looked at for one hour
    before = {key for key in keys if key != partition.key}
    rows = vouched_rows(product.name, METRICS, keys, spared=before)
    if rows.empty:
        return []
    for column in _LATER:
        rows[column] = rows[column].fillna("") if column in rows else ""
    rows = rows[
        (rows["as_of"] <= partition.key)
        & (rows["about"] > cutoff.key)
        & (rows["about"] <= partition.key)
    ]
    return _observations(product.spec, rows)


def _looked_back(product: Product) -> int:
    """Return how many partitions the triggers can look back on: so many windows on end."""
    spec, every = product.spec, product.calendar.every
    of_drift = max(spec.holdout_partitions, _HOURS if every == "hour" else 1)
    of_performance = max(spec.holdout_partitions, JUDGED_OVER[every])
    windows = [of_performance]
    for one in spec.triggers:
        if isinstance(one, DriftTrigger):
            windows.append(one.in_.n * of_drift)
        elif isinstance(one, PerformanceTrigger):
            windows.append(one.in_.n * of_performance)
    return max(windows) + 1


def _champion(product: Product, partition: Partition) -> str | None:
    if product.calendar.is_snapshot:
        # every model has seen the only partition, yet one promoted is a champion
        promoted = ledger.entries(product.name, "promoted")
        return promoted[-1].partition if promoted else None
    reign = ledger.champion_for(product, partition)
    return reign.cutoff if reign else None


def _before(product: Product, partition: Partition, keys: set[str]) -> tuple[str, ...]:
    parse = product.calendar.parse
    return tuple(key for key in sorted(keys) if parse(key).start < partition.start)


def _observations(spec: ProductSpec, rows: pd.DataFrame) -> list[Observation]:
    """Return what was found last about each partition, oldest first.

    There may be a thousand rows of hundreds of partitions: whole columns are worked on.
    """
    newest = rows.sort_values(["partition", "as_of"], kind="stable")
    newest = newest.drop_duplicates(["about", "metric", "slice"], keep="last")
    summary = newest[newest["slice"] == ""]
    drift, performance, naive = (
        summary[summary["metric"] == metric].set_index("about").to_dict("index")
        for metric in ("drift", "performance", "naive")
    )
    features = newest[(newest["metric"] == "drift") & (newest["slice"] != "")]
    drifted = dict(iter(features[features["state"].isin(["alert", "warn"])].groupby("about")))
    return [
        _observation(
            spec.performance_metric,
            about,
            drift.get(about, {"state": "no_data", "since": ""}),
            performance.get(about, {"state": "no_labels", "since": "", "value": None}),
            naive.get(about, {"state": "", "since": "", "value": None}),
            drifted.get(about),
        )
        for about in sorted(set(newest["about"]))
    ]


def _observation(
    metric: str,
    about: str,
    drift: Mapping[Any, Any],
    performance: Mapping[Any, Any],
    naive: Mapping[Any, Any],
    drifted: pd.DataFrame | None,
) -> Observation:
    beside_naive = ""
    if not pd.isna(naive["value"]) and not pd.isna(naive["bound"]):
        figures = f"{naive['why']} {naive['bound']:.4g} against {naive['value']:.4g}"
        beside_naive = f"{figures} of the naive answer"
    of_naive = performance.get("why") == "naive"
    return Observation(
        partition=about,
        drift=str(drift["state"]),
        performance=str(performance["state"]),
        drift_figures="" if drifted is None else _drifted(drifted),
        figures=beside_naive if of_naive else _figures(metric, performance),
        naive=str(naive["state"]),
        naive_figures=beside_naive,
        drift_since=str(drift["since"]),
        performance_since=str(naive["since"] if of_naive else performance["since"]),
        naive_since=str(naive["since"]),
    )


def _figures(metric: str, performance: Mapping[str, Any]) -> str:
    """Return a figure and what it is held against, such as `roc_auc 0.571 below 0.58`."""
    bound, value = performance.get("bound"), performance["value"]
    if pd.isna(value):
        return ""
    if bound is None or pd.isna(bound):
        return f"{metric} {value:.4g}"
    compared = [abs(value), abs(bound)] if metric == "bias" else [value, bound]
    side = "below" if compared[0] < compared[1] else "above"
    if performance["why"] == "held_out":
        return f"{metric} {value:.4g} {side} {bound:.4g} on the held-out rows"
    return f"{metric} {value:.4g} {side} {bound:g}"


def _drifted(found: pd.DataFrame) -> str:
    """Return the largest drifts of the worst state, such as `temp 0.61 > 0.12, wind 0.3 > 0.14`."""
    for state in ("alert", "warn"):
        drifted = found[found["state"] == state]
        if len(drifted):
            break
    drifted = drifted[drifted["value"].notna()]
    ratios = (drifted["value"] / drifted["bound"]).sort_values(ascending=False, kind="stable")
    figures = [
        f"{row.slice} {row.value:.2g} > {row.bound:.2g}"
        for row in drifted.loc[ratios.index].head(_FIGURES_SHOWN).itertuples()
    ]
    return ", ".join([*figures, "…"] if len(drifted) > _FIGURES_SHOWN else figures)
