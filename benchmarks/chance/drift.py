"""How often drift is called where there is none, and found where there is some, by simulation.

Six features of rows in blocks (days, or hours for hourly products); what a block brings is an
independent draw or an AR(1) with a rhythm in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from frame import Section
from scipy.signal import lfilter

from mlfactory.statistics.drift import detect
from mlfactory.statistics.histograms import FeatureKind
from mlfactory.statistics.profile import profile_by

FEATURES = 6
NOMINAL = 0.01
SIMULATIONS = 60


@dataclass(frozen=True)
class Case:
    """A reference and a window as long as the defaults of `every` make them."""

    every: str
    unit: str
    reference: int
    window: int
    rows: int


CASES = (
    Case("hour", "h", 504, 24, 20),
    Case("hour, one week learned", "h", 168, 24, 20),
    Case("day", "D", 56, 1, 100),
    Case("day, 28 days", "D", 56, 28, 24),
    Case("week", "D", 154, 7, 40),
    Case("month", "D", 150, 30, 20),
    Case("month, two learned", "D", 60, 30, 20),
    Case("snapshot", "", 256, 64, 20),
)

WORLDS = (
    ("independent rows", 0.0, 0.0, 0.0),
    ("AR(1) 0.8", 0.8, 0.5, 0.0),
    ("AR(1) 0.8, rhythm 1 sd", 0.8, 0.2, 1.0),
)
"""Name, autocorrelation of blocks, their standard deviation, and that of the rhythm."""

Values = dict[str, npt.NDArray[np.float64]]


def simulate(case: Case, world: int, seed: int, shift: float = 0.0) -> bool:
    """Tell whether anything is called drift; the first feature is moved by `shift`."""
    _, memory, spread, rhythm = WORLDS[world]
    rng = np.random.default_rng((seed, world))
    count = case.reference + case.window
    shocks = np.sqrt(1 - memory**2) * rng.normal(size=(count + 60, FEATURES))
    level = lfilter([1.0], [1.0, -memory], shocks, axis=0)
    period = 24 if case.unit == "h" else 7
    wave = rhythm * np.sqrt(2) * np.sin(2 * np.pi * np.arange(count) / period)[:, np.newaxis]
    rows = np.repeat(spread * level[60:] + wave, case.rows, axis=0)
    rows += rng.normal(size=rows.shape)
    split = case.reference * case.rows
    rows[split:, 0] += shift
    before: Values = {f"x{i}": values[:split] for i, values in enumerate(rows.T)}
    after: Values = {f"x{i}": values[split:] for i, values in enumerate(rows.T)}
    kinds: dict[str, FeatureKind] = dict.fromkeys(before, "numeric")
    numbers = np.repeat(np.arange(count), case.rows)
    profile = profile_by(before, kinds, numbers[:split] if case.unit else None, case.unit)
    found = detect(profile, after, numbers[split:], false_alarm_rate=NOMINAL, seed=seed)
    if shift:
        return found.features[0].state in ("warn", "alert")
    return found.state in ("warn", "alert")


def sections() -> list[Section]:
    """Return the table of drift."""
    rows = tuple(
        (
            (case.every, f"{case.reference} / {case.window}", WORLDS[world][0]),
            (partial(alarms, case, world), partial(found, case, world)),
        )
        for case in CASES
        for world in range(len(WORLDS))
        if case.unit or not any(WORLDS[world][1:])
    )
    return [
        Section(
            f"Drift of {FEATURES} features at a false-alarm rate of {NOMINAL:.0%}",
            f"How often drift is called where nothing changed ({SIMULATIONS} times), and where one "
            "feature of them moved by half a standard deviation, in %.",
            ("every", "blocks learned / compared", "blocks are", "false alarms", "0.5 sd found"),
            rows,
        )
    ]


def alarms(case: Case, world: int) -> tuple[str]:
    """Return how often drift is called where there is none."""
    called = [simulate(case, world, seed) for seed in range(SIMULATIONS)]
    return (f"{100 * np.mean(called):.1f}",)


def found(case: Case, world: int) -> tuple[str]:
    """Return how often a shift of half a standard deviation is found."""
    called = [simulate(case, world, seed, 0.5) for seed in range(SIMULATIONS // 3)]
    return (f"{100 * np.mean(called):.0f}",)
