"""What must fit together within the sources of a spec."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mlfactory.product.mistakes import Found, nearest
from mlfactory.product.own_rules import columns_named
from mlfactory.product.sources import CsvSource, FileSource, HttpSource, Source
from mlfactory.product.spec import Expect, Expectation, ProductSpec

OUR_COLUMNS = ("partition", "_row", "_rescued", "_landing", "_seen_at", "_landed_row", "_refused")
"""What raw and clean tables have beside the source's own columns."""

_A_MOMENT = datetime(2021, 11, 23, 14, 35, 56)


def source_mistakes(spec: ProductSpec) -> Iterator[Found]:
    """Yield every part of a source that does not fit the others."""
    yield from _names(spec)
    yield from _registers(spec)
    for name, source in spec.sources.items():
        yield from _columns(name, source)
        yield from _guarded(spec, name, source)
        yield from _watched(spec, name, source)
        times = {source.event_time: f"the event_time of {name}"} if source.event_time else {}
        for column, spelling in source.formats.items():
            times.setdefault(column, "a column with a format")
            if problem := problem_of_format(spelling):
                yield ("sources", name, "formats", column), problem
        if isinstance(source, CsvSource):
            yield from _header(name, source)
        if isinstance(source, CsvSource | HttpSource) and source.thousands == source.decimal:
            yield (
                ("sources", name, "thousands"),
                f"'{source.decimal}' begins the fraction already; no number could be read",
            )
        for column, role in times.items():
            declared = source.types.get(column, "datetime")
            if declared != "datetime":
                yield (
                    ("sources", name, "types", column),
                    f"is {role}, which is read as datetime; got '{declared}'",
                )


def _names(spec: ProductSpec) -> Iterator[Found]:
    spelled: dict[str, str] = {}
    for name in spec.sources:
        other = spelled.setdefault(name.lower(), name)
        if other != name:
            yield (
                ("sources", name),
                f"'{name}' and '{other}' differ in case only, which files do not always tell apart",
            )
        if name in Expect.model_fields:
            yield ("sources", name), f"the section expect has '{name}' for something else"


def _registers(spec: ProductSpec) -> Iterator[Found]:
    """Yield what is named as a register that labels come in, and is none."""
    for position, name in enumerate(spec.label.registers):
        place = ("label", "registers", position)
        if name not in spec.sources:
            yield place, f"there is no source '{name}'{nearest(name, spec.sources)}"
        elif spec.sources[name].event_time:
            yield (
                place,
                f"'{name}' has event times, and is read again for its labels anyway: remove it",
            )


def _columns(name: str, source: Source) -> Iterator[Found]:
    """Yield names of columns that a table of the lake cannot have beside its own or each other."""
    places: dict[tuple[str | int, ...], str] = {}
    header = source.header or () if isinstance(source, CsvSource) else ()
    for part, columns in (("header", header), ("key", source.key)):
        places |= {(part, position): column for position, column in enumerate(columns)}
    if source.event_time is not None:
        places["event_time",] = source.event_time
    places |= {("types", column): column for column in source.types}
    spelled: dict[str, str] = {}
    for place, column in places.items():
        if column.lower() in OUR_COLUMNS:
            yield (
                ("sources", name, *place),
                f"the lake keeps the name '{column.lower()}' for a column of its own; "
                "rename it in the source, or read it with a python source",
            )
        other = spelled.setdefault(column.lower(), column)
        if other != column:
            yield (
                ("sources", name, *place),
                f"'{column}' and '{other}' differ in case only, which tables do not tell apart",
            )
    for position, column in enumerate(source.key):
        if column in source.key[:position]:
            yield ("sources", name, "key", position), f"'{column}' stands already in the key"


def _guarded(spec: ProductSpec, name: str, source: Source) -> Iterator[Found]:
    """Yield what is asked of a column with personal data that it cannot be, once it is guarded."""
    about = {str(each) for rule in spec.expect.sources.get(name, ()) for each in _named(rule)}
    for column, guard in source.pii.items():
        place = ("sources", name, "pii", column)
        if column == source.event_time:
            yield place, "is the event_time, which tells a row's partition and must be readable"
        elif guard == "drop" and column in source.key:
            yield place, "is part of the key, which a row is known by: hash it"
        elif guard == "drop" and column in (*source.types, *source.formats):
            yield place, "is dropped, and has a type or a format: remove those"
        elif source.types.get(column, "string") != "string" or column in source.formats:
            yield place, "is hashed, so that it is text: remove its type and its format"
        elif guard == "drop" and column in about:
            yield place, f"is dropped, and a rule of expect.{name} is about it: remove one of them"


def _watched(spec: ProductSpec, name: str, source: Source) -> Iterator[Found]:
    """Yield a watch over what is of no partition more than of another."""
    if not isinstance(source, FileSource) or source.watch is None:
        return
    if not source.event_time and not source.per_partition and spec.partition.every != "snapshot":
        yield (
            ("sources", name, "watch"),
            "nobody can tell which partition a change of it would be of: it has no event_time. It "
            "is read for each partition anyway",
        )


def _named(rule: Expectation) -> Iterator[object]:
    """Yield what the arguments of a rule name, columns among it."""
    yield from columns_named(rule.type, rule.arguments)
    for value in rule.arguments.values():
        yield from value if isinstance(value, list | tuple) else (value,)


def problem_of_format(spelling: str) -> str:
    """Return why times cannot be read by `spelling`, or nothing if they can."""
    try:
        read = datetime.strptime(_A_MOMENT.strftime(spelling), spelling)
    except ValueError as error:
        return f"is not a format of strptime, like '%d/%m/%Y %H:%M': {error}, got '{spelling}'"
    if read.replace(tzinfo=None).date() != _A_MOMENT.date():
        return f"a format needs year, month and day, like '%d/%m/%Y'; got '{spelling}'"
    return ""


def _header(name: str, source: CsvSource) -> Iterator[Found]:
    """Yield what is wrong with the names given to a file without a header line."""
    if source.header is None:
        return
    seen: set[str] = set()
    for position, column in enumerate(source.header):
        if not column.strip() or column in seen:
            problem = "stands twice" if column.strip() else "is empty"
            yield ("sources", name, "header", position), f"the name '{column}' {problem}"
        seen.add(column)
    wanted: dict[tuple[str | int, ...], str] = {
        ("key", position): column for position, column in enumerate(source.key)
    }
    wanted |= {("types", column): column for column in source.types}
    wanted |= {("formats", column): column for column in source.formats}
    wanted |= {("pii", column): column for column in source.pii}
    if source.event_time is not None:
        wanted["event_time",] = source.event_time
    for place, column in wanted.items():
        if column not in seen:
            yield (
                ("sources", name, *place),
                f"the header given has no '{column}'{nearest(column, source.header)}",
            )
