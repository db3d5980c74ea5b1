from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mlfactory.lake import catalog
from mlfactory.product.errors import Mistake
from mlfactory.product.loader import load_folder
from mlfactory.product.rules import sources
from mlfactory.product.rules.features import OUR_COLUMNS_OF_TABLES

Finder = Callable[[str | dict[str, Any]], list[Mistake]]

FEATURES = {"key": ["station", "at"], "event_time": "at", "numeric": ["pressure"]}
GAUGE = {"kind": "csv", "path": "gauge.csv", "event_time": "at"}
REGRESSION = {"column": "mm", "kind": "regression"}


def gates(*found: dict[str, Any]) -> dict[str, Any]:
    return {"promote": {"gates": list(found)}}


@pytest.mark.parametrize(
    ("change", "key", "says"),
    [
        ({"sources": {"../../evil": GAUGE}}, "sources.../../evil", "should match pattern"),
        ({"sources": {"a b": GAUGE}}, "sources.a b", "should match pattern"),
        (
            {
                "train": {
                    "max_rows": 5000,
                    "min_rows": 4000,
                    "window": "10 partitions",
                    "holdout": "2 partitions",
                }
            },
            "train.max_rows",
            "expected at least 5500: of so many about 20% are held out",
        ),
        (
            {"sources": {"gauge": GAUGE, "Gauge": GAUGE}},
            "sources.Gauge",
            "'Gauge' and 'gauge' differ in case only",
        ),
        (
            {"sources": {"quarantine_budget": GAUGE}},
            "sources.quarantine_budget",
            "the section expect has",
        ),
        (
            {"sources": {"gauge": {**GAUGE, "key": ["Id"], "types": {"id": "string"}}}},
            "sources.gauge.types.id",
            "'id' and 'Id' differ in case only",
        ),
        (
            {"sources": {"gauge": {**GAUGE, "key": ["_row"]}}},
            "sources.gauge.key[0]",
            "the lake keeps the name '_row'",
        ),
        (
            {"sources": {"gauge": {**GAUGE, "key": ["a", "a"]}}},
            "sources.gauge.key[1]",
            "'a' stands already in the key",
        ),
        (
            {"label": {"column": "wet", "kind": "binary", "registers": ["gauges"]}},
            "label.registers[0]",
            "there is no source 'gauges' (did you mean 'gauge'?)",
        ),
        (
            {"label": {"column": "wet", "kind": "binary", "registers": ["gauge"]}},
            "label.registers[0]",
            "'gauge' has event times",
        ),
        ({"sources": {"gauge": {**GAUGE, "delimiter": ";;"}}}, "sources.gauge.delimiter", "one"),
        ({"sources": {"gauge": {**GAUGE, "encoding": "utf8x"}}}, "sources.gauge.encoding", "name"),
        (
            {"sources": {"gauge": {**GAUGE, "path": "a\0b"}}},
            "sources.gauge.path",
            "should match pattern",
        ),
        (
            {"features": {**FEATURES, "categorical": ["Pressure"]}},
            "features.categorical[0]",
            "'Pressure' and 'pressure' differ in case only",
        ),
        (
            {"features": {**FEATURES, "key": ["label"]}},
            "features.key[0]",
            "the lake keeps the name 'label'",
        ),
        (
            {"features": {**FEATURES, "event_time": "available_at"}},
            "features.event_time",
            "the lake keeps the name 'available_at'",
        ),
        (
            {"features": {**FEATURES, "key": ["station", "station"]}},
            "features.key[1]",
            "'station' stands already in the key",
        ),
        (
            {"features": {**FEATURES, "key": ["pressure"]}},
            "features.key[0]",
            "'pressure' is a numeric feature too",
        ),
        (
            {"features": {**FEATURES, "categorical": ["at"]}},
            "features.categorical[0]",
            "'at' is the event time",
        ),
        (
            {"features": {**FEATURES, "group": "at"}},
            "features.group",
            "'at' is the event time, and no entity",
        ),
        ({"features": {**FEATURES, "group": "wet"}}, "features.group", "'wet' is the label"),
        (
            {"label": {"column": "at", "kind": "regression"}},
            "label.column",
            "'at' is the event time",
        ),
        (
            {"features": {**FEATURES, "sensitive": ["wet"]}},
            "features.sensitive[0]",
            "'wet' is the label",
        ),
        (
            gates({"metric": "roc_auc", "at_most": 0.9}),
            "promote.gates[0].at_most",
            "roc_auc is better when higher: give at_least",
        ),
        (
            {"label": REGRESSION, **gates({"metric": "bias", "at_least": 1})},
            "promote.gates[0].at_least",
            "bias is better when lower, in size: give at_most",
        ),
        (
            gates({"metric": "roc_auc", "at_least": 62}),
            "promote.gates[0].at_least",
            "roc_auc lies between 0 and 1, got '62'",
        ),
        (
            gates({"metric": "latency_p99_ms", "at_least": 5}),
            "promote.gates[0]",
            "latency_p99_ms is better when lower",
        ),
        (
            gates(
                {"metric": "roc_auc", "beats": "champion"},
                {"metric": "roc_auc", "beats": "champion", "confidence": 0.9},
            ),
            "promote.gates[1]",
            "asks the same as a gate above it",
        ),
        (
            {"monitor": {"performance": {"warn": 0.6, "alert": 0.7}}},
            "monitor.performance.alert",
            "exchange them",
        ),
        (
            {
                "label": REGRESSION,
                "monitor": {"performance": {"metric": "mae", "warn": 9, "alert": 5}},
            },
            "monitor.performance.alert",
            "exchange them",
        ),
        (
            {"train": {"candidates": ["extra_trees", "extra_trees"]}},
            "train.candidates[1]",
            "'extra_trees' stands there twice",
        ),
        (
            {"train": {"window": "10 partitions", "holdout": "10 partitions"}},
            "train.holdout",
            "fewer than the window's 10",
        ),
        ({"train": {"window": "1 partition"}}, "train.window", "greater than or equal to 2"),
        ({"retrain": {"budget": "0 per 12 partitions"}}, "retrain", "at least 1 training"),
        (
            {"partition": {"every": "day", "start": "2026-01-02", "end": "2026-01-02"}},
            "partition.end",
            "the data ends before the first partition does",
        ),
        (
            {"partition": {"every": "day", "start": "2026-01-02", "end": "2026-01-05T12:00:00Z"}},
            "partition.end",
            "lies within a day, which would never be run; the nearest are 2026-01-05 and "
            "2026-01-06",
        ),
        (
            {"expect": {"gauge": [{"type": "expect_column_values_to_not_be_null", "column": 5}]}},
            "expect.gauge[0].column",
            "expected text, got '5'",
        ),
    ],
)
def test_what_the_factory_cannot_do_is_refused(
    mistakes_of: Finder, spec_content: dict[str, Any], change: dict[str, Any], key: str, says: str
) -> None:
    found = mistakes_of({**spec_content, **change})
    told = {mistake.key: mistake.message for mistake in found}
    assert key in told, found
    assert says in told[key]


