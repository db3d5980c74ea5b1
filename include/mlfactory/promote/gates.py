"""The gates: each one condition on a candidate, answered with its figure, its bound and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mlfactory.product.gates import BeatsGate, BoundGate, Gate, SliceGate
from mlfactory.product.metrics import LATENCY, merit
from mlfactory.promote.latency import Latency
from mlfactory.report.numbers import written
from mlfactory.statistics.comparison import paired_difference
from mlfactory.statistics.estimate import interval
from mlfactory.statistics.metrics import Outcome, measure

SLICE_ROWS = 50
"""Rows below which the figure of a slice is mostly chance."""

_SLICE_CONFIDENCE = 0.95


@dataclass(frozen=True)
class GateResult:
    """How a candidate fared at one gate.

    Attributes:
        figure: what was measured; None where nothing could be.
        bound: what it was held against.
        low: lower end of what the figure may truly be; likewise `high`.
        compared: whether it is a comparison that was made, so that to fail it is to be no better.
    """

    name: str
    passed: bool
    figure: float | None
    bound: float | None
    low: float | None
    high: float | None
    why: str
    compared: bool = False


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that the gates judge by.

    Attributes:
        reference: the champion's or the baseline's answers; None without a fair comparison.
        reference_name: for people.
        unfair: why there is no fair comparison.
        slices: columns of the held-out rows, by name.
        latency: None if the version does not serve.
        trouble: why the version does not serve; nothing if it does.
        cutoff: key of the candidate's, which sort as time does; likewise the champion's.
    """

    candidate: Outcome
    reference: Outcome | None
    reference_name: str
    unfair: str
    slices: Mapping[str, pd.Series]
    latency: Latency | None
    trouble: str
    cutoff: str
    champion_cutoff: str | None
    seed: int


def judged(gates: tuple[Gate, ...], evidence: Evidence) -> tuple[GateResult, ...]:
    """Put a candidate through the built-in gates and those of the spec."""
    own = [_pass_through(gate, evidence) for gate in gates]
    return (servable(evidence), fresh(evidence), *own)


def servable(evidence: Evidence) -> GateResult:
    """Require that the version loads from the registry and answers as it did at training."""
    works = not evidence.trouble
    why = evidence.trouble or "loads from the registry, its digest fits, and it answers as trained"
    return GateResult("servable", works, float(works), 1.0, None, None, why)


def fresh(evidence: Evidence) -> GateResult:
    """Require that the candidate has not looked at older data only than the champion."""
    newer = evidence.champion_cutoff is None or evidence.cutoff >= evidence.champion_cutoff
    if evidence.champion_cutoff is None:
        why = "there is no champion"
    elif newer:
        why = f"cut-off {evidence.cutoff}, the champion's is {evidence.champion_cutoff}"
    else:
        why = f"cut-off {evidence.cutoff} is older than the champion's, {evidence.champion_cutoff}"
    return GateResult("fresh", newer, float(newer), 1.0, None, None, why)


def bound(gate: BoundGate, evidence: Evidence) -> GateResult:
    """Require a figure of the held-out rows to keep a bound."""
    estimate = interval(evidence.candidate, gate.metric)
    result = _within(gate, estimate.value, f"on {evidence.candidate.rows:,} held-out rows")
    return replace(result, low=_known(estimate.low), high=_known(estimate.high))


def latency(gate: BoundGate, evidence: Evidence) -> GateResult:
    """Require single rows to be answered in time."""
    taken = evidence.latency
    if taken is None:
        return _within(gate, math.nan, "because the version does not serve")
    times = f"in {taken.calls} single rows, half of them within {written(taken.p50)}"
    return _within(gate, taken.p99, times)


def beats(gate: BeatsGate, evidence: Evidence) -> GateResult:
    """Require the candidate to be better than its reference beyond chance, on the same rows."""
    name = f"{gate.metric}.beats_champion"
    if evidence.reference is None:
        return GateResult(name, False, None, 0.0, None, None, evidence.unfair)
    difference = paired_difference(evidence.candidate, evidence.reference, gate.metric)
    least = difference.at_least(gate.confidence)
    ours, theirs = (measure(one, gate.metric) for one in (evidence.candidate, evidence.reference))
    passed = least > 0
    why = (
        f"{gate.metric} {written(ours)} against {written(theirs)} of {evidence.reference_name}: "
        f"better by {written(difference.value)}, by at least {written(least)} with "
        f"confidence {gate.confidence:.0%}"
    )
    figure, low = _known(difference.value), _known(least)
    return GateResult(name, passed, figure, 0.0, low, None, why, compared=True)


def slices(gate: SliceGate, evidence: Evidence) -> GateResult:
    """Require that no slice loses more than a bound against the reference."""
    name = f"{gate.metric}.slice.{gate.slice}"
    most = gate.drop_at_most
    if evidence.reference is None:
        return GateResult(name, False, None, most, None, None, evidence.unfair)
    drops, left_out = _drops(gate, evidence, evidence.reference)
    rest = f"; {left_out} left out (under {SLICE_ROWS} rows, or undefined)" if left_out else ""
    if not drops:
        why = f"no slice of {gate.slice} can be judged{rest}"
        return GateResult(name, True, None, most, None, None, why)
    worst = max(drops, key=lambda value: drops[value])
    rows = _rows_of(evidence.slices[gate.slice], worst)
    certain = paired_difference(
        evidence.candidate.take(rows),
        evidence.reference.take(rows),
        gate.metric,
    ).at_least(_SLICE_CONFIDENCE)
    drop = drops[worst]
    said = f"loses {written(drop)}" if drop > 0 else f"gains {written(-drop)}"
    why = (
        f"{gate.slice}={worst} fares worst of {len(drops)} slices: it {said} against "
        f"{evidence.reference_name}, {written(most)} may be lost{rest}"
    )
    # the drop is the improvement's opposite, so its upper end is the lower end of that
    return GateResult(name, drop <= most, drop, most, None, _known(-certain), why)


def _pass_through(gate: Gate, evidence: Evidence) -> GateResult:
    if isinstance(gate, BeatsGate):
        return beats(gate, evidence)
    if isinstance(gate, SliceGate):
        return slices(gate, evidence)
    return latency(gate, evidence) if gate.metric == LATENCY else bound(gate, evidence)


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
    return GateResult(name, passed, _known(figure), limit, None, None, why)


def _drops(gate: SliceGate, evidence: Evidence, reference: Outcome) -> tuple[dict[str, float], int]:
    """Return by how much each slice is worse, and how many slices cannot tell."""
    values = evidence.slices[gate.slice]
    drops: dict[str, float] = {}
    left_out = 0
    for value, count in values.value_counts().items():
        rows = _rows_of(values, str(value))
        models = (evidence.candidate, reference)
        ours, theirs = (merit(gate.metric, measure(one.take(rows), gate.metric)) for one in models)
        if count < SLICE_ROWS or math.isnan(theirs - ours):
            left_out += 1
        else:
            drops[str(value)] = theirs - ours
    return drops, left_out


def _rows_of(values: pd.Series, value: str) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(values == value)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
