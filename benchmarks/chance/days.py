"""How often a mean of days is found above 0 where it is not, and where it is, by simulation."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
from frame import Section
from scipy.signal import lfilter

from mlfactory.statistics.noise import noise

RUNS = 2000
LEVEL = 0.05
DAYS = (5, 14, 21, 28, 60, 168, 336)
STORMS, LOSS = 1 / 20, 10.0
WEEK = np.array([0.6, 0.6, 0.6, 0.6, 0.6, -1.5, -1.5])

WORLDS = {
    "independent": (0.0, 0.0),
    "memory 0.5": (0.5, 0.0),
    "memory 0.8": (0.8, 0.0),
    "half of it 0.8": (0.8, 0.0),
    "a weekly cycle": (0.0, 0.0),
    "rare large gains": (0.0, 0.0),
    "rare large losses": (0.0, 0.0),
    "storm days": (0.0, 0.0),
    "0.5 sd better": (0.0, 0.5),
    "1 sd better": (0.0, 1.0),
    "2 sd better": (0.0, 2.0),
}
"""By name the memory of what days bring, and its true mean."""


def sections() -> list[Section]:
    """Return the table of days."""
    return [
        Section(
            "What days bring, at a gate of 5 %",
            f"How often a mean of days is found above 0 ({RUNS:,} series), in %. Its truth is 0 "
            "but in the last three columns, where it is a share of the standard deviation of a "
            "day. With fewer than 14 days a gate that does not pass cannot tell. Weeks are five "
            "good days and two bad; rare gains and losses are exponential days (skewness 2). Of "
            f"storm days one in {1 / STORMS:.0f} loses {LOSS:.0f} standard deviations of the "
            "others: a hold-out without one cannot know of it.",
            ("days", *WORLDS),
            tuple(
                ((str(days),), tuple(partial(passing, days, name) for name in WORLDS))
                for days in DAYS
            ),
        )
    ]


def passing(days: int, name: str) -> tuple[str]:
    """Return how often the mean is found above 0."""
    rng = np.random.default_rng(10)
    codes = np.arange(days)
    passed = 0
    for _ in range(RUNS):
        values = _values(name, days, rng)
        found = noise((values - values.mean()) / days, codes, None)
        passed += values.mean() > found.reach(LEVEL)
    return (f"{100 * passed / RUNS:.1f}",)


def _values(name: str, days: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    memory, mean = WORLDS[name]
    if name.startswith("rare"):
        skew = rng.exponential(size=days) - 1
        return skew if name.endswith("gains") else -skew
    if name == "storm days":
        return rng.normal(size=days) - LOSS * ((rng.random(days) < STORMS) - STORMS)
    shocks = rng.normal(size=days)
    shocks[1:] *= np.sqrt(1 - memory**2)
    values = mean + lfilter([1.0], [1.0, -memory], shocks)
    if name == "half of it 0.8":
        values = (values + rng.normal(size=days)) / np.sqrt(2)
    if name == "a weekly cycle":
        values = values + WEEK[(np.arange(days) + rng.integers(7)) % 7]
    return values
