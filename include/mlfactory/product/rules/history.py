"""What a spec declares of the past: sources and columns that are there, names, windows that fit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from mlfactory.product.history import OVER, Figure, Joined, Windows, named, short
from mlfactory.product.mistakes import Found, nearest
from mlfactory.product.source import BaseSource
from mlfactory.product.sources import CsvSource
from mlfactory.product.spec import ProductSpec

Place = tuple[str | int, ...]

_OF_NUMBERS = ("sum", "mean", "min", "max")
_CONDITIONAL = ("count", "rate")


def history_mistakes(spec: ProductSpec) -> Iterator[Found]:
    """Yield what is wrong with joined columns, windows, and what is said of features."""
    for position, joined in enumerate(spec.features.joined):
        place: Place = ("features", "joined", position)
        yield from _source(spec, joined, place)
        yield from _joined(spec, joined, place)
    for position, windows in enumerate(spec.features.windows):
        place = ("features", "windows", position)
        yield from _source(spec, windows, place)
        yield from _windows(spec, windows, place)
        for name, figure in windows.make.items():
            yield from _figure(spec, windows, figure, (*place, "make", name))
    yield from _names(spec)
    known = (*spec.features.inputs, *spec.features.sensitive)
    for name in spec.features.describe:
        if name not in known:
            place = ("features", "describe", name)
            yield place, f"there is no feature '{name}'{nearest(name, known)}"


def _source(spec: ProductSpec, declared: Joined | Windows, place: Place) -> Iterator[Found]:
    """Yield what is wrong with the source, and with the key that its rows and events share."""
    source = spec.sources.get(declared.source)
    if source is None:
        known = nearest(declared.source, spec.sources)
        yield (*place, "source"), f"there is no source '{declared.source}'{known}"
        return
    for of_event, of_rows in declared.by.items():
        at = (*place, "by", of_event)
        yield from _column(declared.source, source, of_rows, at)
        if of_event == spec.label.column:
            yield at, f"'{of_event}' is the label, which no event has yet"
    if spec.partition.shards > 1 and source.event_time:
        for column in spec.partition.by:
            if declared.by.get(column) != column:
                yield (
                    (*place, "by"),
                    f"partition.by cuts by '{column}', and a shard has the rows of its own only: "
                    f"name '{column}' here as well, called so in the built frame too",
                )


def _column(name: str, source: BaseSource, column: str, place: Place) -> Iterator[Found]:
    """Yield that a source is known to lack a column."""
    if source.pii.get(column) == "drop":
        yield place, f"sources.{name}.pii drops '{column}', so that it never lands"
        return
    known: tuple[str, ...] | None = None
    if isinstance(source, CsvSource) and source.header:
        known = source.header
    elif source.columns == "strict":
        known = tuple(sorted(source.declared))
    if known is not None and column not in known:
        yield place, f"the source '{name}' has no column '{column}'{nearest(column, known)}"


def _joined(spec: ProductSpec, joined: Joined, place: Place) -> Iterator[Found]:
    source = spec.sources.get(joined.source)
    if source is None:
        return
    for name, column in joined.make.items():
        yield from _column(joined.source, source, column, (*place, "make", name))
    if source.event_time is None:
        for part in ("known_after", "max_age"):
            if part in joined.model_fields_set:
                yield (*place, part), f"'{joined.source}' has no event_time: remove it"
        if not joined.by:
            yield place, f"'{joined.source}' has no event_time: say by which columns it is joined"
        return
    history = spec.features.history
    oldest = history if joined.max_age is None else joined.max_age
    if not history:
        yield (
            place,
            "features.history is missing: how far back the newest row may lie, '30 days'",
        )
    elif oldest > history:
        yield (
            (*place, "max_age"),
            f"is {_told(oldest)}, and features.history only {_told(history)}: older rows are not "
            "read",
        )
    elif joined.known_after > oldest:
        yield (
            (*place, "known_after"),
            f"is {_told(joined.known_after)}, and rows older than {_told(oldest)} are not taken: "
            "none would be",
        )


def _windows(spec: ProductSpec, windows: Windows, place: Place) -> Iterator[Found]:
    source, history = spec.sources.get(windows.source), spec.features.history
    if source is not None and source.event_time is None:
        yield (
            (*place, "source"),
            f"'{windows.source}' has no event_time, so that nobody knows when its rows came; "
            "build can count those of a register",
        )
    for position, over in enumerate(windows.over):
        at = (*place, "over", position)
        if over in windows.over[:position]:
            yield at, f"{_told(over)} stands already in it"
        if over > history:
            yield (
                at,
                f"is {_told(over)}, and features.history {_told(history) if history else 'missing'}"
                ": older rows are not read",
            )
        if over <= windows.known_after:
            yield (
                at,
                f"is {_told(over)}, and known_after {_told(windows.known_after)}: no row of the "
                "window would be known",
            )
    if len(windows.over) > 1:
        for name in windows.make:
            if OVER not in name:
                yield (
                    (*place, "make", name),
                    f"there are several windows: put {OVER} into the name, like '{name}_{OVER}', "
                    f"for {name}_{short(windows.over[0])} and so on",
                )


def _figure(spec: ProductSpec, windows: Windows, figure: Figure, place: Place) -> Iterator[Found]:
    source, how, conditions = spec.sources.get(windows.source), figure.how, figure.conditions
    if figure.of is None and (how != "count" or conditions):
        yield place, f"of is missing: the column of '{windows.source}' that is looked at"
    if how == "rate" and not conditions:
        yield place, "says not which values count: add at_least, at_most, above, below or equals"
    if conditions and how not in _CONDITIONAL:
        yield (*place, next(iter(conditions))), f"a {how} is of all rows: remove it"
    if figure.prior is not None:
        if how not in ("mean", "rate"):
            yield (*place, "prior"), f"a {how} is drawn to nothing: remove it"
        elif not windows.by:
            yield (*place, "prior"), "draws a key's figure to that of all, and there is no key"
        elif spec.partition.shards > 1:
            yield (*place, "prior"), "looks at all keys, and a shard has the rows of its own only"
    if source is None or figure.of is None:
        return
    at = (*place, "of")
    yield from _column(windows.source, source, figure.of, at)
    ordered = any(name != "equals" for name in conditions)
    if how in _OF_NUMBERS or ordered:
        kind = source.types.get(figure.of)
        if figure.of == source.event_time:
            kind = "datetime"
        if kind in ("string", "datetime") or figure.of in source.pii:
            told = kind or "hashed, so that it is text"
            yield at, f"needs numbers, and '{figure.of}' of '{windows.source}' is {told}"


def _names(spec: ProductSpec) -> Iterator[Found]:
    """Yield names that are taken, or that nobody is given."""
    features = spec.features
    own = {
        **dict.fromkeys(features.key, "features.key"),
        **({features.event_time: "features.event_time"} if features.event_time else {}),
        **({features.group: "features.group"} if features.group else {}),
        spec.label.column: "label.column",
    }
    seen: dict[str, str] = {}
    for name, place, numeric in _made(spec):
        if name in own:
            yield place, f"'{name}' is {own[name]}, which build returns; choose another name"
        elif name in seen:
            yield place, f"'{name}' is made already by {seen[name]}; choose another name"
        elif numeric and name not in features.numeric:
            yield place, f"is given to no model: add '{name}' to features.numeric"
        elif name not in (*features.inputs, *features.sensitive):
            yield (
                place,
                f"is given to no model: add '{name}' to features.numeric or features.categorical",
            )
        seen.setdefault(name, ".".join(str(part) for part in place[:3]))


def _made(spec: ProductSpec) -> Iterator[tuple[str, Place, bool]]:
    """Yield each feature that is declared, its place, and whether it is a number by its nature."""
    for position, joined in enumerate(spec.features.joined):
        for name in joined.make:
            yield name, ("features", "joined", position, "make", name), False
    for position, windows in enumerate(spec.features.windows):
        for template in windows.make:
            # without the placeholder all would be called alike, which is told by itself
            for over in dict.fromkeys(windows.over) if OVER in template else windows.over[:1]:
                yield (
                    named(template, over),
                    ("features", "windows", position, "make", template),
                    True,
                )


def _told(length: timedelta) -> str:
    minutes = int(length.total_seconds()) // 60
    for unit, size in (("day", 1440), ("hour", 60), ("minute", 1)):
        if minutes % size == 0:
            return f"{minutes // size} {unit}{'' if minutes == size else 's'}"
    return ""
