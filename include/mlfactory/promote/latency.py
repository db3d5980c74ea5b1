"""How long a registered version takes to answer about one row."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mlfactory.registry.models import LoadedModel
from mlfactory.statistics.statistic import Floats

_ROUNDS = 3
_CALLS = 100
_FEWEST_CALLS = 20
_SECONDS_A_ROUND = 2.0
_WARM_UP = 5


@dataclass(frozen=True)
class Latency:
    """Milliseconds within which half, and 99 in 100, of single rows are answered."""

    p50: float
    p99: float
    calls: int


def measure_latency(model: LoadedModel) -> Latency:
    """Time single rows of the input example, one after the other, on one thread.

    Of three rounds the best counts, for a neighbour on the same machine can make any one slower
    and none faster.
    """
    example = model.input_example
    with threadpool_limits(1):
        for row in _rows(example, _WARM_UP):
            model.answer(row)
        rounds = [_round(model, example) for _ in range(_ROUNDS)]
    best = min(rounds, key=lambda milliseconds: float(np.percentile(milliseconds, 99)))
    p50, p99 = np.percentile(best, [50, 99])
    return Latency(float(p50), float(p99), sum(len(one) for one in rounds))


def _round(model: LoadedModel, example: pd.DataFrame) -> Floats:
    taken: list[float] = []
    until = time.perf_counter() + _SECONDS_A_ROUND
    for row in _rows(example, _CALLS):
        start = time.perf_counter()
        model.answer(row)
        end = time.perf_counter()
        taken.append((end - start) * 1000)
        if end > until and len(taken) >= _FEWEST_CALLS:
            break
    return np.array(taken)


def _rows(example: pd.DataFrame, count: int) -> Iterator[pd.DataFrame]:
    for call in range(count):
        place = call % len(example)
        yield example.iloc[place : place + 1]
