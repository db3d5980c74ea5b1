"""The frame of `make chance`: sections of cells, each cell a simulation with a known truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context

PROCESSES = 2

Cell = Callable[[], tuple[str, ...]]
"""Makes the texts of some neighbouring cells, from one simulation. It can be pickled: a function,
or a `functools.partial` of one."""


@dataclass(frozen=True)
class Section:
    """A table with its title and what it shows.

    Attributes:
        head: names of the columns, those of the labels first.
        rows: labels of each row, and what makes its cells.
    """

    title: str
    text: str
    head: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], tuple[Cell, ...]], ...]


def rendered(sections: Sequence[Section]) -> str:
    """Run every cell, on all processes, and return the sections as Markdown."""
    cells = [cell for section in sections for _, row in section.rows for cell in row]
    with get_context("spawn").Pool(PROCESSES) as pool:
        made = iter(pool.imap(_made, cells, chunksize=1))
        return "\n".join(_section(section, made) for section in sections)


def _made(cell: Cell) -> tuple[str, ...]:
    return cell()


def _section(section: Section, made: Iterator[tuple[str, ...]]) -> str:
    lines = [f"## {section.title}", section.text, ""]
    lines.append(f"| {' | '.join(section.head)} |")
    lines.append(f"|{'---|' * len(section.head)}")
    for labels, cells in section.rows:
        texts = [text for _ in cells for text in next(made)]
        lines.append(f"| {' | '.join((*labels, *texts))} |")
    return "\n".join([*lines, ""])
