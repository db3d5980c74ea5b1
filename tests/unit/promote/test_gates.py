from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.unit.promote.evidences import (
    OF_VALUES,
    ROWS,
    TERMS,
    WITH_COSTS,
    answers,
    built_in,
    made,
    noisy,
    only,
)

from mlfactory.product.gates import BeatsGate, BoundGate, SliceGate
from mlfactory.promote.comparing import spent
from mlfactory.promote.evidence import GateResult
from mlfactory.promote.gates import BUILT_IN, judged
from mlfactory.promote.page import gates_markdown, gates_page, gates_tags, reason
from mlfactory.statistics.metrics import Outcome


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


def test_more_days_of_the_same_customers_would_not_show_it_and_the_gate_says_so(evidence):
    """Of 61 days that were asked for in the words, 2 in 100 showed it: the customers stayed."""
    gate = BeatsGate(metric="brier", beats="champion")
    # nobody comes back; then forty customers who do, by whom the models differ; then too few
    each, forty, four = np.arange(ROWS), np.arange(ROWS) % 40, np.arange(ROWS) % 4
    of_customer = np.random.default_rng(0).normal(0, 0.05, 40)[forty]
    for groups, with_groups, shift in (
        (each, False, 0),
        (forty, True, of_customer),
        (four, True, 0),
    ):
        near = noisy(0.05)
        models = [replace(near, scores=near.scores + shift), answers(0.1)]
        ours, theirs = (replace(one, groups=groups) for one in models)
        why = only(gate, replace(evidence, candidate=ours, reference=theirs)).why
        assert (" with as many times the groups " in why) == with_groups
        assert "can tell" in why if groups is four else "a difference as large on" in why


def classified(right: float, rare: int, seed: int) -> Outcome:
    """Return rows of three classes, the last of `rare` rows, of which a share is answered right."""
    random = np.random.default_rng(seed)
    y = np.repeat([0, 1, 2], [300, 300, rare])
    said = np.where(random.random(len(y)) < right, y, (y + 1) % 3)
    scores = np.eye(3)[said] * 0.5 + 1 / 6
    return Outcome("multiclass", y, scores, said, classes=("0", "1", "2"))


def test_by_classes_that_weigh_as_much_each_nothing_is_told_of_one_with_a_few_rows(evidence):
    """Of 100 equals 13 passed a gate of 5 % where one of three classes had 5 rows."""
    gate = BeatsGate(metric="balanced_accuracy", beats="champion", confidence=0.95)
    terms = replace(TERMS, every="snapshot", main_metric="balanced_accuracy")

    def judgement(rare: int, metric: str = "balanced_accuracy") -> GateResult:
        pair = made(classified(0.9, rare, 1), classified(0.4, rare, 2))
        return only(gate.model_copy(update={"metric": metric}), pair, terms)

    assert judgement(19).state == "cannot_tell"
    assert "the rarest class has 19 held-out rows, and 20 are asked" in judgement(19).why
    assert judgement(20).state == "passed"
    assert judgement(19, "f1_macro").state == "cannot_tell"
    assert judgement(19, "accuracy").state == "passed"
    first = only(gate, made(classified(0.9, 19, 1)), terms)
    assert first.state == "passed"


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
