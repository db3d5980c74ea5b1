"""What must fit together within the sources of a spec."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from mlfactory.product.mistakes import Found, nearest
from mlfactory.product.sources import CsvSource
from mlfactory.product.spec import ProductSpec

_A_MOMENT = datetime(2021, 11, 23, 14, 35, 56)


def source_mistakes(spec: ProductSpec) -> Iterator[Found]:
    """Yield every part of a source that does not fit the others."""
    for name, source in spec.sources.items():
        times = {source.event_time: f"the event_time of {name}"} if source.event_time else {}
        if isinstance(source, CsvSource):
            for column, spelling in source.formats.items():
                times.setdefault(column, "a column with a format")
                if problem := _problem_of_format(spelling):
                    yield ("sources", name, "formats", column), problem
            yield from _header(name, source)
        for column, role in times.items():
            declared = source.types.get(column, "datetime")
            if declared != "datetime":
                yield (
                    ("sources", name, "types", column),
                    f"is {role}, which is read as datetime; got '{declared}'",
                )


def _problem_of_format(spelling: str) -> str:
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
    if source.event_time is not None:
        wanted["event_time",] = source.event_time
    for place, column in wanted.items():
        if column not in seen:
            yield (
                ("sources", name, *place),
                f"the header given has no '{column}'{nearest(column, source.header)}",
            )
