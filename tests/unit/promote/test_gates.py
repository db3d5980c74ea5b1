from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlfactory.product.gates import BeatsGate, BoundGate, SliceGate
from mlfactory.promote.gates import Evidence, judged
from mlfactory.promote.latency import Latency
from mlfactory.promote.page import gates_markdown, gates_page, gates_tags, reason
from mlfactory.statistics.metrics import Outcome

ROWS = 400


def answers(skill: float, seed: int = 0) -> Outcome:
    """Return 400 rows of 20 days, scored by a model that mixes truth and noise."""
    random = np.random.default_rng(seed)
    y = random.permutation(np.arange(ROWS) % 2).astype(float)
    noise = np.random.default_rng(1).random(ROWS)
    scores = skill * y + (1 - skill) * noise
    decisions = (scores >= 0.5).astype(float)
    blocks = np.arange(ROWS, dtype=np.intp) // 20
    return Outcome("binary", y, scores, decisions, costs=(60.0, 12.0), blocks=blocks)


@pytest.fixture
def evidence() -> Evidence:
    regions = np.repeat(["north", "south", "east"], [200, 180, 20])
    return Evidence(
        candidate=answers(0.3),
        reference=answers(0.1),
        reference_name="champion 1",
        unfair="",
        slices={"region": pd.Series(regions)},
        latency=Latency(2.0, 9.0, 200),
        trouble="",
        cutoff="2024-01-03",
        champion_cutoff="2024-01-02",
        seed=7,
    )


def only(gate: BoundGate | BeatsGate | SliceGate, evidence: Evidence):
    return judged((gate,), evidence)[-1]


def test_a_bound_is_kept_or_broken_by_the_figure_itself(evidence):
    kept = only(BoundGate(metric="roc_auc", at_least=0.6), evidence)
    assert kept.passed and kept.bound == 0.6
    assert kept.low < kept.figure < kept.high
    broken = only(BoundGate(metric="brier", at_most=0.01), evidence)
    assert not broken.passed and broken.name == "brier.at_most"
    assert "at most 0.01 is asked" in broken.why


def test_a_figure_that_is_undefined_fails(evidence):
    silent = replace(evidence.candidate, decisions=np.zeros(ROWS))
    result = only(BoundGate(metric="precision", at_least=0.0), replace(evidence, candidate=silent))
    assert (result.passed, result.figure) == (False, None)
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
    assert (same.passed, same.compared, same.figure) == (False, True, 0.0)
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
    assert (result.passed, result.compared) == (False, False)
    assert result.why == "champion 1 cannot be asked"


def test_the_worst_slice_decides_and_small_ones_are_left_out(evidence):
    y, south = evidence.candidate.y, np.asarray(evidence.slices["region"] == "south")
    scores = np.where(south, 1 - evidence.candidate.scores, evidence.candidate.scores)
    broken = replace(evidence, candidate=replace(evidence.candidate, scores=scores, y=y))
    gate = SliceGate(metric="roc_auc", slice="region", drop_at_most=0.03)
    result = only(gate, broken)
    assert not result.passed and result.figure > 0.03
    assert "region=south fares worst of 2 slices: it loses" in result.why
    assert "1 left out (under 50 rows, or undefined)" in result.why
    assert result.high >= result.figure
    assert only(gate, evidence).passed
    assert "it gains" in only(gate, evidence).why


def test_where_every_slice_is_small_nothing_is_judged(evidence):
    few = replace(evidence, slices={"region": pd.Series(np.arange(ROWS).astype(str))})
    result = only(SliceGate(metric="roc_auc", slice="region", drop_at_most=0.0), few)
    assert result.passed and result.figure is None
    assert result.why.startswith("no slice of region can be judged; 400 left out")


def test_the_built_in_gates_are_always_there(evidence):
    assert [gate.name for gate in judged((), evidence)] == ["servable", "fresh"]
    assert all(gate.passed for gate in judged((), replace(evidence, champion_cutoff=None)))
    broken = judged((), replace(evidence, trouble="its digest differs", cutoff="2024-01-01"))
    assert [gate.passed for gate in broken] == [False, False]
    assert [gate.why for gate in broken] == [
        "its digest differs",
        "cut-off 2024-01-01 is older than the champion's, 2024-01-02",
    ]


def test_a_same_cut_off_is_fresh(evidence):
    assert judged((), replace(evidence, champion_cutoff="2024-01-03"))[1].passed


def test_a_bias_is_compared_by_its_size():
    y = np.arange(200.0)
    low = Outcome("regression", y, y - 5, y - 5)
    high = Outcome("regression", y, y + 1, y + 1)
    evidence = Evidence(high, low, "champion 1", "", {}, None, "", "b", "a", 7)
    assert only(BeatsGate(metric="bias", beats="champion"), evidence).passed


def test_the_table_is_the_same_as_page_markdown_and_tags(evidence):
    results = judged((BeatsGate(metric="cost", beats="champion"),), evidence)
    page = gates_page("shop", True, {"candidate": "<b>"}, results)
    assert "cost.beats_champion" in page and "&lt;b&gt;" in page
    table = gates_markdown(results)
    assert table.count("\n") == 4
    assert "| fresh | passed | 1 | 1 | — |" in table
    assert gates_tags(results)["gate.servable"] == "passed 1 (bound 1)"


def test_the_reason_names_every_failed_gate(evidence):
    results = judged(
        (BoundGate(metric="brier", at_most=0.01),), replace(evidence, trouble="broken")
    )
    told = reason(False, results)
    assert told.startswith("servable failed: broken; brier.at_most failed: brier is")
    assert reason(True, judged((), evidence)) == "passed all 2 gates"
