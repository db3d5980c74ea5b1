"""What a spec leaves unsaid, by how its time is cut: a month of rows is not an hour of rows.

What is learned from holds its seasons several times: of hours and days eight weeks, of weeks nearly
half a year. The newest third of a window or less is held out, four weeks of it, so that progress
can be told from chance: days follow one another, and few of them say little. Each product trains
again now and then whatever its figures say, because a trigger that never fires would leave a model
for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

from mlfactory.product.partitions import Every
from mlfactory.product.quantities import Quota


@dataclass(frozen=True)
class Defaults:
    """Amounts in partitions.

    Attributes:
        window: what a training sees, hold-out included.
        holdout: the newest of them, never learned from.
        every: after so many since the last training another one is asked for; 0 is never.
        cooldown: so many pass after a training before the next one is asked for.
        budget: how many trainings may be asked for.
        season: the cycle of the data that a window should hold once at least; 0 is none.
    """

    window: int
    holdout: int
    every: int
    cooldown: int
    budget: Quota
    season: int


DEFAULTS: dict[Every, Defaults] = {
    "hour": Defaults(2016, 672, every=336, cooldown=24, budget=Quota(6, 336), season=168),
    "day": Defaults(84, 28, every=28, cooldown=7, budget=Quota(6, 56), season=7),
    "week": Defaults(26, 4, every=13, cooldown=2, budget=Quota(6, 26), season=0),
    "month": Defaults(6, 1, every=6, cooldown=1, budget=Quota(6, 12), season=0),
    # there is one partition: who replaces it asks for a training by hand
    "snapshot": Defaults(1, 0, every=0, cooldown=1, budget=Quota(6, 12), season=0),
}

JUDGED_OVER: dict[Every, int] = {"hour": 672, "day": 28, "week": 4, "month": 1, "snapshot": 1}
"""Partitions over which a serving model's answers are judged at most, where no longer hold-out is
asked: four weeks, for rows share what their day brought, and few days tell little."""

HELD_OUT_OF = 3
"""Partitions of a window for each one that is held out by default, at least."""

HOLDOUT_SHARE = 0.25
"""Share of a snapshot's rows that is held out by default."""
