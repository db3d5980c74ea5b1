from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlfactory.product.gates import BeatsGate, BoundGate, SliceGate
from mlfactory.product.metrics import metrics_for
from mlfactory.promote.comparing import slices, spent
from mlfactory.promote.evidence import Evidence, GateResult, Terms
from mlfactory.promote.gates import BUILT_IN, judged
from mlfactory.promote.latency import Latency
from mlfactory.promote.page import gates_markdown, gates_page, gates_tags, reason
from mlfactory.statistics.metrics import Outcome
from mlfactory.statistics.naive import naive_of, naive_outcome

ROWS = 400
TERMS = Terms("day", "roc_auc", min_holdout=100, least_of_a_class=20)
OF_VALUES = replace(TERMS, main_metric="mae")
WITH_COSTS = replace(TERMS, main_metric="cost")


def answers(skill: float, seed: int = 0) -> Outcome:
    """Return 400 rows of 20 days, scored by a model that mixes truth and noise."""
    random = np.random.default_rng(seed)
    y = random.permutation(np.arange(ROWS) % 2).astype(float)
    noise = np.random.default_rng(1).random(ROWS)
    scores = skill * y + (1 - skill) * noise
    decisions = (scores >= 0.5).astype(float)
    blocks = np.arange(ROWS, dtype=np.intp) // 20
    return Outcome("binary", y, scores, decisions, costs=(60.0, 12.0), blocks=blocks)


def noisy(by: float) -> Outcome:
    """Return answers that are little better than those of skill 0.1, if at all."""
    near = answers(0.11)
    return replace(near, scores=near.scores + np.random.default_rng(4).normal(0, by, ROWS))


def constants(of: Outcome) -> dict[str, Outcome]:
    """Return the same rows answered by the best constant of each metric."""
    known = naive_of(of.y, of.kind)
    metrics = metrics_for(of.kind, costs=of.costs is not None)
    return {metric: naive_outcome(of, metric, known) for metric in metrics}


def made(candidate: Outcome, reference: Outcome | None = None) -> Evidence:
    return Evidence(
        candidate=candidate,
        reference=reference,
        constant=constants(candidate),
        reference_name="champion 1" if reference else "the naive answer",
        unfair="",
        slices={},
        latency=None,
        trouble="",
        cutoff="2024-01-03",
        champion_cutoff="2024-01-02",
    )


@pytest.fixture
def evidence() -> Evidence:
    regions = np.tile(np.repeat(["north", "south", "east"], [10, 9, 1]), 20)
    return replace(
        made(answers(0.3), answers(0.1)),
        slices={"region": pd.Series(regions)},
        latency=Latency(2.0, 9.0, 200),
    )


def only(
    gate: BoundGate | BeatsGate | SliceGate, evidence: Evidence, terms: Terms = TERMS
) -> GateResult:
    return judged((gate,), evidence, terms)[-1]


def built_in(name: str, evidence: Evidence, terms: Terms = TERMS) -> GateResult:
    return judged((), evidence, terms)[BUILT_IN.index(name)]


def test_a_bound_is_kept_or_broken_by_the_figure_itself(evidence):
    kept = only(BoundGate(metric="roc_auc", at_least=0.6), evidence)
    assert kept.passed and kept.bound == 0.6
    assert kept.low < kept.figure < kept.high
    broken = only(BoundGate(metric="brier", at_most=0.01), evidence)
    assert broken.state == "failed" and broken.name == "brier.at_most"
    assert "at most 0.01 is asked" in broken.why


def test_a_figure_that_is_undefined_fails(evidence):
    silent = replace(evidence.candidate, decisions=np.zeros(ROWS))
    result = only(BoundGate(metric="precision", at_least=0.0), replace(evidence, candidate=silent))
    assert (result.state, result.figure) == ("failed", None)
    assert "undefined" in result.why


