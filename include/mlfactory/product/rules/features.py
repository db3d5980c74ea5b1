"""Columns of the built frame: roles that exclude each other, and names that are ours."""

from __future__ import annotations

from collections.abc import Iterator

from mlfactory.product.mistakes import Found
from mlfactory.product.spec import ProductSpec

OUR_COLUMNS_OF_TABLES = ("partition", "_run")
"""Columns of every table that stages make, the one of features among them."""

OUR_COLUMNS_BESIDE_EVENTS = (
    *("label", "available_at", "_told_by", "_told_as", "_drawn", "_weight"),
    *("role", "model_version", "score", "prediction", "probabilities", "held_out"),
)
"""What the tables of labels and predictions have beside the columns that name an event: its key
and its time. Other columns of the user's stand in no table together with these."""


def feature_mistakes(spec: ProductSpec) -> Iterator[Found]:
    """Yield every column that has two roles which exclude each other, or a name of ours."""
    if not spec.features.inputs:
        yield ("features",), "a model needs at least one numeric or categorical feature"
    yield from _roles(spec)
    yield from _others(spec)
    yield from _names(spec)


def _roles(spec: ProductSpec) -> Iterator[Found]:
    features = spec.features
    seen: dict[str, str] = {}
    for group in ("numeric", "categorical", "sensitive"):
        for position, name in enumerate(getattr(features, group)):
            place = ("features", group, position)
            if name == spec.label.column:
                yield (
                    place,
                    f"'{name}' is the label: a model that is given it learns nothing else. "
                    "Remove it from the features",
                )
            if name == features.event_time:
                yield (
                    place,
                    f"'{name}' is the event time; let build add what a model may know of it, "
                    "such as the hour or the weekday",
                )
            if name in seen:
                yield place, f"'{name}' stands already under {seen[name]}"
            seen[name] = group


def _others(spec: ProductSpec) -> Iterator[Found]:
    features, label = spec.features, spec.label.column
    for position, name in enumerate(features.key):
        if name in features.key[:position]:
            yield ("features", "key", position), f"'{name}' stands already in the key"
        if name in features.numeric:
            yield (
                ("features", "key", position),
                f"'{name}' is a numeric feature too: a part of a key is kept as a whole number or "
                "text. Let build give one of them another name",
            )
    if label in features.key:
        yield ("label", "column"), f"'{label}' is part of the key"
    if label == features.event_time:
        yield ("label", "column"), f"'{label}' is the event time"
    if features.group is not None:
        if features.group == label:
            yield ("features", "group"), f"'{features.group}' is the label"
        if features.group == features.event_time:
            yield ("features", "group"), f"'{features.group}' is the event time, and no entity"


def _names(spec: ProductSpec) -> Iterator[Found]:
    features = spec.features
    places: dict[tuple[str | int, ...], str] = {}
    for group in ("key", "numeric", "categorical", "sensitive"):
        for position, name in enumerate(getattr(features, group)):
            places["features", group, position] = name
    for part in ("event_time", "group"):
        if getattr(features, part) is not None:
            places["features", part] = getattr(features, part)
    spelled: dict[str, str] = {}
    for place, name in places.items():
        names_events = place[1] in ("key", "event_time")
        taken = (*OUR_COLUMNS_OF_TABLES, *(OUR_COLUMNS_BESIDE_EVENTS if names_events else ()))
        if name.lower() in taken:
            yield (
                place,
                f"the lake keeps the name '{name.lower()}' for a column of its own; "
                "let build give the column another name",
            )
        other = spelled.setdefault(name.lower(), name)
        if other != name:
            yield (
                place,
                f"'{name}' and '{other}' differ in case only, which tables do not tell apart",
            )
