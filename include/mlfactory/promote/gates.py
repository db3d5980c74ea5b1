"""The gates: each one condition on a candidate, answered with its figure, its bound and why."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from mlfactory.product.gates import BeatsGate, BoundGate, Gate, SliceGate
from mlfactory.product.metrics import LATENCY
from mlfactory.promote.comparing import beats, naive, slices
from mlfactory.promote.evidence import Evidence, GateResult, State, Terms
from mlfactory.report.numbers import written
from mlfactory.statistics.estimate import Estimate, interval
from mlfactory.statistics.naive import UNBEATABLE

BUILT_IN = ("servable", "fresh", "holdout", "naive")


def judged(gates: tuple[Gate, ...], evidence: Evidence, terms: Terms) -> tuple[GateResult, ...]:
    """Put a candidate through the built-in gates and those of the spec."""
    return (
        servable(evidence),
        fresh(evidence),
        holdout(evidence, terms),
        naive(counted(gates, terms), evidence),
        *(_pass_through(gate, gates, evidence, terms) for gate in gates),
    )


def counted(gates: tuple[Gate, ...], terms: Terms) -> str:
    """Return the metric that counts where one figure is to tell which model is better.

    It is the cost where errors have one, else what the spec compares with the champion.
    """
    if terms.main_metric == "cost":
        return "cost"
    asked = (gate.metric for gate in gates if isinstance(gate, BeatsGate))
    return next((metric for metric in asked if metric not in UNBEATABLE), terms.main_metric)


def servable(evidence: Evidence) -> GateResult:
    """Require that the version loads from the registry and answers as it did at training."""
    works = not evidence.trouble
    why = evidence.trouble or "loads from the registry, its digest fits, and it answers as trained"
    return GateResult("servable", _state(works), float(works), 1.0, None, None, why)


def fresh(evidence: Evidence) -> GateResult:
    """Require that the candidate has not looked at older data only than the champion."""
    newer = evidence.champion_cutoff is None or evidence.cutoff >= evidence.champion_cutoff
    if evidence.champion_cutoff is None:
        why = "there is no champion"
    elif newer:
        why = f"cut-off {evidence.cutoff}, the champion's is {evidence.champion_cutoff}"
    else:
        why = f"cut-off {evidence.cutoff} is older than the champion's, {evidence.champion_cutoff}"
    return GateResult("fresh", _state(newer), float(newer), 1.0, None, None, why)


def holdout(evidence: Evidence, terms: Terms) -> GateResult:
    """Require held-out rows enough, in all and of the second most frequent class.

    What fewer say is chance; of several classes the rarer ones are measured with the others.
    """
    truth = evidence.candidate
    if truth.rows < terms.min_holdout:
        why = (
            f"{truth.rows:,} held-out rows have a label, and {terms.min_holdout:,} are asked "
            "(train.min_holdout); hold out more (train.holdout)"
        )
        return _holdout("cannot_tell", truth.rows, terms.min_holdout, why)
    if truth.kind != "regression":
        counts = [count for _, count in Counter(truth.y.tolist()).most_common(2)]
        rarer = counts[1] if len(counts) > 1 else 0
        if rarer < terms.least_of_a_class:
            why = (
                f"all but {rarer:,} of {truth.rows:,} held-out rows have one and the same label, "
                f"and {terms.least_of_a_class:,} others are asked; hold out more (train.holdout)"
            )
            return _holdout("cannot_tell", rarer, terms.least_of_a_class, why)
    why = f"{truth.rows:,} held-out rows with a label"
    return _holdout("passed", truth.rows, terms.min_holdout, why)


def bound(gate: BoundGate, evidence: Evidence) -> GateResult:
    """Require a figure of the held-out rows to keep a bound; of a bias, its size."""
    estimate = interval(evidence.candidate, gate.metric)
    if gate.metric == "bias":
        estimate = _size(estimate)
    result = _within(gate, estimate.value, f"on {evidence.candidate.rows:,} held-out rows")
    return replace(result, low=_known(estimate.low), high=_known(estimate.high))


def latency(gate: BoundGate, evidence: Evidence) -> GateResult:
    """Require single rows to be answered in time."""
    taken = evidence.latency
    if taken is None:
        return _within(gate, math.nan, "because the version does not serve")
    times = f"in {taken.calls} single rows, half of them within {written(taken.p50)}"
    return _within(gate, taken.p99, times)


def _pass_through(
    gate: Gate, gates: tuple[Gate, ...], evidence: Evidence, terms: Terms
) -> GateResult:
    if isinstance(gate, BeatsGate):
        return beats(gate, evidence, terms)
    if isinstance(gate, SliceGate):
        return slices(gate, evidence, sum(isinstance(one, SliceGate) for one in gates))
    return latency(gate, evidence) if gate.metric == LATENCY else bound(gate, evidence)


def _holdout(state: State, rows: int, asked: int, why: str) -> GateResult:
    return GateResult("holdout", state, float(rows), float(asked), None, None, why)


def _within(gate: BoundGate, figure: float, where: str) -> GateResult:
    least = gate.at_least is not None
    limit = float(gate.at_least if gate.at_least is not None else gate.at_most or 0.0)
    passed = figure >= limit if least else figure <= limit
    name = f"{gate.metric}.{'at_least' if least else 'at_most'}"
    words = f"{'at least' if least else 'at most'} {written(limit)} is asked"
    if math.isnan(figure):
        why = f"{gate.metric} is undefined {where}; {words}"
    else:
        why = f"{gate.metric} is {written(figure)} {where}; {words}"
    return GateResult(name, _state(passed), _known(figure), limit, None, None, why)


def _size(signed: Estimate) -> Estimate:
    """Return the estimate of a figure's size from that of the figure."""
    ends = sorted((abs(signed.low), abs(signed.high)))
    return Estimate(abs(signed.value), 0.0 if signed.low < 0 < signed.high else ends[0], ends[1])


def _state(passed: bool) -> State:
    return "passed" if passed else "failed"


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