def test_latency_is_the_slowest_of_a_hundred(evidence):
    gate = BoundGate(metric="latency_p99_ms", at_most=9)
    assert only(gate, evidence).passed
    assert not only(BoundGate(metric="latency_p99_ms", at_most=8), evidence).passed
    assert not only(gate, replace(evidence, latency=None, trouble="broken")).passed


def test_the_better_model_beats_and_the_same_one_does_not(evidence):
    gate = BeatsGate(metric="cost", beats="champion", confidence=0.95)
    better = only(gate, evidence)
    assert better.passed and better.compared and better.low > 0
    same = only(gate, replace(evidence, reference=evidence.candidate))
    assert (same.state, same.compared, same.figure) == ("failed", True, 0.0)
    worse = replace(evidence, candidate=evidence.reference, reference=evidence.candidate)
    assert only(gate, worse).figure == pytest.approx(-better.figure)


@pytest.mark.parametrize(
    "gate",
    [
        BeatsGate(metric="cost", beats="champion"),
        SliceGate(metric="roc_auc", slice="region", drop_at_most=0.1),
    ],
)
def test_without_a_fair_comparison_comparing_gates_fail_and_say_why(evidence, gate):
    result = only(gate, replace(evidence, reference=None, unfair="champion 1 cannot be asked"))
    assert (result.state, result.compared) == ("failed", False)
    assert result.why == "champion 1 cannot be asked"


def test_few_days_cannot_tell_and_the_gate_says_which_holdout_could(evidence):
    days = np.asarray(evidence.candidate.blocks) % 3
    short = replace(
        evidence,
        candidate=replace(noisy(0.1), blocks=days),
        reference=replace(answers(0.1), blocks=days),
    )
    gate = BeatsGate(metric="roc_auc", beats="champion", confidence=0.95)
    for every, words in {
        "day": "a hold-out of 3 days is too short, 14 days can tell",
        "hour": "a hold-out of 3 days (72 hours) is too short, 14 days (336 hours) can tell",
        "week": "a hold-out of 3 days (1 week) is too short, 14 days (2 weeks) can tell",
        "month": "a hold-out of 3 days (1 month) is too short, 14 days (1 month) can tell",
    }.items():
        result = only(gate, short, replace(TERMS, every=every))
        assert (result.state, result.passed, result.compared) == ("cannot_tell", False, True)
        assert words in result.why
    one_day = replace(
        short,
        candidate=replace(short.candidate, blocks=days * 0),
        reference=replace(short.reference, blocks=days * 0),
    )
    result = only(gate, one_day)
    assert (result.state, result.low) == ("cannot_tell", None)
    assert "how much of it is chance cannot be told" in result.why


def test_where_few_days_have_rows_the_holdout_asked_for_has_as_many_of_them(evidence):
    # four days with rows, a week apart
    days = np.asarray(evidence.candidate.blocks) % 4 * 7
    short = replace(
        evidence,
        candidate=replace(noisy(0.1), blocks=days),
        reference=replace(answers(0.1), blocks=days),
    )
    gate = BeatsGate(metric="roc_auc", beats="champion", confidence=0.95)
    assert (
        "a hold-out of 28 days, 4 of them with rows, is too short, "
        "98 days, 14 of them with rows, can tell"
    ) in only(gate, short).why
    assert "98 days, 14 of them with rows, (14 weeks) can tell" in (
        only(gate, short, replace(TERMS, every="week")).why
    )


def test_where_few_days_have_most_of_the_rows_nothing_can_be_told(evidence):
    days = np.append(np.arange(ROWS - 20) * 0 + 9, np.arange(20))
    uneven = replace(
        evidence,
        candidate=replace(answers(0.3), blocks=days),
        reference=replace(answers(0.1), blocks=days),
    )
    result = only(BeatsGate(metric="roc_auc", beats="champion"), uneven)
    assert (result.state, result.low) == ("cannot_tell", None) and result.figure > 0
    assert "how much of it is chance cannot be told; a hold-out of 20 days is too" in result.why


