from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.unit.promote.evidences import (
    OF_VALUES,
    ROWS,
    TERMS,
    made,
    only,
)

from mlfactory.product.gates import SliceGate
from mlfactory.promote.comparing import slices
from mlfactory.promote.gates import judged
from mlfactory.statistics.metrics import Outcome


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
