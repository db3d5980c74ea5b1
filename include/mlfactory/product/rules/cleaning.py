"""What the steps that clean a source must be, for its columns and for each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mlfactory.product.cleaning import (
    ABOUT_TEXT,
    READ_FROM_TEXT,
    Case,
    Duplicates,
    Fill,
    Map,
    Nulls,
    Number,
    Outliers,
    Step,
    Time,
    Unit,
)
from mlfactory.product.mistakes import Found, nearest
from mlfactory.product.rules.sources import problem_of_format
from mlfactory.product.sources import CsvSource, Source
from mlfactory.product.spec import ProductSpec

_MERGING = (Case, Map, Number, Time, Unit, Fill)
"""Steps that may make one value of two, beside clipping. Of keys that differ in blanks around them
validation keeps one row, as of those that are the same."""

_NUMBERS = ("integer", "float")


def cleaning_mistakes(spec: ProductSpec) -> Iterator[Found]:
    """Yield every step of `clean` that cannot be what is meant."""
    for name, source in spec.sources.items():
        known = _known(source)
        kinds: dict[str, str] = _declared(source)
        for where, problem in _types_after(source):
            yield ("sources", name, *where), problem
        for position, step in enumerate(source.clean):
            place = ("sources", name, "clean", position)
            for column in _named(step):
                if known is not None and column not in known:
                    problem = f"there is no column '{column}'{nearest(column, known)}"
                    yield place, f"{problem}; declared are {sorted(known)}"
            # what a step may not touch is told, and not what is wrong with it beside that
            suits = list(_kind(step, kinds))
            problems = list(_guarded(source, step)) or suits
            for problem in (*problems, *_of_key(source, position), *_formats(step)):
                yield place, problem


def _known(source: Source) -> Collection[str] | None:
    """Return the columns that a source has, None where nothing says which these are."""
    if isinstance(source, CsvSource) and source.header is not None:
        return source.header
    return source.declared if source.columns == "strict" else None


def _declared(source: Source) -> dict[str, str]:
    """Return what columns are before the first step, where that is declared."""
    found = {**source.types, **dict.fromkeys(source.formats, "datetime")}
    texts = dict.fromkeys(source.landed_as_text, "string")
    return {**found, **texts} | ({source.event_time: "datetime"} if source.event_time else {})


def _named(step: Step) -> list[str]:
    beside: list[str | None] = []
    if isinstance(step, Fill):
        beside = [step.source, step.by, *step.last_of]
    elif isinstance(step, Duplicates):
        beside = [step.by]
    return [*step.columns, *(name for name in beside if name is not None)]


def _guarded(source: Source, step: Step) -> Iterator[str]:
    """Yield what a step would do to columns that are what they are before it has its turn."""
    for column in _named(step):
        if source.pii.get(column) == "drop":
            yield f"'{column}' is dropped by pii, so that no step can have it"
    if isinstance(step, Duplicates):
        if not step.columns and not source.key:
            yield "the source has no key: name the columns that no two rows may share"
        return
    for column in step.columns:
        if column == source.event_time:
            yield (
                f"'{column}' is the event_time, which tells a row's partition before it is "
                "cleaned; how it is written is said by formats"
            )
        elif source.pii.get(column) == "hash":
            yield f"'{column}' is hashed by pii before it lands, and has no words any more"
        elif column in source.formats and isinstance(step, ABOUT_TEXT):
            yield f"'{column}' has a format, and lands as a time: remove one of them"


def _of_key(source: Source, position: int) -> Iterator[str]:
    """Yield a step that may make one key of two, which nobody then chooses between."""
    step = source.clean[position]
    clips = isinstance(step, Outliers) and step.then == "clip"
    if not (clips or isinstance(step, _MERGING)):
        return
    merged = [name for name in source.key if name in step.columns and name != source.event_time]
    chosen = any(
        isinstance(later, Duplicates) and set(later.columns or source.key) <= set(source.key)
        for later in source.clean[position + 1 :]
    )
    if merged and not chosen:
        yield (
            f"may make one key of two, for '{merged[0]}' is part of it: add a step after it that "
            "says which row is kept, {do: duplicates, keep: first}, or name other columns"
        )


def _kind(step: Step, kinds: dict[str, str]) -> Iterator[str]:
    """Yield where a step is for another type than its column has by then, and note what it gives.

    Args:
        kinds: of columns whose type is declared, changed by each step.
    """
    for column in step.columns:
        kind = kinds.get(column, "")
        if isinstance(step, ABOUT_TEXT) and kind not in ("", "string"):
            yield f"'{column}' is {kind}, and the step is for text"
        if isinstance(step, Unit | Outliers) and kind not in ("", *_NUMBERS):
            first = "read it as numbers first, {do: number, columns: ...}"
            yield f"'{column}' is {kind}, and the step is for numbers: {first}"
        if isinstance(step, Nulls) and kind not in ("", "string", *_NUMBERS):
            yield f"'{column}' is {kind}, and the step is for text and numbers"
        if isinstance(step, Fill) and step.value is not None and not _fits(step.value, kind):
            yield f"'{column}' is {kind}, and {step.value!r} is none"
        if isinstance(step, (*READ_FROM_TEXT, Unit)):
            kinds[column] = "datetime" if isinstance(step, Time) else "float"


def _fits(value: object, kind: str) -> bool:
    allowed = {
        "string": (str,),
        "integer": (int,),
        "float": (int, float),
        "boolean": (bool,),
        "datetime": (str,),
    }
    if isinstance(value, bool):
        return kind in ("", "boolean")
    return not kind or isinstance(value, allowed[kind])


def _formats(step: Step) -> Iterator[str]:
    if isinstance(step, Time):
        for spelling in step.formats:
            if problem := problem_of_format(spelling):
                yield f"'{spelling}' {problem}"


def _types_after(source: Source) -> Iterator[Found]:
    """Yield the types that are declared of columns which a step makes something else of."""
    for step in source.clean:
        for column in step.columns if isinstance(step, Number | Time) else ():
            kind = source.types.get(column)
            wanted = ("datetime",) if isinstance(step, Time) else _NUMBERS
            if kind is not None and kind not in wanted:
                yield (
                    ("types", column),
                    f"a step of clean ({step.do}) makes it {' or '.join(wanted)}; got '{kind}'",
                )
