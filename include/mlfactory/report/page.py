"""HTML pages in one file: no script, nothing from outside, light or dark as the reader likes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from mlfactory.report.drawing import Drawing
from mlfactory.report.numbers import is_number, written, written_column

GOOD = frozenset({"ok", "pass", "passed", "promoted", "champion", "success"})
DOUBTFUL = frozenset({"warn", "warning", "pass_with_quarantine", "challenger", "cannot_tell"}) | {
    "changed",
    "gone",
    "retyped",
}
BAD = frozenset({"alert", "stop", "fail", "failed", "rejected", "critical", "error"})


@dataclass(frozen=True)
class Link:
    """A value that leads somewhere: to a web address, or to a file beside the page."""

    text: str
    address: str

    def __post_init__(self) -> None:
        if urlsplit(self.address).scheme not in ("", "http", "https", "file"):
            raise ValueError(f"a page cannot link to {self.address!r}")


@dataclass(frozen=True)
class State:
    """A value shown as a coloured chip."""

    name: str

    @property
    def tone(self) -> str:
        """Return the colour's meaning: good, doubtful, bad or none."""
        name = self.name.lower()
        for tone, names in (("good", GOOD), ("doubtful", DOUBTFUL), ("bad", BAD)):
            if name in names:
                return tone
        return "none"

    @property
    def text(self) -> str:
        """Return the state in words."""
        return self.name.replace("_", " ")


@dataclass(frozen=True)
class Lines:
    """A value of several lines, the first of which stands out; each is plain text or a state."""

    lines: tuple[str | State, ...]


@dataclass(frozen=True)
class _Cell:
    text: str
    state: State | None = None
    address: str | None = None
    lines: tuple[_Cell, ...] = ()
    drawing: Markup | None = None


@dataclass
class Page:
    """A page that is written from top to bottom; every method returns the page itself."""

    title: str
    subtitle: str = ""
    wide: bool = False
    _blocks: list[dict[str, Any]] = field(default_factory=list, repr=False)

    def section(self, heading: str) -> Self:
        """Begin a new section."""
        return self._add("section", heading=heading)

    def paragraph(self, text: str) -> Self:
        """Add a paragraph of plain text."""
        return self._add("paragraph", text=text)

    def code(self, text: str) -> Self:
        """Add lines to be copied, in the place and width they have."""
        return self._add("code", text=text)

    def states(self, tiles: Iterable[tuple[str, str, str]]) -> Self:
        """Add a row of tiles: what is judged, its state, and a few words or figures on it."""
        return self._add(
            "states", tiles=[(name, State(state), note) for name, state, note in tiles]
        )

    def facts(self, facts: Mapping[str, Any]) -> Self:
        """Add names and their values; a value may be a `State` or a `Link`."""
        return self._add("facts", facts=[(name, _cell(value)) for name, value in facts.items()])

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
        state_column: str | None = None,
    ) -> Self:
        """Add a table; the cells of `state_column` become chips, columns of figures align right.

        A cell may be a `State`, a `Link`, `Lines`, or a small picture, which is markup that
        holds no word of a user's.

        Raises:
            ValueError: a row has more or fewer cells than there are columns.
        """
        body = [tuple(row) for row in rows]
        if any(len(row) != len(columns) for row in body):
            raise ValueError(f"every row of the table needs {len(columns)} cells: {list(columns)}")
        made = [
            _column([row[place] for row in body], name == state_column)
            for place, name in enumerate(columns)
        ]
        figures = [_holds_figures([row[place] for row in body]) for place in range(len(columns))]
        return self._add(
            "table",
            head=list(zip(columns, figures, strict=True)),
            rows=[list(zip(cells, figures, strict=True)) for cells in zip(*made, strict=True)],
        )

    def figure(self, plot: Drawing, caption: str = "") -> Self:
        """Add a plot."""
        return self._add("figure", source=plot.address, caption=caption)

    def render(self) -> str:
        """Return the page's HTML."""
        return _template().render(
            title=self.title, subtitle=self.subtitle, wide=self.wide, blocks=self._blocks
        )

    def _add(self, kind: str, **content: Any) -> Self:
        self._blocks.append({"kind": kind, **content})
        return self


def _column(values: Sequence[Any], are_states: bool) -> list[_Cell]:
    if are_states:
        return [_cell(None if value is None else State(str(value))) for value in values]
    texts = written_column(values)
    return [
        _cell(value) if isinstance(value, State | Link | Lines | Markup) else _Cell(text)
        for value, text in zip(values, texts, strict=True)
    ]


def _cell(value: Any) -> _Cell:
    if isinstance(value, State):
        return _Cell(value.text, state=value)
    if isinstance(value, Link):
        return _Cell(value.text, address=value.address)
    if isinstance(value, Lines):
        return _Cell("", lines=tuple(map(_cell, value.lines)))
    if isinstance(value, Markup):
        return _Cell("", drawing=value)
    return _Cell(written(value))


def _holds_figures(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return bool(known) and all(is_number(value) for value in known)


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("mlfactory.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")
