"""What must fit together where a partition is cut into shards."""

from __future__ import annotations

from collections.abc import Iterator

from mlfactory.product.mistakes import Found, nearest
from mlfactory.product.rules.sources import OUR_COLUMNS
from mlfactory.product.sources import CsvSource, Source
from mlfactory.product.spec import ProductSpec


def shard_mistakes(spec: ProductSpec) -> Iterator[Found]:
    """Yield what is wrong with the cut of partitions into shards."""
    cut = spec.partition
    if cut.by and cut.shards == 1:
        yield ("partition", "by"), "says by what shards are cut, and there is one; add shards: 8"
    if cut.shards == 1:
        return
    if cut.calendar.is_snapshot:
        yield ("partition", "shards"), "a snapshot is built whole; remove it"
        return
    if not any(source.event_time for source in spec.events_from.values()):
        yield ("partition", "shards"), "no source has event times, so that there is none to cut"
    if spec.features.history and not cut.by:
        yield (
            ("partition", "shards"),
            "build looks at history, and shards that are cut in the order of rows have none of "
            "it; name the columns whose rows belong together: by: customer",
        )
    for position, column in enumerate(cut.by):
        place = ("partition", "by", position)
        if column in OUR_COLUMNS:
            yield place, f"'{column}' is a column of ours; name one that the sources have"
            continue
        if column in cut.by[:position]:
            yield place, f"'{column}' stands already in it"
        yield from _lacking(spec, column, place)
        yield from _types(spec, column)


def _lacking(spec: ProductSpec, column: str, place: tuple[str | int, ...]) -> Iterator[Found]:
    """Yield the sources with event times that are known to lack a column."""
    known = {name: _columns(source) for name, source in spec.events_from.items()}
    for name, columns in known.items():
        if spec.sources[name].event_time and columns is not None and column not in columns:
            yield (
                place,
                f"the source '{name}' has event times and no column '{column}'"
                f"{nearest(column, columns)}; every such source needs it",
            )


def _types(spec: ProductSpec, column: str) -> Iterator[Found]:
    """Yield the sources with event times that declare a column of another type than the first."""
    declared = {
        name: source.types[column]
        for name, source in spec.events_from.items()
        if source.event_time and column in source.types
    }
    for name, kind in declared.items():
        first = next(iter(declared))
        if kind != declared[first]:
            yield (
                ("sources", name, "types", column),
                f"partition.by cuts by it, and sources.{first} says that it is {declared[first]}; "
                "rows of one value would lie in two shards",
            )


def _columns(source: Source) -> tuple[str, ...] | None:
    """Return the columns of a source where the spec says all of them."""
    return tuple(source.header) if isinstance(source, CsvSource) and source.header else None