@pytest.mark.parametrize(
    "name", ["block", "label", "role", "score", "model_version", "available_at", "prediction"]
)
@pytest.mark.parametrize("group", ["numeric", "sensitive"])
def test_features_may_have_the_names_of_our_columns(
    mistakes_of: Finder, spec_content: dict[str, Any], name: str, group: str
) -> None:
    features = copy.deepcopy(spec_content["features"])
    features[group] = [*features.get(group, []), name]
    assert mistakes_of({**spec_content, "features": features}) == []


def test_an_unquoted_tab_separates_columns(
    write_product: Callable[..., Path], spec_text: str
) -> None:
    text = spec_text.replace("path: gauge.csv", "path: gauge.csv, delimiter: \\t")
    gauge: Any = load_folder(write_product(text)).spec.sources["gauge"]
    assert gauge.delimiter == "\t"


def test_the_names_we_keep_are_those_of_the_lake() -> None:
    assert {catalog.PARTITION, catalog.ROW, catalog.RESCUED} <= {*sources.OUR_COLUMNS}
    assert (catalog.PARTITION, catalog.RUN) == OUR_COLUMNS_OF_TABLES


WARNED = [
    ({"train": {"window": "7 partitions"}}, "train.window", "do not hold a week once"),
    (
        {"train": {"window": "60 partitions", "holdout": "2 partitions"}},
        "train.holdout",
        "2 days held out are few",
    ),
    ({"retrain": {"when": []}}, "retrain.when", "nothing ever asks for a training"),
    (
        {"retrain": {"when": [{"every": "2 partitions"}]}},
        "retrain.when[0]",
        "asks within the cooldown of 7 partitions",
    ),
    (
        {"retrain": {"cooldown": "60 partitions"}},
        "retrain",
        "6 per 56 partitions can never be spent",
    ),
    (
        {"label": {"column": "wet", "kind": "binary", "arrives_after": "90 days"}},
        "label.arrives_after",
        "labels come later than a window of 84 days is long",
    ),
    (
        {
            "sources": {"gauge": GAUGE, "stations": {"kind": "csv", "path": "stations.csv"}},
            "label": {"column": "wet", "kind": "binary", "registers": ["stations"]},
        },
        "label.registers",
        "says nothing without label.arrives_after",
    ),
    (
        {"features": {**FEATURES, "history_required": True}},
        "features.history_required",
        "there is no history",
    ),
    ({}, "", "no source has an expectation"),
]


@pytest.mark.parametrize(("change", "key", "says"), WARNED, ids=[row[2] for row in WARNED])
def test_what_is_allowed_and_cannot_act_is_warned_of(
    write_product: Callable[..., Path],
    spec_content: dict[str, Any],
    change: dict[str, Any],
    key: str,
    says: str,
) -> None:
    warnings = load_folder(write_product({**spec_content, **change})).warnings
    assert [warning for warning in warnings if warning.key == key and says in warning.message]


def test_a_snapshot_is_warned_of_what_needs_time(
    write_product: Callable[..., Path], spec_content: dict[str, Any]
) -> None:
    content = {
        **spec_content,
        "partition": {"every": "snapshot"},
        "sources": {"gauge": {"kind": "csv", "path": "gauge.csv"}},
        "features": {"key": ["station"], "numeric": ["pressure"], "history": "2 days"},
        "train": {"window": "6 partitions", "holdout": "30%"},
    }
    warnings = load_folder(write_product(content)).warnings
    assert {"train.window", "features.history"} <= {warning.key for warning in warnings}


def test_the_defaults_of_every_kind_of_time_are_not_warned_of(
    write_product: Callable[..., Path], spec_content: dict[str, Any]
) -> None:
    rule = {"type": "expect_column_values_to_not_be_null", "column": "pressure"}
    for every, start in (("hour", "2026-01-01"), ("day", "2026-01-01"), ("week", "2026-01-05"),
                         ("month", "2026-01-01")):  # fmt: skip
        content = {
            **spec_content,
            "partition": {"every": every, "start": start},
            "expect": {"gauge": [rule]},
        }
        assert load_folder(write_product(content)).warnings == ()