def test_rows_of_the_same_few_customers_cannot_tell(evidence):
    groups = np.arange(ROWS, dtype=np.intp) % 4
    same = [replace(one, blocks=None, groups=groups) for one in (noisy(0.1), answers(0.1))]
    result = only(
        BeatsGate(metric="roc_auc", beats="champion"),
        replace(evidence, candidate=same[0], reference=same[1]),
        replace(TERMS, every="snapshot"),
    )
    assert result.state == "cannot_tell"
    # as many as 10 of one size: the classes are not spread quite evenly over them
    assert "a hold-out of 4 groups is too short, 11 groups can tell" in result.why


def test_an_improvement_that_is_not_shown_says_how_many_days_would_show_it(evidence):
    near = replace(evidence, candidate=noisy(0.05), reference=answers(0.1))
    result = only(BeatsGate(metric="brier", beats="champion"), near)
    assert result.state == "failed" and result.figure > 0 > result.low
    assert "not beyond chance with confidence 95%; a difference as large on 30 days" in result.why


def test_more_is_asked_each_time_the_same_rows_judge_again(evidence):
    gate = BeatsGate(metric="cost", beats="champion", confidence=0.95)
    first, third = (only(gate, evidence, replace(TERMS, tries=tries)) for tries in (0.0, 2.0))
    assert third.low < first.low
    assert (
        "these rows have judged 2 candidates before, so 99.58% is asked instead of 95%" in third.why
    )
    assert "before" not in first.why


def test_all_later_tries_on_the_same_rows_share_half_as_much_again():
    shares = [spent(0.05, tries) for tries in range(20)]
    assert shares[0] == 0.05 and shares[1] == pytest.approx(0.0125)
    assert sum(shares) < 0.075
    assert spent(0.05, 0.2) == 0.05 > spent(0.05, 0.7)


def test_a_slice_that_is_worse_beyond_chance_stops_and_small_ones_are_named(evidence):
    south = np.asarray(evidence.slices["region"] == "south")
    scores = np.where(south, 1 - evidence.candidate.scores, evidence.candidate.scores)
    broken = replace(evidence, candidate=replace(evidence.candidate, scores=scores))
    gate = SliceGate(metric="roc_auc", slice="region", drop_at_most=0.03)
    result = only(gate, broken)
    assert result.state == "failed" and result.figure > 0.03
    assert "region=south fares worst of 2 slices: it loses" in result.why
    assert (
        "1 cannot be judged (under 50 rows or 20 of a class, of one day, or undefined): east"
        in result.why
    )
    assert result.low <= result.figure <= result.high
    assert only(gate, evidence).passed
    assert "it gains" in only(gate, evidence).why


def test_an_equal_model_is_rarely_stopped_however_many_slices():
    stopped = []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        y, names = rng.normal(size=600), pd.Series(np.arange(600) % 12).astype(str)
        ours, theirs = (
            Outcome("regression", y, y + error, y + error) for error in rng.normal(size=(2, 600))
        )
        evidence = replace(made(ours, theirs), slices={"shop": names})
        gate = SliceGate(metric="mae", slice="shop", drop_at_most=0.0)
        stopped.append(slices(gate, evidence, 1).state == "failed")
    # were each judged as if it were alone, 12 of them would stop 46 %
    assert np.mean(stopped) <= 0.2


def test_the_chance_of_a_wrong_stop_is_shared_among_all_gates_of_slices(evidence):
    gate = SliceGate(metric="roc_auc", slice="region", drop_at_most=0.0)
    other = SliceGate(metric="brier", slice="region", drop_at_most=0.0)
    alone, one, two = only(gate, evidence), *judged((gate, other), evidence, TERMS)[-2:]
    # less is shared out to each, so each is less sure of its slices
    assert one.low < alone.low and one.high > alone.high
    assert [slices(each, evidence, 2) for each in (gate, other)] == [one, two]


