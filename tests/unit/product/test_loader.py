from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mlfactory.product.errors import Mistake, SpecError, UsageError
from mlfactory.product.loader import (
    load_folder,
    load_product,
    load_products,
    product_folders,
    schema_of,
)

Finder = Callable[[str | dict[str, Any]], list[Mistake]]
Writer = Callable[..., Path]

BADLY_TYPED = """\
apiVersion: mlfactory/v2
name: rain
partition: {every: fortnight, start: 2026-01-01}
sources:
  gauge:
    kind: cvs
    path: gauge.csv
    event_time: at
  radar:
    kind: csv
    pth: radar.csv
    event_time: at
expect:
  quarantine_budget: 2 percent
features:
  key: [station, at]
  event_time: at
  numeric: [pressure]
label: {column: wet, kind: binray}
train:
  windw: 6 partitions
  search: {trials: 0, seconds: sixty}
promote:
  gates:
    - {metric: roc_auc, at_least: 0.6, at_most: 0.9}
    - metric: roc_auc
      beats: challenger
monitor:
  drift:
    false_alarm_rate: 200%
retrain:
  when:
    - drift: alrt
      in: 2 of 3
  budget: 6 per 12
"""

TOLD = [
    (1, "apiVersion", "expected 'mlfactory/v1', got 'mlfactory/v2' (did you mean 'mlfactory/v1'?)"),
    (3, "partition.every", "expected 'hour', 'day', 'week', 'month' or 'snapshot'"),
    (5, "sources.gauge", "got 'cvs' (did you mean 'csv'?)"),
    (9, "sources.radar.path", "is missing"),
    (11, "sources.radar.pth", "is not a key here (did you mean 'path'?)"),
    (14, "expect.quarantine_budget", "expected something like '2%', got '2 percent'"),
    (19, "label.kind", "got 'binray' (did you mean 'binary'?)"),
    (21, "train.windw", "is not a key here (did you mean 'window'?)"),
    (22, "train.search.trials", "Input should be greater than or equal to 1, got '0'"),
    (22, "train.search.seconds", "got 'sixty'"),
    (25, "promote.gates[0]", "a gate has either at_least or at_most, one of the two"),
    (27, "promote.gates[1].beats", "expected 'champion', got 'challenger'"),
    (30, "monitor.drift.false_alarm_rate", "200% is more than the whole"),
    (33, "retrain.when[0].drift", "got 'alrt' (did you mean 'alert'?)"),
    (35, "retrain.budget", "expected something like '6 per 12 partitions', got '6 per 12'"),
]


@pytest.mark.parametrize(("line", "key", "says"), TOLD, ids=[key for _, key, _ in TOLD])
def test_a_badly_typed_part_is_told_with_its_line_and_key(
    mistakes_of: Finder, line: int, key: str, says: str
) -> None:
    about = {mistake.key: mistake for mistake in mistakes_of(BADLY_TYPED)}
    assert key in about
    assert says in about[key].message
    assert about[key].line == line


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines(mistakes_of: Finder) -> None:
    found = mistakes_of(BADLY_TYPED)
    assert len(found) == len(TOLD)
    assert [mistake.line for mistake in found] == sorted(mistake.line for mistake in found)


def test_parts_that_do_not_fit_are_told_beside_parts_that_are_badly_typed(
    mistakes_of: Finder, spec_text: str
) -> None:
    text = spec_text.replace("[pressure, humidity]", "[pressure, pressure]")
    text += "train: {windw: 6 partitions}\nexpect:\n  guage: []\n"
    assert [(mistake.line, mistake.key) for mistake in mistakes_of(text)] == [
        (9, "features.numeric[1]"),
        (12, "train.windw"),
        (14, "expect.guage"),
    ]


def test_the_error_of_a_spec_reads_as_a_list(write_product: Writer, spec_text: str) -> None:
    text = spec_text.replace("binary", "binray").replace("numeric", "numerc")
    folder = write_product(text)
    with pytest.raises(SpecError) as caught:
        load_folder(folder)
    lines = str(caught.value).splitlines()
    file = folder / "product.yaml"
    assert lines[0] == "product rain: 2 mistakes"
    assert lines[1].startswith(
        f"  {file}:9: features.numerc: is not a key here (did you mean 'numeric'?)"
    )
    assert lines[2].startswith(f"  {file}:11: label.kind: expected 'binary'")


GAUGE = {"kind": "csv", "path": "gauge.csv", "event_time": "at"}
FEATURES = {"key": ["station", "at"], "event_time": "at", "numeric": ["pressure"]}
RANGE = {"type": "expect_column_values_to_be_between", "column": "pressure"}


