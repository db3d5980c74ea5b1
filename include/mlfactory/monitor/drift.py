"""Whether the data, or what the champion says about it, is other than when it was trained."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from mlfactory.monitor.answers import ANSWER, AT, SCORE
from mlfactory.monitor.findings import DRIFT, NO_DATA, PREDICTION_DRIFT, Finding
from mlfactory.monitor.reference import Reference
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.statistics.drift import FeatureDrift, detect
from mlfactory.statistics.histograms import FeatureKind
from mlfactory.statistics.profile import Profile, block_numbers, profile_by, profile_of


def drift_findings(
    product: Product, partition: Partition, reference: Reference, current: pd.DataFrame
) -> list[Finding]:
    """Compare the partition's features with those the champion was fitted on."""
    features = product.spec.features
    kinds: dict[str, FeatureKind] = {
        **dict.fromkeys(features.numeric, "numeric"),
        **dict.fromkeys(features.categorical, "categorical"),
    }
    times = reference.features[features.event_time] if features.event_time else None
    profile = profile_of(reference.features, kinds, times, product.calendar.every)
    now = current[features.event_time] if features.event_time else None
    return _compared(product, partition, reference, DRIFT, profile, current, now)


def prediction_drift_findings(
    product: Product, partition: Partition, reference: Reference, answers: pd.DataFrame
) -> list[Finding]:
    """Compare what the champion says about the partition with what it said about held-out rows."""
    if answers.empty:
        return [Finding(partition.key, PREDICTION_DRIFT, state=NO_DATA)]
    kinds: dict[str, FeatureKind] = {SCORE: "numeric"}
    if ANSWER in answers:
        kinds[ANSWER] = "categorical"
    days = reference.answers["block"]
    numbers = None if days.isna().any() else days.to_numpy(dtype=np.intp)
    unit = ""
    if numbers is not None:
        unit = "D" if product.calendar.every in ("month", "week") else "h"
    profile = profile_by(reference.answers, kinds, numbers, unit)
    times = answers.get(AT)
    return _compared(product, partition, reference, PREDICTION_DRIFT, profile, answers, times)


def _compared(
    product: Product,
    partition: Partition,
    reference: Reference,
    metric: str,
    profile: Profile,
    current: pd.DataFrame,
    times: pd.Series | None,
) -> list[Finding]:
    """Return the finding about all columns, then one for each."""
    spec = product.spec.monitor.drift
    result = detect(
        profile,
        {name: current[name].to_numpy() for name in profile.features},
        block_numbers(times, profile.unit) if times is not None and profile.unit else None,
        false_alarm_rate=spec.false_alarm_rate,
        effect_at_least=spec.effect_at_least,
        seed=product.spec.train.seed,
    )
    version = reference.reign.version
    ratios = [_ratio(one) for one in result.features]
    summary = Finding(
        partition.key,
        metric,
        value=max(ratios, default=math.nan),
        bound=1.0,
        state=result.state,
        model_version=version,
    )
    columns = [
        Finding(
            partition.key,
            metric,
            slice=one.name,
            value=one.distance,
            bound=one.threshold,
            state=one.state,
            model_version=version,
        )
        for one in result.features
    ]
    return [summary, *columns]


def _ratio(one: FeatureDrift) -> float:
    return one.distance / one.threshold if one.threshold > 0 else math.nan
