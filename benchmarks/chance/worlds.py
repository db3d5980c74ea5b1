"""Models whose truth is known: two that are equal, or one that is better by so much.

Each day (or customer) suits one of two models more than the other, by an effect that is as likely
to go one way as the other, so that in truth they are equal whatever the metric.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from mlfactory.statistics.metrics import Outcome

EFFECT = 0.5
"""Standard deviation of what a day (or customer) does to the skill of a model."""


@dataclass(frozen=True)
class World:
    """How rows come about.

    Attributes:
        days: of the hold-out; 0 is a snapshot.
        rows: of a day, or all of a snapshot.
        effect: standard deviation of the effect of a day, or of a customer.
        memory: correlation of the effects of neighbouring days.
        customers: who the rows belong to, by whom the models differ as well where there are days;
            0 is each to itself.
        uneven: whether some days or customers have many more rows than others.
    """

    days: int = 0
    rows: int = 20
    effect: float = 0.0
    memory: float = 0.0
    customers: int = 0
    uneven: bool = False


def pair(world: World, kind: str, rng: np.random.Generator, gain: float = 0.0) -> list[Outcome]:
    """Return two models' answers; the first is better by `gain`, a share of error or of skill."""
    unit, blocks, groups = _units(world, rng)
    effects = _effects(world, int(unit.max()) + 1, rng)[unit]
    if blocks is not None and groups is not None:
        effects = effects + rng.normal(0, world.effect, world.customers)[groups]
    made = []
    if kind == "regression":
        y = rng.normal(0, 1, len(unit))
        for side, share in ((1, 1 - gain), (-1, 1.0)):
            errors = share * np.exp(side * effects / 2) * rng.normal(0, 1, len(unit))
            made.append(
                Outcome("regression", y, y + errors, y + errors, None, None, blocks, groups)
            )
        return made
    y = (rng.random(len(unit)) < 0.3).astype(np.float64)
    for side, share in ((1, 1 + gain), (-1, 1.0)):
        logits = (2 * y - 1) * (share + side * effects / 2) + rng.normal(0, 1.5, len(unit))
        scores = 1 / (1 + np.exp(-logits))
        decisions = (scores >= 0.4).astype(np.float64)
        made.append(Outcome("binary", y, scores, decisions, None, (30.0, 12.0), blocks, groups))
    return made


def _units(world: World, rng: np.random.Generator):
    if world.days:
        sizes = np.full(world.days, world.rows)
        if world.uneven:
            sizes = np.maximum(1, rng.gamma(0.7, world.rows / 0.7, world.days)).astype(int)
        day = np.repeat(np.arange(world.days), sizes)
        groups = rng.integers(world.customers, size=len(day)) if world.customers else None
        return day, day, groups
    if not world.customers:
        return np.arange(world.rows), None, None
    weights = rng.gamma(0.7, 1, world.customers) if world.uneven else np.ones(world.customers)
    groups = rng.choice(world.customers, world.rows, p=weights / weights.sum())
    return groups, None, groups


def _effects(world: World, units: int, rng: np.random.Generator) -> np.ndarray:
    shocks = rng.normal(0, world.effect, units)
    if world.memory:
        shocks[1:] *= np.sqrt(1 - world.memory**2)
        shocks = lfilter([1.0], [1.0, -world.memory], shocks)
    return shocks