def test_a_slice_that_is_much_worse_is_found_among_twenty():
    rng = np.random.default_rng(0)
    y, names = rng.normal(size=2000), np.repeat(np.arange(20), 100)
    ours, theirs = rng.normal(size=(2, 2000)) * np.where(names == 7, [[2.0], [1.0]], 1.0) + y
    evidence = replace(
        made(*(Outcome("regression", y, guess, guess) for guess in (ours, theirs))),
        slices={"shop": pd.Series(names.astype(str))},
    )
    result = only(SliceGate(metric="mae", slice="shop", drop_at_most=0.1), evidence, OF_VALUES)
    assert result.state == "failed" and "shop=7 fares worst of 20 slices" in result.why


@pytest.mark.parametrize("metric", ["roc_auc", "recall", "average_precision"])
def test_slices_with_a_handful_of_a_class_stop_nobody_and_are_named(metric):
    names = np.repeat(np.arange(10), 200).astype(str)
    states = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        y = (rng.random(2000) < 0.02).astype(float)
        base = 1.5 * y + rng.normal(size=2000)
        ours, theirs = (
            Outcome("binary", y, 1 / (1 + np.exp(-scores)), (scores > 1.2).astype(float))
            for scores in base + 0.7 * rng.normal(size=(2, 2000))
        )
        evidence = replace(made(ours, theirs), slices={"shop": pd.Series(names)})
        result = slices(SliceGate(metric=metric, slice="shop", drop_at_most=0.0), evidence, 1)
        states.append(result.state)
    assert "failed" not in states
    assert "10 cannot be judged (under 50 rows or 20 of a class" in result.why


def test_a_slice_needs_rows_that_both_said_to_be_1_for_a_precision(evidence):
    silent = replace(evidence.reference, decisions=np.arange(ROWS) % 40 == 0)
    gate = SliceGate(metric="precision", slice="region", drop_at_most=0.0)
    assert only(gate, evidence).state != "cannot_tell"
    assert only(gate, replace(evidence, reference=silent)).state == "cannot_tell"


def test_where_every_slice_is_small_nothing_can_be_told(evidence):
    few = replace(evidence, slices={"region": pd.Series(np.arange(ROWS).astype(str))})
    result = only(SliceGate(metric="roc_auc", slice="region", drop_at_most=0.0), few)
    assert (result.state, result.figure, result.compared) == ("cannot_tell", None, False)
    assert result.why.startswith("no slice of region can be judged; 400 cannot be judged")
    assert result.why.endswith(", ...")


def test_the_built_in_gates_are_always_there(evidence):
    assert [gate.name for gate in judged((), evidence, TERMS)] == list(BUILT_IN)
    assert all(gate.passed for gate in judged((), replace(evidence, champion_cutoff=None), TERMS))
    changed = replace(evidence, trouble="its digest differs", cutoff="2024-01-01")
    broken = judged((), changed, TERMS)
    assert [gate.passed for gate in broken] == [False, False, True, True]
    assert [gate.why for gate in broken][:2] == [
        "its digest differs",
        "cut-off 2024-01-01 is older than the champion's, 2024-01-02",
    ]


def test_a_same_cut_off_is_fresh(evidence):
    assert built_in("fresh", replace(evidence, champion_cutoff="2024-01-03")).passed


def test_a_handful_of_held_out_rows_promotes_nobody(evidence):
    few = replace(evidence, candidate=evidence.candidate.take(np.arange(25)))
    result = built_in("holdout", few)
    assert (result.state, result.figure, result.bound) == ("cannot_tell", 25, 100)
    assert "25 held-out rows have a label, and 100 are asked (train.min_holdout)" in result.why


def test_a_handful_of_rows_of_one_class_promotes_nobody(evidence):
    kept = np.append(np.flatnonzero(evidence.candidate.y == 0), [0])
    kept = np.unique(np.append(kept, np.flatnonzero(evidence.candidate.y == 1)[:19]))
    result = built_in("holdout", replace(evidence, candidate=evidence.candidate.take(kept)))
    assert result.state == "cannot_tell" and result.figure < 20
    assert "held-out rows have one and the same label, and 20 others are asked" in result.why


