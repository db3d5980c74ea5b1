"""The gates that compare: with the naive answer, with the champion, and slice by slice."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from mlfactory.product.gates import BeatsGate, SliceGate
from mlfactory.product.metrics import merit
from mlfactory.product.partitions import Every
from mlfactory.promote.evidence import Evidence, GateResult, State, Terms
from mlfactory.report.numbers import written
from mlfactory.statistics.comparison import PairedDifference, paired_difference
from mlfactory.statistics.metrics import Outcome, fewest, measure
from mlfactory.statistics.naive import UNBEATABLE
from mlfactory.statistics.noise import ENOUGH, Noise
from mlfactory.statistics.statistic import Ints

SLICE_ROWS = 50
"""Rows below which the figure of a slice is mostly chance."""

SLICE_ROWS_OF_A_CLASS = 20
"""Rows of the rarest kind that a metric rests on, likewise: with 2 positives in each of 20 slices,
an area under the curve stops 7 equals of 10."""

SLICES_WRONGLY_STOPPED = 0.05
"""How often chance alone may stop a candidate at its gates of slices, however many there are."""

_DAYS: Mapping[Every, float] = {"hour": 1 / 24, "day": 1, "week": 7, "month": 365.25 / 12}
_NAMED = 5
_NEVER = 1000.0
"""Times as large a hold-out as this one is nothing that anybody will wait for."""


def naive(metric: str, evidence: Evidence) -> GateResult:
    """Require the candidate to be no worse than the constant answer that is best for a metric."""
    ours, theirs = (measure(one, metric) for one in (evidence.candidate, evidence.constant[metric]))
    gain = merit(metric, ours) - merit(metric, theirs)
    if math.isnan(gain):
        why = f"{metric} is undefined on {evidence.candidate.rows:,} held-out rows"
        return GateResult("naive", "cannot_tell", _known(ours), _known(theirs), None, None, why)
    why = f"{metric} is {written(ours)}, that of the best answer without a model {written(theirs)}"
    state: State = "passed" if gain >= 0 else "failed"
    return GateResult("naive", state, ours, theirs, None, None, why)


def beats(gate: BeatsGate, evidence: Evidence, terms: Terms) -> GateResult:
    """Require the candidate to be better than its reference beyond chance, on the same rows."""
    name = f"{gate.metric}.beats_champion"
    reference = evidence.against(gate.metric)
    if reference is None:
        return GateResult(name, "failed", None, 0.0, None, None, evidence.unfair)
    if evidence.reference is None and gate.metric in UNBEATABLE:
        why = f"no model serves yet, and nothing beats the constant 1 by {gate.metric} alone"
        return GateResult(name, "passed", None, 0.0, None, None, why)
    confidence = 1 - spent(1 - gate.confidence, terms.tries)
    difference = paired_difference(evidence.candidate, reference, gate.metric)
    ours, theirs = (measure(one, gate.metric) for one in (evidence.candidate, reference))
    told = f"{gate.metric} {written(ours)} against {written(theirs)} of {evidence.reference_name}"
    if math.isnan(difference.value):
        why = f"{told}: undefined on {evidence.candidate.rows:,} held-out rows"
        return GateResult(name, "cannot_tell", None, 0.0, None, None, why, compared=True)
    if why := _too_rare(gate.metric, evidence, terms):
        return GateResult(
            name, "cannot_tell", None, 0.0, None, None, f"{told}: {why}", compared=True
        )
    least = difference.at_least(confidence)
    state = _state_of(difference, least)
    why = f"{told}: {_by_how_much(difference, least, confidence)}"
    if terms.tries:
        why += (
            f"; these rows have judged {terms.tries:.3g} candidates before, so {confidence:.2%} "
            f"is asked instead of {gate.confidence:.0%}"
        )
    why += _wanted(difference, confidence, evidence.candidate, terms.every, state)
    figure, low = _known(difference.value), _known(least)
    return GateResult(name, state, figure, 0.0, low, None, why, compared=True)


def _too_rare(metric: str, evidence: Evidence, terms: Terms) -> str:
    """Say why a class has too few rows to tell two models of several classes apart by a metric.

    Where every class weighs as much, and one of three has 5 rows, 13 equals of 100 passed a gate of
    5 % by balanced accuracy; with eight classes of 2 rows, 9 did by F1. The first model is asked
    less: it is compared with a constant answer.
    """
    if evidence.candidate.kind != "multiclass" or evidence.reference is None:
        return ""
    rarest = fewest(evidence.candidate, metric)
    if rarest >= terms.least_of_a_class:
        return ""
    return (
        f"the rarest class has {rarest:,} held-out rows, and {terms.least_of_a_class:,} are asked "
        "where every class weighs as much; hold out more (train.holdout), or compare by accuracy "
        "or log_loss"
    )


def spent(chance: float, tries: float) -> float:
    """Return the chance of a mistake that a judgement may take after earlier ones.

    The first takes it all, and all later ones on the same rows half as much again together: the
    n-th takes 1 / 2n(n-1) of it (alpha spending: Lan & DeMets 1983, Biometrika 70(3)).
    """
    number = tries + 1
    return chance * min(1.0, 1 / (2 * number * tries)) if tries else chance


def slices(gate: SliceGate, evidence: Evidence, gates: int) -> GateResult:
    """Require that no slice is worse than its reference by more than a bound, beyond chance.

    Every slice is asked, and the chance of a wrong stop is shared among them (Bonferroni), so
    that the worst of many is not stopped for being the worst.

    Args:
        gates: how many gates of slices the candidate passes; the chance is shared among these too.
    """
    name = f"{gate.metric}.slice.{gate.slice}"
    most = gate.drop_at_most
    reference = evidence.against(gate.metric)
    if reference is None:
        return GateResult(name, "failed", None, most, None, None, evidence.unfair)
    drops, unclear = _drops(gate, evidence, reference)
    rest = _left_out(unclear)
    if not drops:
        why = f"no slice of {gate.slice} can be judged{rest}"
        return GateResult(name, "cannot_tell", None, most, None, None, why)
    # how likely chance makes of a drop that may be one that is as large as was seen
    chances = {value: 1 - found.chance_of(-most) for value, found in drops.items()}
    worst = min(drops, key=lambda value: chances[value])
    tail = SLICES_WRONGLY_STOPPED / gates / len(drops)
    failed = chances[worst] < tail
    found = drops[worst]
    drop = -found.value
    said = f"loses {written(drop)}" if drop > 0 else f"gains {written(-drop)}"
    beyond = "" if failed or drop <= most else ", which chance explains"
    why = (
        f"{gate.slice}={worst} fares worst of {len(drops)} slices: it {said} against "
        f"{evidence.reference_name}, {written(most)} may be lost{beyond}{rest}"
    )
    low = _known(drop - found.noise.reach_above(tail))
    high = _known(drop + found.noise.reach(tail))
    return GateResult(name, "failed" if failed else "passed", drop, most, low, high, why)


def _state_of(difference: PairedDifference, least: float) -> State:
    if least > 0:
        return "passed"
    return "failed" if difference.noise.tells and math.isfinite(least) else "cannot_tell"


def _by_how_much(difference: PairedDifference, least: float, confidence: float) -> str:
    way = "better" if difference.value >= 0 else "worse"
    size = f"{way} by {written(abs(difference.value))}"
    if not math.isfinite(least):
        return f"{size}, and how much of it is chance cannot be told"
    sure = f"{confidence:.2%}".replace(".00%", "%")
    if least > 0:
        return f"{size}, by at least {written(least)} with confidence {sure}"
    return f"{size}, which is not beyond chance with confidence {sure}"


def _wanted(
    difference: PairedDifference, confidence: float, rows: Outcome, every: Every, state: State
) -> str:
    """Say which hold-out would tell, or would show a difference of this size."""
    if state == "passed":
        return ""
    noise = difference.noise
    have = _amount(noise.units, rows, every)
    if not noise.tells:
        asked = _amount(noise.needed, rows, every) + _and_groups(noise, rows)
        return f"; a hold-out of {have} is too short, {asked} can tell"
    wanted = difference.units_to_show(confidence)
    if wanted < _NEVER * noise.units:
        asked = _amount(wanted, rows, every) + _and_groups(noise, rows)
        return f"; a difference as large on {asked} would be"
    return "" if state == "failed" else f"; a few of {have} have most of the rows"


def _and_groups(noise: Noise, rows: Outcome) -> str:
    """Say so where more days of the same customers would not do: what these differ by stays."""
    if rows.blocks is None or rows.groups is None:
        return ""
    few = len(np.unique(rows.groups)) < ENOUGH
    return " with as many times the groups" if (noise.apart > 0 if noise.tells else few) else ""


def _amount(units: float, rows: Outcome, every: Every) -> str:
    """Write an amount of days, entities or rows as what a spec can hold out."""
    count = math.ceil(units)
    if rows.blocks is None:
        return f"{count:,} {'rows' if rows.groups is None else 'groups'}"
    spanned = math.ceil(count * _days_for_one(rows.blocks))
    partitions = math.ceil(spanned / _DAYS[every])
    said = f"{spanned:,} {'day' if spanned == 1 else 'days'}"
    if spanned > count:
        said += f", {count:,} of them with rows,"
    unit = every if partitions == 1 else f"{every}s"
    return said if every == "day" else f"{said} ({partitions:,} {unit})"


def _days_for_one(blocks: Ints) -> float:
    """Return how many days pass for one that has rows."""
    known = np.unique(blocks)
    return float(known[-1] - known[0]) / (len(known) - 1) if len(known) > 1 else 1.0


def _drops(
    gate: SliceGate, evidence: Evidence, reference: Outcome
) -> tuple[dict[str, PairedDifference], list[str]]:
    """Compare slice by slice; return the comparisons, and the slices that cannot be judged."""
    values = evidence.slices[gate.slice]
    drops: dict[str, PairedDifference] = {}
    unclear: list[str] = []
    for value, count in values.value_counts().items():
        rows = np.asarray(values == value)
        ours, theirs = evidence.candidate.take(rows), reference.take(rows)
        rarest = min(fewest(one, gate.metric) for one in (ours, theirs))
        if count >= SLICE_ROWS and rarest >= SLICE_ROWS_OF_A_CLASS:
            found = paired_difference(ours, theirs, gate.metric)
            if not math.isnan(found.chance_of(0.0)):
                drops[str(value)] = found
                continue
        unclear.append(str(value))
    return drops, unclear


def _left_out(unclear: list[str]) -> str:
    if not unclear:
        return ""
    named = ", ".join(unclear[:_NAMED]) + (", ..." if len(unclear) > _NAMED else "")
    return (
        f"; {len(unclear)} cannot be judged (under {SLICE_ROWS} rows or {SLICE_ROWS_OF_A_CLASS} "
        f"of a class, of one day, or undefined): {named}"
    )


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
