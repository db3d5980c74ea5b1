"""Labels that come from a source: what it must say, and what goes with it."""

from __future__ import annotations

from collections.abc import Iterator

from mlfactory.product.label import LabelSource
from mlfactory.product.mistakes import Found, nearest
from mlfactory.product.sources import CsvSource, Source
from mlfactory.product.spec import ProductSpec

_FROM = ("label", "from")
_ROUNDING = 1e-6
_LEAST_RANDOM = 2


def label_mistakes(spec: ProductSpec) -> Iterator[Found]:
    """Yield what is wrong with labels that come from a source."""
    yield from _queue(spec)
    told = spec.label.source
    if not spec.label.is_told:
        return
    if spec.label.registers:
        yield (
            ("label", "registers"),
            "names registers that build makes labels of, and labels come from elsewhere: remove it",
        )
    if spec.partition.calendar.is_snapshot:
        yield _FROM, "a snapshot has no time, and so no moment at which a label is told: remove it"
        return
    if told is None:
        if spec.labelling is None:
            yield _FROM, "labels come from people, and none are asked: add the section labelling"
        return
    if told.source not in spec.sources:
        yield (
            (*_FROM, "source"),
            f"there is no source '{told.source}'{nearest(told.source, spec.sources)}",
        )
        return
    if not spec.events_from:
        yield (
            (*_FROM, "source"),
            f"'{told.source}' is the only source, and build is given no labels: add the source of "
            "the events",
        )
    yield from _keys(spec, told)
    yield from _times(spec, told)
    yield from _source(spec, told, spec.sources[told.source])


def _keys(spec: ProductSpec, told: LabelSource) -> Iterator[Found]:
    features = spec.features
    for name in told.key:
        if name not in features.key:
            yield (
                (*_FROM, "key", name),
                f"is not in features.key, whose columns it names{nearest(name, features.key)}",
            )
    if features.event_time in features.key and told.event_time is None:
        yield (
            (*_FROM, "event_time"),
            f"is missing: '{features.event_time}' is part of features.key, so that an event is "
            "named by its time",
        )
    if features.event_time in told.key and told.event_time is not None:
        yield (
            (*_FROM, "key", str(features.event_time)),
            "is the event time, which label.from.event_time names: remove it here",
        )


def _times(spec: ProductSpec, told: LabelSource) -> Iterator[Found]:
    source = spec.sources[told.source]
    if source.event_time is None:
        named = told.observed_at or "told_at"
        yield (
            ("sources", told.source),
            f"labels come from it, so it needs an event_time: when each was told, such as {named}",
        )
    elif told.observed_at not in (None, source.event_time):
        yield (
            (*_FROM, "observed_at"),
            f"is '{told.observed_at}', and sources.{told.source}.event_time is "
            f"'{source.event_time}': both are when a label was told",
        )
    if told.event_time is not None and told.event_time == source.event_time:
        yield (
            (*_FROM, "event_time"),
            f"'{told.event_time}' is when a label was told; name the column with the time of the "
            "event, or remove it: events are then looked up by their key",
        )
    if told.event_time is not None and told.event_time in source.pii:
        yield (*_FROM, "event_time"), "is personal data of its source, and must be readable"


def _source(spec: ProductSpec, told: LabelSource, source: Source) -> Iterator[Found]:
    """Yield what the source of the labels cannot have or be."""
    value = spec.label.value
    if value in source.pii:
        yield (*_FROM, "value"), f"'{value}' is personal data of its source, and must be readable"
    if source.key and source.event_time and source.event_time not in source.key:
        yield (
            ("sources", told.source, "key"),
            f"lacks '{source.event_time}': a label that is told again within a partition would be "
            "quarantined as a second row of its key; add it, or remove the key",
        )
    times = {told.event_time: "the time of the event"} if told.event_time else {}
    for column, role in times.items():
        declared = source.types.get(column, "datetime")
        if declared != "datetime":
            yield (
                ("sources", told.source, "types", column),
                f"is {role}, which is read as datetime; got '{declared}'",
            )
    if not isinstance(source, CsvSource) or source.header is None:
        return
    features = spec.features
    for place, column in spec.label.needs(features.key, features.event_time).items():
        if column not in source.header:
            yield (
                (*_FROM, place),
                f"sources.{told.source}.header has no '{column}'{nearest(column, source.header)}",
            )


def _queue(spec: ProductSpec) -> Iterator[Found]:
    """Yield what is wrong with the rows that people are asked to label."""
    queue, kind = spec.labelling, spec.label.kind
    if queue is None:
        return
    if not spec.label.is_told:
        yield (
            ("labelling",),
            "needs label.from: build makes the labels of this product, and an answer would be one "
            "more; write label.from: labelling, or name the source that they come from",
        )
    if spec.partition.calendar.is_snapshot:
        yield ("labelling",), "a snapshot has no time, and so no moment of an answer: remove it"
    shares = queue.strategy
    if abs(sum((shares.uncertainty, shares.value, shares.random)) - 1) > _ROUNDING:
        yield ("labelling", "strategy"), "the shares of a batch have to sum to 100%"
    if shares.uncertainty and kind == "regression":
        yield (
            ("labelling", "strategy", "uncertainty"),
            "a model of numbers does not say how sure it is: remove it",
        )
    if shares.value and spec.business is None:
        yield (
            ("labelling", "strategy", "value"),
            "nothing says what an error costs: add the section business, or remove it",
        )
    if shares.random and round(shares.random * queue.batch) < _LEAST_RANDOM:
        yield (
            ("labelling", "strategy", "random"),
            f"{shares.random:.0%} of {queue.batch} rows are too few for an estimate: expected at "
            f"least {_LEAST_RANDOM} rows, or none",
        )
    if not shares.random and spec.label.is_told and spec.label.source is None:
        yield (
            ("labelling", "strategy"),
            "no row is drawn at random, and no source tells labels: by rows that were chosen for "
            "what a model said of them none is judged; let some be random",
        )
    if (kind == "multiclass") != bool(queue.classes):
        yield (
            ("labelling", "classes") if queue.classes else ("labelling",),
            "classes are missing: what may be answered"
            if not queue.classes
            else f"a {kind} label has none to name: remove it",
        )
    known = (*spec.features.inputs, *spec.features.sensitive)
    for position, name in enumerate(queue.shows):
        if name not in known:
            yield (
                ("labelling", "shows", position),
                f"there is no feature '{name}'{nearest(name, known)}",
            )
