"""Whether the data, or what the champion says about it, is other than when it was trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pandas as pd

from mlfactory.monitor.answers import AT, from_predictions
from mlfactory.monitor.findings import (
    DRIFT,
    NO_DATA,
    NO_REFERENCE,
    PREDICTION_DRIFT,
    WARN,
    Finding,
)
from mlfactory.monitor.reference import Reference
from mlfactory.monitor.tables import Tables
from mlfactory.monitor.windows import drift_windows
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.statistics.drift import DriftResult, FeatureDrift, compare
from mlfactory.statistics.histograms import FeatureKind
from mlfactory.statistics.profile import Profile, block_numbers
from mlfactory.statistics.tally import Tally, tally, together

TELLING = 0.15
"""A window tells enough when half of the features have a bound as small as this: a shift of half a
standard deviation, which is a distance of 0.2, is then found."""

_Pieces = Callable[[Sequence[Partition]], Iterator[tuple[pd.DataFrame, pd.Series | None]]]
"""Gives every row of a window with its time, in one frame or in several."""


def drift_findings(
    product: Product, tables: Tables, partition: Partition, reference: Reference
) -> tuple[list[Finding], list[Partition]]:
    """Compare the features with those the champion was fitted on, and return the window too.

    They are those of the partition, and of as many before it as it takes to tell, none of which the
    champion has seen. A feature that
    the champion knew and that is gone, or is of another kind now, is a warning; one that it did
    not know is named.
    """
    features = product.spec.features
    kinds: dict[str, FeatureKind] = {
        **dict.fromkeys(features.numeric, "numeric"),
        **dict.fromkeys(features.categorical, "categorical"),
    }

    def pieces(slots: Sequence[Partition]) -> Iterator[tuple[pd.DataFrame, pd.Series | None]]:
        for rows in tables.all_features(slots, kinds):
            yield rows, rows[features.event_time] if features.event_time else None

    current = tables.features([partition])
    profile = reference.features
    if profile is None:
        return [Finding(partition.key, DRIFT, state=NO_REFERENCE)], [partition]
    kinds = {name: kind for name, kind in kinds.items() if name in current}
    known = {name for name, kind in kinds.items() if profile.kinds.get(name) == kind}
    if current.empty:
        return [Finding(partition.key, DRIFT, state=NO_DATA)], [partition]
    found, slots = _compared(product, partition, reference, DRIFT, profile, known, pieces)
    version = reference.reign.version
    gone = [
        Finding(partition.key, DRIFT, slice=name, state=WARN, why="gone", model_version=version)
        for name in profile.features
        if name not in known
    ]
    new = [
        Finding(partition.key, DRIFT, slice=name, why="new", model_version=version)
        for name in kinds
        if name not in known
    ]
    if gone and found[0].state in (None, "ok", "insufficient"):
        found[0] = replace(found[0], state=WARN)
    return [*found, *gone, *new], slots


def prediction_drift_findings(
    product: Product, tables: Tables, partition: Partition, reference: Reference
) -> tuple[list[Finding], list[Partition]]:
    """Compare what the champion says with what it said about held-out rows; see above."""
    version = reference.reign.version

    def pieces(slots: Sequence[Partition]) -> Iterator[tuple[pd.DataFrame, pd.Series | None]]:
        for rows in tables.all_predictions(slots):
            answers = from_predictions(product, rows, version)
            yield answers, answers.get(AT)

    profile = reference.answers
    answers = from_predictions(product, tables.predictions([partition]), version)
    if profile is None or answers.empty:
        state = NO_REFERENCE if profile is None else NO_DATA
        return [Finding(partition.key, PREDICTION_DRIFT, state=state)], [partition]
    return _compared(
        product, partition, reference, PREDICTION_DRIFT, profile, set(profile.features), pieces
    )


def _compared(
    product: Product,
    partition: Partition,
    reference: Reference,
    metric: str,
    profile: Profile,
    names: set[str],
    pieces: _Pieces,
) -> tuple[list[Finding], list[Partition]]:
    """Return the finding about all columns, then one for each, and the window they are about."""
    asked = product.spec.monitor.drift
    slots, result = [partition], None
    for slots in drift_windows(product, partition, reference.reign.seen_through):
        counted = [_tallied(profile, names, rows, times) for rows, times in pieces(slots)]
        result = compare(
            profile,
            together(counted),
            false_alarm_rate=asked.false_alarm_rate,
            effect_at_least=asked.effect_at_least,
            seed=product.spec.train.seed,
        )
        if result.usual_threshold <= TELLING:
            break
    assert result is not None  # there is always a window
    version, since = reference.reign.version, slots[0].key
    return _findings(partition, metric, result, since, version), slots


def _tallied(
    profile: Profile, names: set[str], rows: pd.DataFrame, times: pd.Series | None
) -> Tally:
    """Count rows into the bins of a profile; of none of the answers a column may be missing."""
    if rows.empty:
        return Tally()
    blocks = block_numbers(times, profile.unit) if times is not None and profile.unit else None
    return tally(
        profile,
        {name: rows[name].to_numpy() for name in profile.features if name in names},
        blocks,
    )


def _findings(
    partition: Partition, metric: str, result: DriftResult, since: str, version: str
) -> list[Finding]:
    ratios = [_ratio(one) for one in result.features]
    known = [ratio for ratio in ratios if not math.isnan(ratio)]
    summary = Finding(
        partition.key,
        metric,
        value=max(known, default=math.nan),
        bound=1.0,
        state=result.state,
        model_version=version,
        since=since,
    )
    return [
        summary,
        *(
            Finding(
                partition.key,
                metric,
                slice=one.name,
                value=one.distance,
                bound=one.threshold,
                state=one.state,
                model_version=version,
                since=since,
            )
            for one in result.features
        ),
    ]


def _ratio(one: FeatureDrift) -> float:
    return one.distance / one.threshold if one.threshold > 0 else math.nan
