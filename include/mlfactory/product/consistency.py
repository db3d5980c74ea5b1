"""What must fit together in a spec: names that refer to names, figures to kinds of label."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from mlfactory.product.expectations import (
    expectation_arguments,
    expectation_names,
    required_arguments,
)
from mlfactory.product.gates import BoundGate, SliceGate
from mlfactory.product.metrics import LATENCY, METRICS, metrics_for
from mlfactory.product.mistakes import Found, nearest
from mlfactory.product.partitions import SNAPSHOT
from mlfactory.product.source_rules import source_mistakes
from mlfactory.product.sources import PythonSource
from mlfactory.product.spec import CANDIDATES, ProductSpec

_COLUMN_OF_ALL_TABLES = "partition"
_COLUMNS_BESIDE_KEYS = (
    *("label", "available_at"),
    *("role", "model_version", "score", "prediction", "probabilities"),
)
"""What the lake's tables of labels and predictions have besides the product's own columns."""


def inconsistencies(spec: ProductSpec, folder: Path) -> Iterator[Found]:
    """Yield every place where parts of a well-typed spec do not fit each other or the folder."""
    if spec.name != folder.name:
        yield ("name",), f"expected the name of its folder, '{folder.name}', got '{spec.name}'"
    yield from _time(spec)
    yield from source_mistakes(spec)
    yield from _expectations(spec)
    yield from _features(spec)
    yield from _reserved_names(spec)
    yield from _metrics(spec)
    yield from _training(spec)
    yield from _functions(spec, folder)


def _time(spec: ProductSpec) -> Iterator[Found]:
    snapshot = spec.partition.every == SNAPSHOT
    timed = [name for name, source in spec.sources.items() if source.event_time]
    if snapshot:
        for name in timed:
            yield (
                ("sources", name, "event_time"),
                "a snapshot product has no event time; choose partition.every: hour, day, "
                "week or month, or remove the key",
            )
        if spec.features.event_time:
            yield ("features", "event_time"), "a snapshot product has no event time"
        return
    if spec.partition.start is None:
        yield ("partition",), "start is missing: the start of the oldest partition, as a date"
    elif (first := spec.partition.calendar.first) is not None:
        aligned = spec.partition.calendar.containing(first)
        if aligned.start != first:
            yield (
                ("partition", "start"),
                f"is not the start of a {spec.partition.every}; the nearest is {aligned.key}",
            )
    if not timed:
        yield ("sources",), "at least one source needs an event_time, or partition.every: snapshot"
    if spec.features.event_time is None:
        yield ("features",), "event_time is missing: the column of the built frame with its time"


def _expectations(spec: ProductSpec) -> Iterator[Found]:
    for source, rules in spec.expect.sources.items():
        if source not in spec.sources:
            known = list(spec.sources)
            yield (
                ("expect", source),
                f"no source has this name{nearest(source, known)}; there are {known}",
            )
        for position, rule in enumerate(rules):
            place = ("expect", source, position)
            if rule.type not in expectation_names():
                yield (
                    (*place, "type"),
                    "expected the name of a Great Expectations expectation, got "
                    f"'{rule.type}'{nearest(rule.type, expectation_names())}",
                )
                continue
            takes = expectation_arguments(rule.type)
            for argument in rule.arguments:
                if argument not in takes:
                    yield (
                        (*place, argument),
                        f"{rule.type} has no such argument{nearest(argument, takes)}; "
                        f"it takes {sorted(takes)}",
                    )
            for argument in sorted(required_arguments(rule.type) - {*rule.arguments}):
                yield place, f"{rule.type} needs the argument '{argument}'"


def _features(spec: ProductSpec) -> Iterator[Found]:
    features = spec.features
    if not features.inputs:
        yield ("features",), "a model needs at least one numeric or categorical feature"
    seen: dict[str, str] = {}
    groups = {
        "numeric": features.numeric,
        "categorical": features.categorical,
        "sensitive": features.sensitive,
    }
    for group, names in groups.items():
        for position, name in enumerate(names):
            place = ("features", group, position)
            if name == spec.label.column:
                yield (
                    place,
                    f"'{name}' is the label: a model that is given it learns nothing else. "
                    "Remove it from the features",
                )
            if name in seen:
                yield place, f"'{name}' stands already under {seen[name]}"
            seen[name] = group
    if spec.label.column in features.key:
        yield ("label", "column"), f"'{spec.label.column}' is part of the key"
    if spec.label.column == features.group:
        yield ("features", "group"), f"'{features.group}' is the label"


def _reserved_names(spec: ProductSpec) -> Iterator[Found]:
    features = spec.features
    groups = {
        "key": features.key,
        "numeric": features.numeric,
        "categorical": features.categorical,
        "sensitive": features.sensitive,
    }
    for group, names in groups.items():
        taken = (_COLUMN_OF_ALL_TABLES, *(_COLUMNS_BESIDE_KEYS if group == "key" else ()))
        for position, name in enumerate(names):
            if name in taken:
                yield (
                    ("features", group, position),
                    f"the lake keeps the name '{name}' for a column of its own; "
                    "let build give the column another name",
                )


def _metrics(spec: ProductSpec) -> Iterator[Found]:
    kind = spec.label.kind
    known = metrics_for(kind, costs=spec.business is not None)
    places: list[tuple[tuple[str | int, ...], str | None]] = [
        (("train", "search", "metric"), spec.train.search.metric),
        (("monitor", "performance", "metric"), spec.monitor.performance.metric),
    ]
    slices = (*spec.features.categorical, *spec.features.sensitive)
    for position, gate in enumerate(spec.promote.gates or ()):
        place = ("promote", "gates", position)
        if not (isinstance(gate, BoundGate) and gate.metric == LATENCY):
            places.append(((*place, "metric"), gate.metric))
        if isinstance(gate, SliceGate) and gate.slice not in slices:
            yield (
                (*place, "slice"),
                f"'{gate.slice}' is not a categorical or sensitive feature"
                f"{nearest(gate.slice, slices)}",
            )
    for where, metric in places:
        if metric is None or metric in known:
            continue
        if metric in METRICS and METRICS[metric].needs_costs and kind == "binary":
            yield where, "cost needs the section business, with what an error costs"
        else:
            yield (
                where,
                f"'{metric}' is not a metric for a {kind} label{nearest(metric, known)}; "
                f"there are {list(known)}",
            )
    if spec.business is not None and kind != "binary":
        yield ("business",), f"costs of errors need a binary label, and this one is {kind}"


def _training(spec: ProductSpec) -> Iterator[Found]:
    if spec.train.candidates != "auto":
        families = CANDIDATES[spec.label.kind]
        for position, name in enumerate(spec.train.candidates):
            if name not in families:
                yield (
                    ("train", "candidates", position),
                    f"'{name}' cannot learn a {spec.label.kind} label; there are {list(families)}",
                )
    snapshot = spec.partition.every == SNAPSHOT
    if spec.train.holdout is None:
        return
    share = spec.train.holdout.rstrip().endswith("%")
    if snapshot:
        if not share:
            yield ("train", "holdout"), "a snapshot holds out a share of its rows, like '25%'"
        elif not 0.05 <= spec.holdout_fraction <= 0.5:
            yield ("train", "holdout"), "expected a share between 5% and 50%"
    elif share:
        yield ("train", "holdout"), "expected whole partitions, like '1 partition'"
    elif not 1 <= spec.holdout_partitions < spec.window:
        yield (
            ("train", "holdout"),
            f"expected at least 1 partition and fewer than the window's {spec.window}",
        )


def _functions(spec: ProductSpec, folder: Path) -> Iterator[Found]:
    wanted: list[tuple[tuple[str | int, ...], str]] = [(("features", "build"), spec.features.build)]
    wanted += [
        (("sources", name, "function"), source.function)
        for name, source in spec.sources.items()
        if isinstance(source, PythonSource)
    ]
    for place, reference in wanted:
        module, function = reference.split(":")
        file = folder / f"{module}.py"
        if not file.is_file():
            yield place, f"there is no file {file}"
            continue
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except SyntaxError as error:
            yield place, f"{file}:{error.lineno} is not valid Python: {error.msg}"
            continue
        functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        if function not in functions:
            yield (
                place,
                f"{file} has no function '{function}'{nearest(function, functions)}",
            )