@pytest.mark.parametrize(
    ("change", "key", "says"),
    [
        ({"name": "snow"}, "name", "expected the name of its folder, 'rain', got 'snow'"),
        (
            {"partition": {"every": "snapshot"}},
            "sources.gauge.event_time",
            "a snapshot product has no event time; choose partition.every",
        ),
        ({"partition": {"every": "day"}}, "partition", "start is missing"),
        (
            {"partition": {"every": "week", "start": "2026-01-01"}},
            "partition.start",
            "is not the start of a week; the nearest is 2025-12-29",
        ),
        (
            {"sources": {"gauge": {"kind": "csv", "path": "gauge.csv"}}},
            "sources",
            "at least one source needs an event_time",
        ),
        (
            {"features": {"key": ["station"], "numeric": ["pressure"]}},
            "features",
            "event_time is missing",
        ),
        (
            {"features": {"key": ["station"], "event_time": "at"}},
            "features",
            "a model needs at least one numeric or categorical feature",
        ),
        (
            {"features": {**FEATURES, "categorical": ["wet"]}},
            "features.categorical[0]",
            "'wet' is the label: a model that is given it learns nothing else",
        ),
        (
            {"features": {**FEATURES, "key": ["station", "wet"]}},
            "label.column",
            "'wet' is part of the key",
        ),
        (
            {"features": {**FEATURES, "sensitive": ["pressure"]}},
            "features.sensitive[0]",
            "'pressure' stands already under numeric",
        ),
        (
            {"expect": {"guage": []}},
            "expect.guage",
            "no source has this name (did you mean 'gauge'?)",
        ),
        (
            {"expect": {"gauge": [{"type": "expect_column_values_to_be_in_sett"}]}},
            "expect.gauge[0].type",
            "did you mean 'expect_column_values_to_be_in_set'?",
        ),
        (
            {"expect": {"gauge": [{**RANGE, "minvalue": 900}]}},
            "expect.gauge[0].minvalue",
            "has no such argument (did you mean 'min_value'?)",
        ),
        (
            {"expect": {"gauge": [{"type": RANGE["type"], "min_value": 900}]}},
            "expect.gauge[0]",
            "expect_column_values_to_be_between needs the argument 'column'",
        ),
        (
            {"sources": {"gauge": {**GAUGE, "types": {"at": "string"}}}},
            "sources.gauge.types.at",
            "is the event_time of gauge, which is read as datetime; got 'string'",
        ),
        (
            {"features": {**FEATURES, "numeric": ["partition"]}},
            "features.numeric[0]",
            "the lake keeps the name 'partition' for a column of its own",
        ),
        (
            {"features": {**FEATURES, "key": ["partition"]}},
            "features.key[0]",
            "the lake keeps the name 'partition'",
        ),
        (
            {"features": {**FEATURES, "key": ["station", "label"]}},
            "features.key[1]",
            "the lake keeps the name 'label'",
        ),
        (
            {"features": {**FEATURES, "key": ["station", "available_at"]}},
            "features.key[1]",
            "the lake keeps the name 'available_at'",
        ),
        (
            {"features": {**FEATURES, "key": ["station", "role"]}},
            "features.key[1]",
            "the lake keeps the name 'role'",
        ),
        (
            {"train": {"candidates": ["ridge"]}},
            "train.candidates[0]",
            "'ridge' cannot learn a binary label",
        ),
        (
            {"train": {"candidates": []}},
            "train.candidates",
            "name at least one candidate, or write auto",
        ),
        (
            {"train": {"holdout": "25%"}},
            "train.holdout",
            "expected whole partitions, like '1 partition'",
        ),
        (
            {"train": {"window": "2 partitions", "holdout": "2 partitions"}},
            "train.holdout",
            "fewer than the window's 2",
        ),
        (
            {"train": {"search": {"metric": "rmse"}}},
            "train.search.metric",
            "'rmse' is not a metric for a binary label",
        ),
        (
            {"monitor": {"performance": {"metric": "roc_acu"}}},
            "monitor.performance.metric",
            "(did you mean 'roc_auc'?)",
        ),
        (
            {"promote": {"gates": [{"metric": "cost", "beats": "champion"}]}},
            "promote.gates[0].metric",
            "cost needs the section business",
        ),
        (
            {"promote": {"gates": [{"metric": "f1", "slice": "staton", "drop_at_most": 0.1}]}},
            "promote.gates[0].slice",
            "'staton' is not a categorical or sensitive feature (did you mean 'station'?)",
        ),
        (
            {
                "label": {"column": "wet", "kind": "regression"},
                "business": {"false_negative": 1, "false_positive": 1},
            },
            "business",
            "costs of errors need a binary label",
        ),
        (
            {"features": {**FEATURES, "build": "features:make"}},
            "features.build",
            "has no function 'make'",
        ),
        (
            {"features": {**FEATURES, "build": "featurs:build"}},
            "features.build",
            "there is no file",
        ),
        (
            {"sources": {"gauge": {"kind": "python", "function": "gauge:read"}}},
            "sources.gauge.function",
            "there is no file",
        ),
    ],
)
def test_parts_that_do_not_fit_each_other_are_mistakes(
    mistakes_of: Finder, spec_content: dict[str, Any], change: dict[str, Any], key: str, says: str
) -> None:
    found = {mistake.key: mistake for mistake in mistakes_of({**spec_content, **change})}
    assert key in found
    assert says in found[key].message
    assert found[key].line > 0


