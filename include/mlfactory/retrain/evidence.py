"""What the policy decides from, read from the lake: trainings, the monitor's findings, labels."""

from __future__ import annotations

import pandas as pd

from mlfactory.lake import ledger
from mlfactory.lake.labels import known_labels
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.retrain.policy import Observation, Past

_FIGURES_SHOWN = 3


def past_before(product: Product, partition: Partition) -> Past:
    """Return what was trained and asked for before `partition`.

    What came at or after it is left out, so that deciding again decides the same.
    """
    judged = ledger.entries(product.name, "promoted", "rejected")
    requested = ledger.entries(product.name, "retrain_requested")
    here = [entry for entry in judged if entry.partition == partition.key]
    requests = _before(product, partition, {entry.partition for entry in requested})
    return Past(
        champion=_champion(product, partition),
        # one that failed was asked for but never judged: it costs budget, and is asked for again
        trainings=_before(product, partition, {entry.partition for entry in judged}),
        requests=requests,
        trained_here=bool(here),
        judged_at=here[-1].at if here else "",
    )


def observations_until(
    product: Product, partition: Partition, champion: str | None
) -> list[Observation]:
    """Return what the monitor found, until the end of `partition`, about the champion's partitions.

    Those are the ones after the champion's cut-off; of each, what was measured last counts.
    """
    if champion is None or product.calendar.is_snapshot:
        return []
    after = product.calendar.shift(product.calendar.parse(champion), 1)
    keys = [slot.key for slot in product.calendar.span(after, partition)]
    rows = Lake(product.name).read("metrics", keys)
    if rows.empty:
        return []
    rows = rows[rows["about"].isin(keys)]
    return [_observation(str(about), found) for about, found in rows.groupby("about", sort=True)]


def labelled_rows(product: Product, partition: Partition) -> dict[str, int]:
    """Return the labelled rows known at the end of `partition`, by partition of the window."""
    window = product.calendar.back(partition, product.spec.window)
    keys = [slot.key for slot in window]
    labels = known_labels(product, keys, partition.end)
    found = labels["partition"].value_counts().to_dict()
    return {key: int(found[key]) for key in keys if key in found}


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


def _observation(about: str, found: pd.DataFrame) -> Observation:
    newest = found.sort_values("partition", kind="stable").drop_duplicates(
        ["metric", "slice"], keep="last"
    )
    summary = newest[newest["slice"] == ""].set_index("metric")
    performance = summary["value"].get("performance")
    return Observation(
        partition=about,
        drift=str(summary["state"].get("drift", "no_data")),
        performance=str(summary["state"].get("performance", "no_labels")),
        drift_figures=_drifted(newest),
        value=None if performance is None or pd.isna(performance) else float(performance),
    )


def _drifted(found: pd.DataFrame) -> str:
    """Return the largest drifts of the worst state, such as `temp 0.61 > 0.12, wind 0.3 > 0.14`."""
    features = found[(found["metric"] == "drift") & (found["slice"] != "")]
    for state in ("alert", "warn"):
        drifted = features[features["state"] == state]
        if len(drifted):
            break
    ratios = (drifted["value"] / drifted["bound"]).sort_values(ascending=False, kind="stable")
    figures = [
        f"{row.slice} {row.value:.2g} > {row.bound:.2g}"
        for row in drifted.loc[ratios.index].head(_FIGURES_SHOWN).itertuples()
    ]
    return ", ".join([*figures, "…"] if len(drifted) > _FIGURES_SHOWN else figures)
