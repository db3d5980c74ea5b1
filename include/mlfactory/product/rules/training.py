"""Training: candidates that can learn the label, and a hold-out that leaves something to learn."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mlfactory.product.mistakes import Found
from mlfactory.product.spec import CANDIDATES, ProductSpec

_SLACK = 1.1
"""How many times as many rows a sample should have as are needed: not all days have as many."""


def training_mistakes(spec: ProductSpec) -> Iterator[Found]:
    """Yield what no training could be made with."""
    yield from _candidates(spec)
    mistakes = list(_holdout(spec))
    yield from mistakes
    if not mistakes:
        yield from _most(spec)


def _most(spec: ProductSpec) -> Iterator[Found]:
    """Yield it where a sample would be refused for having too few rows, of the fit or held out."""
    snapshot = spec.partition.calendar.is_snapshot
    held = spec.holdout_fraction if snapshot else spec.holdout_partitions / spec.window
    needed = max(spec.train.min_rows / (1 - held), spec.train.min_holdout / held)
    least = math.ceil(_SLACK * needed)
    if least > spec.train.max_rows:
        yield (
            ("train", "max_rows"),
            f"expected at least {least}: of so many about {held:.0%} are held out, and "
            f"train.min_rows is {spec.train.min_rows}, train.min_holdout {spec.train.min_holdout}",
        )


def _candidates(spec: ProductSpec) -> Iterator[Found]:
    if spec.train.candidates == "auto":
        return
    families = CANDIDATES[spec.label.kind]
    for position, name in enumerate(spec.train.candidates):
        place = ("train", "candidates", position)
        if name not in families:
            yield (
                place,
                f"'{name}' cannot learn a {spec.label.kind} label; there are {list(families)}",
            )
        if name in spec.train.candidates[:position]:
            yield place, f"'{name}' stands there twice"


def _holdout(spec: ProductSpec) -> Iterator[Found]:
    holdout = spec.train.holdout
    if holdout is None:
        return
    place = ("train", "holdout")
    share = holdout.endswith("%")
    if spec.partition.calendar.is_snapshot:
        if not share:
            yield place, "a snapshot holds out a share of its rows, like '25%'"
        elif not 0.05 <= spec.holdout_fraction <= 0.5:
            yield place, "expected a share between 5% and 50%"
    elif share:
        yield place, "expected whole partitions, like '1 partition'"
    elif not 1 <= spec.holdout_partitions < spec.window:
        yield (
            place,
            f"expected at least 1 partition and fewer than the window's {spec.window}",
        )
