"""Whether the data, or what the champion says about it, is other than when it was trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from mlfactory.monitor.answers import AT, from_predictions
from mlfactory.monitor.features import Features
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
from mlfactory.statistics.profile import Profile
from mlfactory.statistics.tally import Tally, tally_of_frame, together

TELLING = 0.15
"""A window tells enough when half of the features have a bound as small as this: a shift of half a
standard deviation, which is a distance of 0.2, is then found."""

_Tallied = Callable[[Sequence[Partition]], Tally]
"""Counts all rows of a window into the bins of a reference."""


@dataclass(frozen=True, eq=False)
class Compared:
    """What was found of columns that were compared with a reference.

    Attributes:
        findings: about all of them, then one for each.
        slots: the window they are about.
        tally: its rows in the bins of the reference; none where nothing was compared.
    """

    findings: list[Finding]
    slots: list[Partition]
    tally: Tally = field(default_factory=Tally)


def drift_findings(
    product: Product, features: Features, partition: Partition, reference: Reference
) -> Compared:
    """Compare the features with those the champion was fitted on.

    They are those of the partition, and of as many before it as it takes to tell, none of which the
    champion has seen. A feature that
    the champion knew and that is gone, or is of another kind now, is a warning; one that it did
    not know is named.
    """
    spec, there = product.spec.features, features.names
    kinds: dict[str, FeatureKind] = {
        **dict.fromkeys(spec.numeric, "numeric"),
        **dict.fromkeys(spec.categorical, "categorical"),
    }
    profile = reference.features
    if profile is None:
        return Compared([Finding(partition.key, DRIFT, state=NO_REFERENCE)], [partition])
    if not features.rows([partition]):
        return Compared([Finding(partition.key, DRIFT, state=NO_DATA)], [partition])
    kinds = {name: kind for name, kind in kinds.items() if name in there}
    known = {name for name, kind in kinds.items() if profile.kinds.get(name) == kind}

    def tallied(slots: Sequence[Partition]) -> Tally:
        return features.tally(slots, profile, known)

    compared = _compared(product, partition, reference, DRIFT, profile, tallied)
    found, version = compared.findings, reference.reign.version
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
    return replace(compared, findings=[*found, *gone, *new])


def prediction_drift_findings(
    product: Product, tables: Tables, partition: Partition, reference: Reference
) -> Compared:
    """Compare what the champion says with what it said about held-out rows; see above.

    The rows of answers are read, which its performance asks for as well.
    """
    version, profile = reference.reign.version, reference.answers
    answers = from_predictions(product, tables.predictions([partition]), version)
    if profile is None or answers.empty:
        state = NO_REFERENCE if profile is None else NO_DATA
        return Compared([Finding(partition.key, PREDICTION_DRIFT, state=state)], [partition])

    def tallied(slots: Sequence[Partition]) -> Tally:
        given = (from_predictions(product, rows, version) for rows in tables.all_predictions(slots))
        return together(
            [tally_of_frame(profile, rows, profile.features, rows.get(AT)) for rows in given]
        )

    return _compared(product, partition, reference, PREDICTION_DRIFT, profile, tallied)


def _compared(
    product: Product,
    partition: Partition,
    reference: Reference,
    metric: str,
    profile: Profile,
    tallied: _Tallied,
) -> Compared:
    """Return what is found over the shortest window that tells, or the longest there is."""
    asked = product.spec.monitor.drift
    slots, tally, result = [partition], Tally(), None
    for slots in drift_windows(product, partition, reference.reign.seen_through):
        tally = tallied(slots)
        result = compare(
            profile,
            tally,
            false_alarm_rate=asked.false_alarm_rate,
            effect_at_least=asked.effect_at_least,
            seed=product.spec.train.seed,
        )
        if result.usual_threshold <= TELLING:
            break
    assert result is not None  # there is always a window
    version, since = reference.reign.version, slots[0].key
    return Compared(_findings(partition, metric, result, since, version), slots, tally)


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
