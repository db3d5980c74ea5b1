"""How long a registered version takes to answer about one row."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mlfactory.registry.models import LoadedModel

_WARM_UP = 5
_CALLS = 200
_FEWEST_CALLS = 20
_SECONDS = 4.0


@dataclass(frozen=True)
class Latency:
    """Milliseconds within which half, and 99 in 100, of single rows are answered."""

    p50: float
    p99: float
    calls: int


def measure_latency(model: LoadedModel) -> Latency:
    """Time single rows of the input example, one after the other, on one thread.

    Processor time is counted: what a machine takes that does nothing else. By the clock, whoever
    else works on the training machine would decide which model is promoted.
    """
    example = model.input_example
    taken: list[float] = []
    until = time.perf_counter() + _SECONDS
    with threadpool_limits(1):
        for call in range(_WARM_UP + _CALLS):
            place = call % len(example)
            row = example.iloc[place : place + 1]
            start = time.process_time()
            model.answer(row)
            taken.append((time.process_time() - start) * 1000)
            if time.perf_counter() > until and len(taken) >= _WARM_UP + _FEWEST_CALLS:
                break
    measured = taken[_WARM_UP:]
    p50, p99 = np.percentile(measured, [50, 99])
    return Latency(float(p50), float(p99), len(measured))