def test_a_model_that_costs_more_than_doing_nothing_is_not_promoted(evidence):
    # to say 1 always costs 12 for each of the half that is not
    silent = replace(evidence.candidate, decisions=np.zeros(ROWS))
    result = built_in("naive", replace(evidence, candidate=silent), WITH_COSTS)
    assert (result.state, result.figure, result.bound) == ("failed", 30.0, 6.0)
    assert result.why == "cost is 30, that of the best answer without a model 6"


def test_what_counts_is_what_the_spec_compares_unless_errors_have_a_cost(evidence):
    gates = (BeatsGate(metric="brier", beats="champion"),)
    by_gate, by_cost = (judged(gates, evidence, terms)[3] for terms in (TERMS, WITH_COSTS))
    assert by_gate.why.startswith("brier is") and by_cost.why.startswith("cost is")
    assert built_in("naive", evidence).why.startswith("roc_auc is")


def test_a_first_champion_is_compared_with_the_best_constant_of_the_metric(evidence):
    first = replace(made(evidence.candidate), champion_cutoff=None)
    for metric in ("precision", "roc_auc", "brier"):
        result = only(BeatsGate(metric=metric, beats="champion"), first)
        assert result.passed and "of the naive answer" in result.why
    # nobody finds more than who calls all rows 1, which must not keep the first champion out
    recall = BeatsGate(metric="recall", beats="champion")
    assert only(recall, first).passed and judged((recall,), first, TERMS)[3].passed
    assert only(recall, evidence).why.startswith("recall 0.")


def test_a_bias_is_compared_by_its_size():
    y = np.arange(200.0)
    rng = np.random.default_rng(0)
    low, high = (y + rng.normal(by, 0.1, 200) for by in (-5.0, 1.0))
    worse, better = (Outcome("regression", y, one, one) for one in (low, high))
    assert only(BeatsGate(metric="bias", beats="champion"), made(better, worse), OF_VALUES).passed
    within = only(BoundGate(metric="bias", at_most=2), made(worse), OF_VALUES)
    assert within.state == "failed" and within.figure == pytest.approx(5, abs=0.1)
    assert 4.5 < within.low < within.figure < within.high < 5.5
    assert only(BoundGate(metric="bias", at_most=2), made(better), OF_VALUES).passed


def test_the_table_is_the_same_as_page_markdown_and_tags(evidence):
    few = replace(evidence, slices={"region": pd.Series(np.arange(ROWS).astype(str))})
    gates = (
        BeatsGate(metric="cost", beats="champion"),
        SliceGate(metric="roc_auc", slice="region", drop_at_most=0.0),
    )
    results = judged(gates, few, TERMS)
    page = gates_page("shop", False, {"candidate": "<b>"}, results)
    assert "cost.beats_champion" in page and "&lt;b&gt;" in page
    assert "of 6 gates 1 failed, 1 cannot tell" in page
    table = gates_markdown(results)
    assert table.count("\n") == 7
    assert "| fresh | passed | 1 | 1 | — |" in table
    assert "| roc_auc.slice.region | cannot tell | — |" in table
    tags = gates_tags(results)
    assert tags["gate.servable"] == "passed 1 (bound 1)"
    assert tags["gate.roc_auc.slice.region"] == "cannot tell — (bound 0)"


def test_the_reason_names_every_gate_that_did_not_pass(evidence):
    results = judged(
        (BoundGate(metric="brier", at_most=0.01),), replace(evidence, trouble="broken"), TERMS
    )
    told = reason(False, results)
    assert told.startswith("servable failed: broken; brier.at_most failed: brier is")
    assert reason(True, judged((), evidence, TERMS)) == "passed all 4 gates"
    short = replace(evidence, candidate=evidence.candidate.take(np.arange(25)))
    assert reason(False, judged((), short, TERMS)).startswith("holdout cannot tell: 25 held-out")
