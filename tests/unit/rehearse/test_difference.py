"""The difference of two models, metric by metric: with its interval, and in a word."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.promote.evidences import answers, made

from mlfactory.promote.evidence import GateResult
from mlfactory.promote.page import gates_markdown
from mlfactory.rehearse.difference import (
    CONFIDENCE,
    Difference,
    confidence_of_each,
    differences,
    markdown,
)
from mlfactory.statistics.comparison import paired_difference
from mlfactory.statistics.metrics import Outcome


def one(metric: str, found: list[Difference]) -> Difference:
    return next(each for each in found if each.metric == metric)


def test_better_is_more_whatever_the_metric_and_the_interval_has_the_truth() -> None:
    found = differences(made(answers(0.4), answers(0.1)), costs=True)
    area, error, cost = (one(name, found) for name in ("roc_auc", "brier", "cost"))
    assert area.ours > area.theirs and error.ours < error.theirs and cost.ours < cost.theirs
    for each in (area, error, cost):
        assert 0 < each.low < each.better < each.high
        assert each.verdict == "better"
    exact = paired_difference(answers(0.4), answers(0.1), "roc_auc")
    assert area.low == pytest.approx(exact.at_least(1 - (1 - confidence_of_each(len(found))) / 2))


def test_the_other_way_round_it_is_worse_and_against_itself_it_cannot_be_told() -> None:
    worse = differences(made(answers(0.1), answers(0.4)), costs=True)
    assert one("roc_auc", worse).verdict == "worse"
    same = differences(made(answers(0.1), answers(0.1)), costs=True)
    assert {each.verdict for each in same} == {"cannot tell"}


def uneven(seed: int) -> tuple[Outcome, Outcome]:
    """Return the answers of two equal models on days of very different sizes."""
    random = np.random.default_rng(seed)
    sizes = np.maximum(random.lognormal(3, 1.2, 30).astype(int), 1)
    days = np.repeat(np.arange(30), sizes)
    y, of_day = random.normal(size=len(days)), random.normal(0, 0.3, 30)[days]
    one = y + np.abs(random.normal(size=len(days)))
    other = y + np.abs(random.normal(size=len(days))) + of_day
    first, second = (Outcome("regression", y, each, each, blocks=days) for each in (one, other))
    return first, second


def test_who_is_called_the_champion_turns_every_verdict_round_and_nothing_else() -> None:
    """Its upper end was as far away as the lower one: `worse` was said twice as often as `better`
    of models that are equal."""
    turned = {"better": "worse", "worse": "better", "cannot tell": "cannot tell"}
    lopsided = 0
    for seed in range(12):
        one, other = uneven(seed)
        ours = differences(made(one, other), costs=False)
        theirs = differences(made(other, one), costs=False)
        for here, there in zip(ours, theirs, strict=True):
            assert here.low == pytest.approx(-there.high)
            assert here.verdict == turned[there.verdict]
            lopsided += here.high - here.better > 1.2 * (here.better - here.low)
    assert lopsided


def test_without_a_champion_the_best_constant_takes_its_place() -> None:
    found = differences(made(answers(0.4)), costs=True)
    assert one("roc_auc", found).theirs == 0.5


def test_where_no_comparison_is_fair_there_is_none() -> None:
    unfair = replace(made(answers(0.4), answers(0.1)), unfair="it has seen them")
    assert differences(unfair, costs=True) == []
    told = markdown("shop", ["why not"], [], "champion 1", "| gate |")
    assert "- why not" in told and "| metric |" not in told


def test_it_is_a_table_for_a_pull_request() -> None:
    row = Difference("roc_auc", 0.81, 0.79, 0.02, 0.01, 0.03)
    unsure = Difference("brier", 0.2, 0.2, 0.0, float("-inf"), float("inf"))
    told = markdown("shop: this change", ["a fact"], [row, unsure], "champion 3", "| gates |")
    assert "| metric | this change | champion 3 | better by | interval | |" in told
    assert "| roc_auc | 0.81 | 0.79 | +0.02 | +0.01 to +0.03 | better |" in told
    assert "— to —" in told


def test_what_specs_and_data_are_called_ends_no_row_and_calls_nobody() -> None:
    gate = GateResult("segment:<b>@all", "passed", 1.0, 0.0, None, None, "a|b\nc")
    page = markdown("x\n# @all", ["<script>"], [], "champion", gates_markdown([gate]))
    assert "@all" not in page and "<script>" not in page and "<b>" not in page
    assert "\n# " not in page
    assert "| a\\|b c |" in page


def test_all_intervals_together_hold_the_truth_as_often_as_is_said() -> None:
    assert confidence_of_each(1) == CONFIDENCE
    assert confidence_of_each(9) ** 9 == pytest.approx(CONFIDENCE)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.1, 0.3, "better"), (-0.3, -0.1, "worse"), (-0.1, 0.3, "cannot tell")],
)
def test_an_interval_with_0_in_it_tells_nothing(low: float, high: float, word: str) -> None:
    assert Difference("roc_auc", 0.8, 0.7, 0.1, low, high).verdict == word
