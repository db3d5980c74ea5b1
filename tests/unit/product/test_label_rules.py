"""What `check` says of labels that come from a source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mlfactory.product.errors import Mistake

Finder = Callable[[str | dict[str, Any]], list[Mistake]]

EVENTS = {"kind": "csv", "path": "gauge.csv", "event_time": "at"}
TOLD = {"kind": "csv", "path": "told.csv", "event_time": "told_at"}


def change(
    told: dict[str, Any] | None = None,
    source: dict[str, Any] | None = None,
    label: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    return {
        "apiVersion": "mlfactory/v1",
        "name": "rain",
        "partition": {"every": "day", "start": "2026-01-01"},
        "sources": {"gauge": EVENTS, "told": {**TOLD, **(source or {})}},
        "features": {"key": ["station", "day"], "event_time": "at", "numeric": ["pressure"]},
        "label": {
            "column": "mm",
            "kind": "regression",
            "from": {"source": "told", **(told or {})},
            **(label or {}),
        },
        **more,
    }


def test_labels_from_a_source_are_no_mistake(mistakes_of: Finder) -> None:
    assert mistakes_of(change()) == []
    full = {"key": {"day": "date"}, "value": "rain", "observed_at": "told_at", "by": "who"}
    assert (
        mistakes_of(change({**full, "event_time": "when", "covers": "5%", "within": "9 days"}))
        == []
    )
    assert mistakes_of(change(source={"key": ["station", "told_at"]})) == []


@pytest.mark.parametrize(
    ("changed", "key", "says"),
    [
        (change({"source": "tol"}), "label.from.source", "there is no source 'tol'"),
        (change({"key": {"dya": "x"}}), "label.from.key.dya", "is not in features.key"),
        (change({"observed_at": "at"}), "label.from.observed_at", "both are when a label was told"),
        (change({"event_time": "told_at"}), "label.from.event_time", "is when a label was told"),
        (change(source={"event_time": None}), "sources.told", "so it needs an event_time"),
        (change(source={"key": ["station"]}), "sources.told.key", "lacks 'told_at'"),
        (change(source={"pii": {"mm": "hash"}}), "label.from", "is personal data"),
        (change(source={"header": ["station", "told_at", "mm"]}), "label.from", "no 'day'"),
        (
            change({"event_time": "when"}, source={"types": {"when": "integer"}}),
            "sources.told.types.when",
            "read as datetime",
        ),
        (change(label={"registers": ["gauge"]}), "label.registers", "labels come from elsewhere"),
        (change({"told": "x"}), "label.from.told", ""),
    ],
)
def test_what_cannot_work_is_refused(
    mistakes_of: Finder, changed: dict[str, Any], key: str, says: str
) -> None:
    found = {mistake.key: mistake.message for mistake in mistakes_of(changed)}
    assert key in found, found
    assert says in found[key]


def test_an_event_named_by_its_time_needs_that_time_in_the_source(mistakes_of: Finder) -> None:
    features = {"key": ["station", "at"], "event_time": "at", "numeric": ["pressure"]}
    found = {mistake.key: mistake.message for mistake in mistakes_of(change(features=features))}
    assert "is part of features.key" in found["label.from"]
    assert mistakes_of(change({"event_time": "when"}, features=features)) == []


def test_the_only_source_cannot_tell_the_labels(mistakes_of: Finder) -> None:
    changed = change({"source": "gauge"})
    changed["sources"] = {"gauge": EVENTS}
    found = {mistake.key: mistake.message for mistake in mistakes_of(changed)}
    assert "is the only source" in found["label.from.source"]


ASKED = {"batch": 40, "strategy": {"uncertainty": "50%", "random": "50%"}}


def queue(label: dict[str, Any] | None = None, **asked: Any) -> dict[str, Any]:
    """Return a spec whose labels people answer."""
    found = change(labelling={**ASKED, **asked})
    found["sources"] = {"gauge": EVENTS}
    found["label"] = {"column": "wet", "kind": "binary", "from": "labelling", **(label or {})}
    return found


def test_labels_from_people_alone_or_beside_a_source_are_no_mistake(mistakes_of: Finder) -> None:
    assert mistakes_of(queue()) == []
    several = {"kind": "multiclass"}
    assert mistakes_of(queue(several, classes=["dry", "wet"], shows=["pressure"])) == []
    assert mistakes_of(change(labelling={"strategy": {"random": "100%"}})) == []


@pytest.mark.parametrize(
    ("changed", "key", "says"),
    [
        (queue({"from": None}), "labelling", "needs label.from"),
        (queue(strategy={"random": "90%"}), "labelling.strategy", "have to sum to 100%"),
        (
            queue(strategy={"value": "50%", "random": "50%"}),
            "labelling.strategy.value",
            "nothing says what an error costs",
        ),
        (
            queue(strategy={"uncertainty": "98%", "random": "2%"}),
            "labelling.strategy.random",
            "too few for an estimate",
        ),
        (queue(strategy={"uncertainty": "100%"}), "labelling.strategy", "let some be random"),
        (queue({"kind": "multiclass"}), "labelling", "classes are missing"),
        (queue(classes=["a", "b"]), "labelling.classes", "a binary label has none to name"),
        (queue(shows=["presure"]), "labelling.shows[0]", "there is no feature 'presure'"),
        (
            queue({"kind": "regression"}),
            "labelling.strategy.uncertainty",
            "does not say how sure it is",
        ),
    ],
)
def test_a_queue_that_cannot_work_is_refused(
    mistakes_of: Finder, changed: dict[str, Any], key: str, says: str
) -> None:
    found = {mistake.key: mistake.message for mistake in mistakes_of(changed)}
    assert key in found, found
    assert says in found[key]


def test_labels_of_people_whom_nobody_asks_are_refused(mistakes_of: Finder) -> None:
    changed = queue()
    del changed["labelling"]
    found = {mistake.key: mistake.message for mistake in mistakes_of(changed)}
    assert "add the section labelling" in found["label.from"]
