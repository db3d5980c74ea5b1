"""Whether the data, or what the champion says about it, is other than when it was trained."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from mlfactory.monitor.answers import ANSWER, SCORE
from mlfactory.monitor.blocks import CYCLE, time_blocks
from mlfactory.monitor.findings import DRIFT, NO_DATA, PREDICTION_DRIFT, Finding
from mlfactory.monitor.reference import Reference
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.statistics.drift import FeatureDrift, FeatureKind, detect_drift
from mlfactory.statistics.statistic import Ints


def drift_findings(
    product: Product, partition: Partition, reference: Reference, current: pd.DataFrame
) -> list[Finding]:
    """Compare the partition's features with those the champion was fitted on."""
    features = product.spec.features
    kinds: dict[str, FeatureKind] = {
        **dict.fromkeys(features.numeric, "numeric"),
        **dict.fromkeys(features.categorical, "categorical"),
    }
    then, now = reference.features, current
    blocks = (_blocks(product, then), _blocks(product, now))
    return _compared(product, partition, reference, DRIFT, (then, now), kinds, blocks)


def prediction_drift_findings(
    product: Product, partition: Partition, reference: Reference, answers: pd.DataFrame
) -> list[Finding]:
    """Compare what the champion says about the partition with what it said about held-out rows."""
    if answers.empty:
        return [Finding(partition.key, PREDICTION_DRIFT, state=NO_DATA)]
    kinds: dict[str, FeatureKind] = {SCORE: "numeric"}
    if ANSWER in answers:
        kinds[ANSWER] = "categorical"
    both = (reference.answers, answers)
    blocks = (_known(reference.answers["block"]), _known(answers["block"]))
    return _compared(product, partition, reference, PREDICTION_DRIFT, both, kinds, blocks)


def _compared(
    product: Product,
    partition: Partition,
    reference: Reference,
    metric: str,
    frames: tuple[pd.DataFrame, pd.DataFrame],
    kinds: Mapping[str, FeatureKind],
    blocks: tuple[Ints | None, Ints | None],
) -> list[Finding]:
    """Return the finding about all columns, then one for each."""
    spec = product.spec.monitor.drift
    then, now = ({name: frame[name].to_numpy() for name in kinds} for frame in frames)
    result = detect_drift(
        then,
        now,
        kinds,
        reference_blocks=blocks[0],
        current_blocks=blocks[1],
        false_alarm_rate=spec.false_alarm_rate,
        effect_at_least=spec.effect_at_least,
        cycle=CYCLE[product.calendar.every],
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


def _blocks(product: Product, frame: pd.DataFrame) -> Ints | None:
    event_time = product.spec.features.event_time
    return time_blocks(frame[event_time], product.calendar) if event_time else None


def _known(blocks: pd.Series) -> Ints | None:
    return None if blocks.isna().any() else blocks.to_numpy(dtype=np.intp)
