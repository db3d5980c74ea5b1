"""How often gates let equal models pass, stop equal models, and find what is better."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from frame import Cell, Section
from worlds import EFFECT, World, pair

from mlfactory.product.defaults import DEFAULTS
from mlfactory.promote.comparing import SLICES_WRONGLY_STOPPED, spent
from mlfactory.statistics.comparison import paired_difference
from mlfactory.statistics.estimate import interval
from mlfactory.statistics.metrics import Outcome, measure

RUNS = 800
LEVEL = 0.05
OF_CLASSES = ("roc_auc", "average_precision", "accuracy", "cost")


def _holdouts() -> dict[str, World]:
    """Return what the defaults hold out; where two hold out the same, once."""
    worlds: dict[World, list[str]] = {}
    for every, length in {"hour": 1 / 24, "day": 1, "week": 7, "month": 30}.items():
        days = round(DEFAULTS[every].holdout * length)
        worlds.setdefault(World(days, 48 if every == "hour" else 20), []).append(every)
    return {f"{', '.join(named)}: {world.days} days": world for world, named in worlds.items()}


HOLDOUTS = _holdouts()
LONGER = {"90 days": World(days=90)}
KINDS = {
    "independent rows": {},
    "days differ": {"effect": EFFECT},
    "days of unequal size": {"effect": EFFECT, "uneven": True},
    "memory 0.5": {"effect": EFFECT, "memory": 0.5},
    "memory 0.8": {"effect": EFFECT, "memory": 0.8},
    "days and 40 customers": {"effect": EFFECT, "customers": 40},
}
SNAPSHOTS = {
    "independent rows": World(rows=600),
    "40 customers": World(rows=600, effect=EFFECT, customers=40),
    "40 customers, uneven": World(rows=600, effect=EFFECT, customers=40, uneven=True),
    "150 customers": World(rows=600, effect=EFFECT, customers=150),
}


def sections() -> list[Section]:
    """Return the tables of the gates."""
    worlds = [
        (every, name, replace(world, **kind))
        for every, world in {**HOLDOUTS, **LONGER}.items()
        for name, kind in KINDS.items()
    ]
    worlds += [("snapshot: 600 rows", name, world) for name, world in SNAPSHOTS.items()]
    better = [one for one in worlds if one[1] in ("independent rows", "days differ", "memory 0.5")]
    both = [partial(false_passes, ("mae",)), partial(false_passes, OF_CLASSES)]
    return [
        Section(
            "Equal models at a gate of 5 %",
            "Two models that are equally good in truth; how often `beats` lets one of them pass "
            f"({RUNS:,} pairs), in %, and in brackets how often it cannot tell. The first "
            f"{len(HOLDOUTS)} hold out what the defaults do.",
            ("hold-out", "rows", "mae", *OF_CLASSES),
            _rows(worlds, both),
        ),
        Section(
            "A better model at the same gate",
            "How often a model passes whose errors are smaller by this share (mean absolute "
            "error), in %.",
            ("hold-out", "rows", "5 %", "10 %", "20 %"),
            _rows(better, [partial(passes, gain) for gain in (0.05, 0.1, 0.2)]),
        ),
        Section(
            "Intervals of 95 %",
            "How often they hold the truth, in %, where they are defined.",
            ("hold-out", "rows", "mae", "roc_auc", "accuracy"),
            _rows(worlds, [partial(covers, ("mae",)), partial(covers, ("roc_auc", "accuracy"))]),
        ),
        Section(
            "Slices",
            "How often a gate of slices with no drop allowed stops an equal model, in %; and how "
            "often it stops one whose errors are twice as large in one slice.",
            ("slices", "rows of each", "equal", "one is bad"),
            tuple(
                ((str(count), str(rows)), tuple(partial(stops, count, rows, bad) for bad in (1, 2)))
                for count, rows in ((3, 500), (10, 200), (20, 100))
            ),
        ),
        Section(
            "The same hold-out again and again",
            "How often one of so many equal candidates is promoted by the same 600 rows of 30 "
            "days, in %; beside it, if every one were judged as the first.",
            ("candidates", "promoted", "judged as the first"),
            tuple(
                ((str(tries),), tuple(partial(again, tries, counted) for counted in (True, False)))
                for tries in (1, 5, 20)
            ),
        ),
    ]


def _rows(worlds, makers) -> tuple[tuple[tuple[str, ...], tuple[Cell, ...]], ...]:
    return tuple(
        ((every, name), tuple(partial(maker, world) for maker in makers))
        for every, name, world in worlds
    )


def false_passes(metrics: tuple[str, ...], world: World) -> tuple[str, ...]:
    """Return how often one of two equal models passes, and how often nobody can tell."""
    rng = np.random.default_rng(11)
    passed, unclear = (dict.fromkeys(metrics, 0) for _ in range(2))
    for _ in range(RUNS):
        models = pair(world, _kind(metrics), rng)
        for metric in metrics:
            found = paired_difference(*models, metric)
            least = found.at_least(1 - LEVEL)
            passed[metric] += least > 0
            told = found.noise.tells and np.isfinite(least)
            unclear[metric] += not (told or least > 0)
    return tuple(
        _percent(passed[metric])
        + (f" ({unclear[metric] / RUNS:.0%})" if unclear[metric] >= RUNS / 200 else "")
        for metric in metrics
    )


def passes(gain: float, world: World) -> tuple[str]:
    """Return how often a better model passes."""
    rng = np.random.default_rng(12)
    found = (
        paired_difference(*pair(world, "regression", rng, gain), "mae").at_least(1 - LEVEL)
        for _ in range(RUNS // 4)
    )
    return (f"{100 * sum(least > 0 for least in found) / (RUNS // 4):.0f}",)


def covers(metrics: tuple[str, ...], world: World) -> tuple[str, ...]:
    """Return how often an interval of 95 % holds what a very long hold-out shows."""
    rng = np.random.default_rng(13)
    endless = pair(endless_of(world), _kind(metrics), np.random.default_rng(1))[0]
    truth = {metric: measure(endless, metric) for metric in metrics}
    held, defined = (dict.fromkeys(metrics, 0) for _ in range(2))
    for _ in range(RUNS // 4):
        outcome = pair(world, _kind(metrics), rng)[0]
        for metric in metrics:
            found = interval(outcome, metric)
            defined[metric] += np.isfinite(found.low)
            held[metric] += found.low <= truth[metric] <= found.high
    return tuple(_percent(held[metric], max(defined[metric], 1)) for metric in metrics)


def endless_of(world: World) -> World:
    """Return the same world with rows and customers enough that a figure is the truth."""
    size = {"days": 10_000, "rows": 20} if world.days else {"rows": 200_000}
    long = replace(world, **size)
    return replace(long, customers=10_000, uneven=False) if world.customers else long


def stops(count: int, rows: int, bad: float) -> tuple[str]:
    """Return how often a gate of slices stops a model whose last slice has larger errors."""
    rng = np.random.default_rng(14)
    stopped = 0
    for _ in range(RUNS // 4):
        worst = 1.0
        for number in range(count):
            scale = bad if number == count - 1 else 1.0
            y = np.zeros(rows)
            ours, theirs = rng.normal(0, scale, rows), rng.normal(0, 1, rows)
            found = paired_difference(
                Outcome("regression", y, ours, ours),
                Outcome("regression", y, theirs, theirs),
                "mae",
            )
            worst = min(worst, 1 - found.chance_of(0.0))
        stopped += worst < SLICES_WRONGLY_STOPPED / count
    return (_percent(stopped, RUNS // 4),)


def again(tries: int, counted: bool) -> tuple[str]:
    """Return how often one of several equals is promoted by the same rows."""
    rng = np.random.default_rng(15)
    promoted = 0
    blocks = np.arange(600) // 20
    for _ in range(RUNS // 4):
        y, champion = rng.normal(size=(2, 600))
        reference = Outcome("regression", y, champion, champion, blocks=blocks)
        for earlier in range(tries):
            guess = 0.7 * champion + np.sqrt(1 - 0.7**2) * rng.normal(size=600)
            candidate = Outcome("regression", y, guess, guess, blocks=blocks)
            chance = spent(LEVEL, float(earlier)) if counted else LEVEL
            if paired_difference(candidate, reference, "mae").chance_of(0.0) < chance:
                promoted += 1
                break
    return (_percent(promoted, RUNS // 4),)


def _kind(metrics: tuple[str, ...]) -> str:
    return "regression" if metrics == ("mae",) else "binary"


def _percent(count: int, of: int = RUNS) -> str:
    return f"{100 * count / of:.1f}"
