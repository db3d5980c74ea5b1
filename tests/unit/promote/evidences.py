"""Evidence for gates, made for their tests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlfactory.product.gates import BeatsGate, BoundGate, SliceGate
from mlfactory.product.metrics import metrics_for
from mlfactory.promote.evidence import Evidence, GateResult, Terms
from mlfactory.promote.gates import BUILT_IN, judged
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


def only(
    gate: BoundGate | BeatsGate | SliceGate, evidence: Evidence, terms: Terms = TERMS
) -> GateResult:
    return judged((gate,), evidence, terms)[-1]


def built_in(name: str, evidence: Evidence, terms: Terms = TERMS) -> GateResult:
    return judged((), evidence, terms)[BUILT_IN.index(name)]
