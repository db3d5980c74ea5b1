from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlfactory.product.gates import BeatsGate, BoundGate, SliceGate
from mlfactory.product.policy import DriftTrigger, EveryTrigger, PerformanceTrigger
from mlfactory.product.quantities import KOfN
from mlfactory.product.spec import CANDIDATES, ProductSpec

Make = Callable[..., ProductSpec]


@pytest.fixture
def spec(spec_content: dict[str, Any]) -> Make:
    """Return a function that makes the spec with sections replaced."""
    return lambda **changes: ProductSpec.model_validate({**spec_content, **changes})


def test_the_shortest_spec_has_a_default_for_all_else(spec: Make) -> None:
    found = spec()
    assert found.candidates == CANDIDATES["binary"][:3]
    assert (found.search_metric, found.performance_metric) == ("roc_auc", "roc_auc")
    assert found.expect.quarantine_budget == 0.02
    assert found.expect.sources == {}
    assert [type(gate) for gate in found.gates] == [BeatsGate, BoundGate]
    assert found.triggers[1:] == (
        DriftTrigger.model_validate({"drift": "alert", "in": "2 of 3"}),
        PerformanceTrigger(performance="alert"),
    )


@pytest.mark.parametrize(
    ("every", "window", "held_out", "passed", "cooldown", "budget"),
    [
        ("hour", 2016, 672, 336, 24, "6 per 336 partitions"),
        ("day", 84, 28, 28, 7, "6 per 56 partitions"),
        ("week", 26, 4, 13, 2, "6 per 26 partitions"),
        ("month", 6, 1, 6, 1, "6 per 12 partitions"),
    ],
)
def test_what_is_left_unsaid_depends_on_how_time_is_cut(
    spec: Make, every: Any, window: int, held_out: int, passed: int, cooldown: int, budget: str
) -> None:
    found = spec(partition={"every": every, "start": "2026-01-01"})
    assert (found.window, found.holdout_partitions) == (window, held_out)
    # so that no model serves for ever only because nothing fires
    assert found.triggers[0] == EveryTrigger.model_validate({"every": f"{passed} partitions"})
    assert (found.cooldown, str(found.budget)) == (cooldown, budget)


@pytest.mark.parametrize(
    ("train", "window", "held_out"),
    [
        ({"window": "8 partitions"}, 8, 2),
        ({"window": "2 partitions"}, 2, 1),
        ({"window": "60 partitions"}, 60, 20),
        ({"window": "400 partitions"}, 400, 28),
        ({"holdout": "28 partitions"}, 84, 28),
        ({"holdout": "30 partitions"}, 90, 30),
        ({"window": "20 partitions", "holdout": "1 partition"}, 20, 1),
    ],
)
def test_window_and_holdout_fit_each_other_when_one_is_named(
    spec: Make, train: dict[str, str], window: int, held_out: int
) -> None:
    found = spec(train=train)
    assert (found.window, found.holdout_partitions) == (window, held_out)


def test_a_cooldown_of_nothing_is_not_the_default(spec: Make) -> None:
    assert spec(retrain={"cooldown": "0 partitions"}).cooldown == 0


def test_where_errors_have_a_price_it_is_searched_gated_and_watched(spec: Make) -> None:
    found = spec(business={"false_negative": 5, "false_positive": 1})
    assert (found.search_metric, found.performance_metric) == ("cost", "cost")
    assert found.gates[0] == BeatsGate(metric="cost", beats="champion", confidence=0.9)

    named = spec(
        business={"false_negative": 5, "false_positive": 1},
        train={"search": {"metric": "roc_auc"}},
        monitor={"performance": {"metric": "recall"}},
    )
    assert (named.search_metric, named.performance_metric) == ("roc_auc", "recall")


@pytest.mark.parametrize(
    ("kind", "metric"),
    [("binary", "roc_auc"), ("multiclass", "balanced_accuracy"), ("regression", "mae")],
)
def test_each_kind_of_label_has_its_candidates_and_its_metric(
    spec: Make, kind: Any, metric: str
) -> None:
    found = spec(label={"column": "wet", "kind": kind})
    assert len(found.candidates) == 3
    assert set(found.candidates) <= set(CANDIDATES[kind])
    assert found.search_metric == found.gates[0].metric == metric


def test_gates_are_told_apart_by_their_keys(spec: Make) -> None:
    found = spec(
        promote={
            "gates": [
                {"metric": "roc_auc", "at_least": 0.6},
                {"metric": "cost", "beats": "champion", "confidence": 0.9},
                {"metric": "roc_auc", "slice": "station", "drop_at_most": 0.03},
            ]
        }
    )
    assert [type(gate) for gate in found.gates] == [BoundGate, BeatsGate, SliceGate]


def test_triggers_are_told_apart_by_their_keys(spec: Make) -> None:
    found = spec(
        retrain={
            "when": [
                {"every": "6 partitions"},
                {"drift": "alert", "in": "2 of 3"},
                {"performance": "warn"},
            ]
        }
    )
    assert found.retrain.when == (
        EveryTrigger.model_validate({"every": "6 partitions"}),
        DriftTrigger.model_validate({"drift": "alert", "in": KOfN(2, 3)}),
        PerformanceTrigger(performance="warn"),
    )


def test_the_inputs_of_a_model_are_its_features_without_the_sensitive(
    spec: Make, spec_content: dict[str, Any]
) -> None:
    features = {**spec_content["features"], "sensitive": ["region"]}
    found = spec(features=features)
    assert found.features.inputs == ("pressure", "humidity", "station")


def test_an_expectation_keeps_the_arguments_of_great_expectations(spec: Make) -> None:
    rule = {
        "type": "expect_column_values_to_be_in_set",
        "column": "station",
        "value_set": ["a"],
        "severity": "warning",
    }
    found = spec(expect={"gauge": [rule], "quarantine_budget": "5%"})
    assert found.expect.quarantine_budget == 0.05
    assert found.expect.sources["gauge"][0].arguments == {"column": "station", "value_set": ["a"]}
    assert found.expect.sources["gauge"][0].severity == "warning"


def test_a_snapshot_holds_out_a_share(spec: Make) -> None:
    found = spec(partition={"every": "snapshot"}, train={"holdout": "30%"})
    assert (found.holdout_fraction, found.holdout_partitions) == (0.3, 0)


def test_a_spec_cannot_be_changed(spec: Make) -> None:
    found = spec()
    with pytest.raises(ValueError, match="frozen"):
        found.name = "other"  # type: ignore[misc]


def test_a_spec_written_and_read_again_is_the_same(spec: Make) -> None:
    found = spec(business={"false_negative": 5, "false_positive": 1})
    assert ProductSpec.model_validate(found.model_dump(mode="json", by_alias=True)) == found
