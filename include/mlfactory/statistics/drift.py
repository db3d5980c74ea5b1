"""Whether features are distributed otherwise than they were, at a controlled false-alarm rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Literal

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mlfactory.statistics.blocks import Draws, draw, memory, pseudo_distances
from mlfactory.statistics.histograms import Histogram, count_categorical, count_numeric
from mlfactory.statistics.statistic import Floats, Ints

FeatureKind = Literal["numeric", "categorical"]
DriftState = Literal["ok", "warn", "alert", "insufficient", "no_data"]

MIN_ROWS = 50
"""With fewer rows than this on either side nothing can be said."""

MIN_BLOCKS = 8
"""With fewer blocks in the reference their spread is unknown. The current data may have fewer, a
week of days has 7: its chance is drawn from the blocks of the reference."""

FEW_ROWS = 5
"""A difference made by this many rows is never drift: what the reference never had in n rows
may yet be in 3 of the next n."""

GROUPS = 256
"""Groups that exchangeable rows are dealt into, to be drawn like blocks."""

_BY_WEIGHT: tuple[DriftState, ...] = ("ok", "warn", "alert")


@dataclass(frozen=True)
class FeatureDrift:
    """What was found of one feature.

    Args:
        name: of the feature.
        kind: of its values.
        distance: between reference and current data, as a share of the rows.
        threshold: the smallest distance that would have been significant; nan if insufficient.
        p_value: chance of such a distance in any feature without drift; nan if insufficient.
        state: `alert` is significant and large, `warn` is significant only.
    """

    name: str
    kind: FeatureKind
    distance: float
    threshold: float
    p_value: float
    state: DriftState


@dataclass(frozen=True)
class DriftResult:
    """What was found of all features, in the order they were given; `state` is the worst."""

    features: tuple[FeatureDrift, ...]
    state: DriftState
    reference_rows: int
    current_rows: int
    reference_blocks: int
    current_blocks: int


def detect_drift(
    reference: Mapping[str, npt.ArrayLike],
    current: Mapping[str, npt.ArrayLike],
    kinds: Mapping[str, FeatureKind],
    *,
    reference_blocks: Ints | None,
    current_blocks: Ints | None,
    false_alarm_rate: float,
    effect_at_least: float = 0.1,
    cycle: int = 7,
    replicates: int = 1000,
    seed: int,
) -> DriftResult:
    """Compare the current data with the reference, feature by feature.

    If nothing has changed, the chance that any feature at all is significant is
    `false_alarm_rate`: distances are compared with the largest of their kind among replicates
    drawn from the reference, the single-step maxT of Westfall & Young (1993), "Resampling-based
    multiple testing". The same blocks are drawn for all features, so that features which go
    together count together. `blocks` says how a replicate is drawn.

    Args:
        reference: (rows,) values by feature.
        current: (rows,) values of the same features.
        kinds: which features to compare, and how.
        reference_blocks: (rows,) number of the day, hour, … of each row; None says that rows
            are exchangeable.
        current_blocks: (rows,) the same of the current data, counted from the same origin.
        false_alarm_rate: chance of any significant feature where nothing has changed.
        effect_at_least: the distance from which a significant feature is an alert.
        cycle: blocks in a natural cycle: 7 for days, 24 for hours, 1 for none.
        replicates: how many to draw; more are drawn when so rare an alarm needs them.
        seed: of the draws.

    Raises:
        ValueError: features or blocks differ in length; the rate is not between 0 and 1.
    """
    if not 0 < false_alarm_rate < 1:
        raise ValueError(f"a false-alarm rate is between 0 and 1, not {false_alarm_rate}")
    sizes = _rows(reference, kinds, reference_blocks), _rows(current, kinds, current_blocks)
    generator = np.random.default_rng(seed)
    if reference_blocks is None or current_blocks is None:
        reference_blocks, current_blocks = _dealt(sizes, generator)
        cycle = 1
    blocks, codes = np.unique(reference_blocks, return_inverse=True)
    recent = np.unique(current_blocks)
    lengths = len(blocks), len(recent)
    if min(sizes) < MIN_ROWS or len(blocks) < MIN_BLOCKS or not kinds:
        return _nothing(kinds, "no_data" if sizes[1] == 0 else "insufficient", sizes, lengths)

    counted = [
        count_numeric(reference[name], current[name], codes, lengths[0])
        if kind == "numeric"
        else count_categorical(reference[name], current[name], codes, *lengths)
        for name, kind in kinds.items()
    ]
    replicates = max(replicates, ceil(2 / false_alarm_rate))
    draws = draw(blocks, recent, cycle=cycle, replicates=replicates, generator=generator)
    distances = np.array([histogram.observed() for histogram in counted])
    null = _null(counted, draws, sizes[1], generator)
    thresholds, p_values = _max_t(distances, null, 1 / min(sizes), false_alarm_rate)
    features = tuple(
        FeatureDrift(name, kind, distance, threshold, p_value, state)
        for (name, kind), distance, threshold, p_value, state in zip(
            kinds.items(),
            distances.tolist(),
            thresholds.tolist(),
            p_values.tolist(),
            _states(distances, thresholds, effect_at_least),
            strict=True,
        )
    )
    worst = max((feature.state for feature in features), key=_BY_WEIGHT.index)
    return DriftResult(features, worst, *sizes, *lengths)


def _states(distances: Floats, thresholds: Floats, effect_at_least: float) -> list[DriftState]:
    significant = distances > thresholds
    return [_BY_WEIGHT[weight] for weight in significant * (1 + (distances >= effect_at_least))]


def _nothing(
    kinds: Mapping[str, FeatureKind],
    state: DriftState,
    sizes: tuple[int, int],
    lengths: tuple[int, int],
) -> DriftResult:
    """Return that nothing can be said of any feature."""
    unknown = float("nan")
    features = (
        FeatureDrift(name, kind, unknown, unknown, unknown, state) for name, kind in kinds.items()
    )
    return DriftResult(tuple(features), state, *sizes, *lengths)


def _null(
    histograms: Sequence[Histogram], draws: Draws, rows: int, generator: np.random.Generator
) -> Floats:
    """Return (features, replicates) the distances that chance makes."""
    # The products of matrices are many and small: on a busy machine, threads that wait for one
    # another at each of them take ten times as long.
    with threadpool_limits(1, user_api="blas"):
        memories = [memory(histogram, draws) for histogram in histograms]
        # How much days have in common is hard to tell from one feature of one month, and the
        # maximum over features picks the one that told too little: each takes at least the mean.
        usual = np.mean([one.excess for one in memories], axis=0)
        return np.array(
            [
                pseudo_distances(
                    histogram, draws, one.scale * np.maximum(one.excess, usual), rows, generator
                )
                for histogram, one in zip(histograms, memories, strict=True)
            ]
        )


def _max_t(
    distances: Floats, null: Floats, one_row: float, false_alarm_rate: float
) -> tuple[Floats, Floats]:
    """Return each feature's threshold and adjusted p-value; `one_row` is a row's share."""
    average = null.mean(axis=1)
    spread = np.maximum(null.std(axis=1), one_row)
    largest = np.sort(((null.T - average) / spread).max(axis=1))
    replicates = len(largest)
    allowed = floor(false_alarm_rate * (replicates + 1)) - 1
    few = FEW_ROWS * one_row
    thresholds = average + spread * largest[replicates - 1 - allowed]
    # a bound of 1 says that so short or so persistent a reference can prove no change at all
    thresholds = np.clip(thresholds, few, 1.0)
    beyond = replicates - np.searchsorted(largest, (distances - average) / spread)
    return thresholds, np.where(distances <= few, 1.0, (1 + beyond) / (1 + replicates))


def _rows(
    values: Mapping[str, npt.ArrayLike], kinds: Mapping[str, FeatureKind], blocks: Ints | None
) -> int:
    """Return how many rows there are, the same of every feature."""
    lengths = {len(np.asarray(values[name])) for name in kinds}
    if blocks is not None:
        lengths.add(len(blocks))
    if len(lengths) > 1:
        raise ValueError(f"features and blocks differ in length: {sorted(lengths)}")
    return lengths.pop() if lengths else 0


def _dealt(sizes: tuple[int, int], generator: np.random.Generator) -> tuple[Ints, Ints]:
    """Deal exchangeable rows at random into groups, of the same size on both sides."""
    ours, theirs = sizes
    groups = min(GROUPS, ours)
    recent = min(max(1, round(theirs * groups / max(1, ours))), 4 * GROUPS)
    return _at_random(ours, groups, generator), _at_random(theirs, recent, generator)


def _at_random(rows: int, groups: int, generator: np.random.Generator) -> Ints:
    return generator.permutation(rows) * groups // max(1, rows)
