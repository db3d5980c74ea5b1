"""What a partition's page shows of cleaning: the rows before and after, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlfactory.report.numbers import written
from mlfactory.report.page import Page

Facts = Mapping[str, Any]


def add_cleaning(page: Page, name: str, told: Facts, left: int) -> None:
    """Show what each step did to the landed rows of a source, and its columns before and after.

    Args:
        told: what the manifest says of it.
        left: how many rows there are after it.
    """
    page.section(f"Cleaning of {name}")
    page.paragraph(f"{told['landed']:,} rows landed, and {left:,} were left by these steps.")
    for place, step in enumerate(told["told"], 1):
        if "stopped" in step:
            page.paragraph(f"Step {place} stops the partition: {step['stopped']}.")
    lines = [line for place, step in enumerate(told["told"], 1) for line in _of_step(place, step)]
    page.table(
        ["step", "column", "changed", "unread", "quarantined", "rows dropped", "before → after"],
        lines,
    )
    differ = [
        _of_column(column, before, after)
        for column, (before, after) in told.get("columns", {}).items()
        if before != after
    ]
    if differ:
        page.table(
            ["column", "type", "missing before", "missing after", "values before", "values after"],
            differ,
        )


def _of_step(place: int, step: Facts) -> Iterator[tuple[Any, ...]]:
    """Yield a line for each column that a step did something to; one at least."""
    counts = [step.get(what, {}) for what in ("changed", "unread", "quarantined")]
    touched = [name for name in step["columns"] if any(name in each for each in counts)]
    dropped = step.get("dropped", 0)
    called = f"{place}. {step['do']}"
    if not touched:
        yield called, ", ".join(step["columns"]), 0, 0, 0, dropped, ""
    for name in touched:
        examples = step.get("examples", {}).get(name, ())
        shown = "; ".join(f"{_shown(old)} → {_shown(new)}" for old, new in examples)
        yield called, name, *(each.get(name, 0) for each in counts), dropped, shown


def _of_column(name: str, before: Facts, after: Facts) -> tuple[Any, ...]:
    was, now = before["type"], after["type"]
    kind = now if was == now else f"{was} → {now}"
    return name, kind, before["missing"], after["missing"], _ends(before), _ends(after)


def _ends(column: Facts) -> str:
    return f"{written(column['from'])} to {written(column['to'])}" if "from" in column else ""


def _shown(value: str | float | None) -> str:
    if value is None:
        return "nothing"
    # four digits, as everywhere, would look as if a step had lost some
    return repr(value) if isinstance(value, str) else f"{value:,.10g}"