def test_a_key_written_twice_is_told_beside_the_other_mistakes(
    mistakes_of: Finder, spec_text: str
) -> None:
    found = mistakes_of(spec_text.replace("binary", "binray") + "name: rain\n")
    assert [(mistake.line, mistake.key) for mistake in found] == [(11, "label.kind"), (12, "name")]


def test_python_that_is_no_python_is_a_mistake(write_product: Writer) -> None:
    folder = write_product()
    (folder / "features.py").write_text("def build(sources:\n")
    with pytest.raises(SpecError, match=r"features\.py:1 is not valid Python"):
        load_folder(folder)


def test_loading_a_product_does_not_run_its_python(write_product: Writer) -> None:
    folder = write_product()
    (folder / "features.py").write_text("def build(sources): ...\nraise RuntimeError('was run')\n")
    assert load_folder(folder).name == "rain"


@pytest.mark.parametrize("text", ["", "- a\n", "name: [\n", "partition: 7\n", "null\n", "? [a]\n"])
def test_a_file_that_is_no_spec_at_all_is_a_mistake(mistakes_of: Finder, text: str) -> None:
    assert mistakes_of(text)


def test_a_product_is_found_by_its_name(write_product: Writer) -> None:
    folder = write_product()
    product = load_product("rain", folder.parent)
    assert (product.name, product.folder) == ("rain", folder)
    assert product.calendar.parse("2026-01-02").key == "2026-01-02"


def test_a_name_that_no_product_has_is_refused_with_the_nearest(write_product: Writer) -> None:
    root = write_product().parent
    with pytest.raises(UsageError, match=r"did you mean 'rain'\?") as caught:
        load_product("rian", root)
    assert "there are ['rain']" in str(caught.value)


def test_a_broken_product_takes_no_other_down(write_product: Writer, spec_text: str) -> None:
    root = write_product().parent
    write_product(spec_text, "snow")
    write_product(spec_text.replace("name: rain", "name: sun"), "sun")
    (root / "notes").mkdir()
    assert [path.name for path in product_folders(root)] == ["rain", "snow", "sun"]
    products, errors = load_products(root)
    assert [product.name for product in products] == ["rain", "sun"]
    assert [error.product for error in errors] == ["snow"]


def test_the_hash_of_a_spec_follows_what_it_says_and_not_how(
    write_product: Writer, spec_text: str
) -> None:
    before = load_folder(write_product()).spec_hash
    other_layout = spec_text.replace(
        "{column: wet, kind: binary}", "\n  kind: binary  # rain or not\n  column: wet"
    )
    assert load_folder(write_product(other_layout)).spec_hash == before
    assert load_folder(write_product(spec_text + "train: {seed: 8}\n")).spec_hash != before


def test_the_schema_is_a_valid_one_and_takes_what_the_loader_takes(
    spec_content: dict[str, Any],
) -> None:
    schema = schema_of()
    Draft202012Validator.check_schema(schema)
    spec_content["partition"]["start"] = "2026-01-01"
    assert list(Draft202012Validator(schema).iter_errors(spec_content)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Rain"},
        {"labels": {}},
        {"partition": {"every": "fortnight"}},
        {"train": {"window": "six"}},
        {"retrain": {"when": [{"drift": "alrt"}]}},
        {"sources": {}},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(
    spec_content: dict[str, Any], change: dict[str, Any]
) -> None:
    spec_content["partition"]["start"] = "2026-01-01"
    assert list(Draft202012Validator(schema_of()).iter_errors({**spec_content, **change}))
