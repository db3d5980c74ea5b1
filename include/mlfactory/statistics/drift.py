"""Whether features are distributed otherwise than they were, at a controlled false-alarm rate."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mlfactory.statistics.blocks import Draws, draw, pseudo_distances
from mlfactory.statistics.histograms import Columns, FeatureKind
from mlfactory.statistics.profile import GROUPS, MIN_BLOCKS, Profile
from mlfactory.statistics.statistic import Floats, Ints
from mlfactory.statistics.tally import Tally, tally

DriftState = Literal["ok", "warn", "alert", "insufficient", "no_data"]

MIN_ROWS = 50
"""With fewer rows than this on either side nothing can be said."""

FEW_ROWS = 5
"""A difference made by this many rows is never drift: what the reference never had in n rows
may yet be in 3 of the next n."""

CANNOT_TELL = 0.5
"""A bound as large as this proves nothing: half of the rows could be other than they were."""

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
        state: `alert` is significant and large, `warn` is significant only, `insufficient` that
            even a large change could not have been told from chance.
    """

    name: str
    kind: FeatureKind
    distance: float
    threshold: float
    p_value: float
    state: DriftState


@dataclass(frozen=True)
class DriftResult:
    """What was found of all features, in the order of the profile.

    `state` is the worst of them; `ok` only if at least half of them could have told.
    """

    features: tuple[FeatureDrift, ...]
    state: DriftState
    reference_rows: int
    current_rows: int
    reference_blocks: int
    current_blocks: int

    @property
    def usual_threshold(self) -> float:
        """Return the median bound of the features: how small a change can be told; 1 if none."""
        bounds = [1.0 if np.isnan(one.threshold) else one.threshold for one in self.features]
        return float(np.median(bounds)) if bounds else 1.0


def detect(
    profile: Profile,
    current: Columns,
    blocks: Ints | None,
    *,
    false_alarm_rate: float,
    effect_at_least: float = 0.1,
    replicates: int = 1000,
    seed: int,
) -> DriftResult:
    """Compare rows with a reference, see `compare`.

    Args:
        profile: the reference.
        current: (rows,) values by feature; those that the profile does not know are left out, and
            so are those of the profile that are not here.
        blocks: (rows,) number of the block of each row, in the unit of the profile; of no account
            where rows are exchangeable.

    Raises:
        ValueError: features or blocks differ in length; the rate is not between 0 and 1.
    """
    return compare(
        profile,
        tally(profile, current, blocks),
        false_alarm_rate=false_alarm_rate,
        effect_at_least=effect_at_least,
        replicates=replicates,
        seed=seed,
    )


def compare(
    profile: Profile,
    current: Tally,
    *,
    false_alarm_rate: float,
    effect_at_least: float = 0.1,
    replicates: int = 1000,
    seed: int,
) -> DriftResult:
    """Compare current data that was counted with a reference, feature by feature.

    If nothing has changed, the chance that any feature at all is significant is
    `false_alarm_rate`: distances are compared with the largest of their kind among replicates
    drawn from the reference, the single-step maxT of Westfall & Young (1993), "Resampling-based
    multiple testing". The same blocks are drawn for all features, so that features which go
    together count together. `blocks` says how a replicate is drawn, `memory` how far each
    feature's own memory stretches it.

    Args:
        profile: the reference.
        current: counted into its bins; a feature that was not counted is left out.
        false_alarm_rate: chance of any significant feature where nothing has changed.
        effect_at_least: the distance from which a significant feature is an alert.
        replicates: how many to draw; more are drawn when so rare an alarm needs them.
        seed: of the draws.

    Raises:
        ValueError: the rate is not between 0 and 1.
    """
    if not 0 < false_alarm_rate < 1:
        raise ValueError(f"a false-alarm rate is between 0 and 1, not {false_alarm_rate}")
    names = [name for name in profile.features if name in current.counts]
    sizes = profile.rows, current.rows
    generator = np.random.default_rng(seed)
    recent = current.blocks
    if recent is None:
        # exchangeable rows are as many groups as the reference would make of them
        groups = max(1, round(sizes[1] * len(profile.blocks) / max(1, sizes[0])))
        recent = np.arange(min(groups, 4 * GROUPS, sizes[1]))
    lengths = len(profile.blocks), len(recent)
    if min(sizes) < MIN_ROWS or lengths[0] < MIN_BLOCKS or not names:
        state: DriftState = "no_data" if sizes[1] == 0 else "insufficient"
        return _nothing(profile, names, state, sizes, lengths)

    replicates = max(replicates, ceil(2 / false_alarm_rate))
    whole = draw(profile.blocks, profile.blocks, profile.cycle, replicates, generator)
    currents = [
        draw(profile.blocks, recent, profile.cycle, replicates, generator, really=really)
        for really in (False, True)
    ]
    distances = np.array([profile.features[name].observed(current.counts[name]) for name in names])
    null = _null(profile, names, whole, currents, sizes[1], false_alarm_rate, generator)
    told = [_max_t(distances, one, 1 / min(sizes), false_alarm_rate) for one in null]
    thresholds, p_values = np.max(told, axis=0)
    features = tuple(
        FeatureDrift(name, profile.features[name].kind, distance, threshold, p_value, state)
        for name, distance, threshold, p_value, state in zip(
            names,
            distances.tolist(),
            thresholds.tolist(),
            p_values.tolist(),
            _states(distances, thresholds, effect_at_least),
            strict=True,
        )
    )
    return DriftResult(features, _worst(features), *sizes, *lengths)


def _states(distances: Floats, thresholds: Floats, effect_at_least: float) -> list[DriftState]:
    significant = distances > thresholds
    found = [_BY_WEIGHT[weight] for weight in significant * (1 + (distances >= effect_at_least))]
    return [
        "insufficient" if state == "ok" and threshold >= CANNOT_TELL else state
        for state, threshold in zip(found, thresholds, strict=True)
    ]


def _worst(features: tuple[FeatureDrift, ...]) -> DriftState:
    states = [feature.state for feature in features]
    for state in ("alert", "warn"):
        if state in states:
            return state
    return "ok" if 2 * states.count("ok") >= len(states) else "insufficient"


def _nothing(
    profile: Profile,
    names: list[str],
    state: DriftState,
    sizes: tuple[int, int],
    lengths: tuple[int, int],
) -> DriftResult:
    """Return that nothing can be said of any feature."""
    unknown = float("nan")
    features = (
        FeatureDrift(name, profile.features[name].kind, unknown, unknown, unknown, state)
        for name in names
    )
    return DriftResult(tuple(features), state, *sizes, *lengths)


def _null(
    profile: Profile,
    names: list[str],
    whole: Draws,
    currents: list[Draws],
    rows: int,
    false_alarm_rate: float,
    generator: np.random.Generator,
) -> Floats:
    """Return (ways of drawing, features, replicates) the distances that chance makes."""
    # each feature's share of the family's rate (Sidak), at which its own uncertainty counts
    level = 1 - (1 - false_alarm_rate) ** (1 / len(names))
    with threadpool_limits(1, user_api="blas"):
        found = [
            pseudo_distances(
                profile.features[name],
                whole,
                currents,
                profile.memories[name].stretch((whole.length, currents[0].length), level),
                rows,
                generator,
            )
            for name in names
        ]
    return np.stack(found, axis=1)


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
