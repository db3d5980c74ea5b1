"""A plot as the bytes of one file, drawn once for all places that show it."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LARGEST_SVG = 120_000
"""Bytes above which a plot of many points is smaller and faster to show as pixels."""

_PIXELS_PER_INCH = 200
_MEDIA = {"svg": "image/svg+xml", "png": "image/png"}


@dataclass(frozen=True)
class Drawing:
    """A plot drawn: the bytes of a file, and its suffix, `svg` or `png`."""

    content: bytes
    suffix: str

    @property
    def address(self) -> str:
        """Return the drawing as an address that holds all of it, for a page in one file."""
        return f"data:{_MEDIA[self.suffix]};base64,{base64.b64encode(self.content).decode()}"


def drawn(figure: Figure) -> Drawing:
    """Draw a plot as lines where these are few and else as pixels: sharp, and small.

    The same plot gives the same bytes.
    """
    # most pages are told in words, and who writes one need not load what draws
    import matplotlib as mpl

    # without a fixed salt the ids in the file are random
    with mpl.rc_context({"svg.hashsalt": "mlfactory"}):
        content = _saved(figure, "svg", metadata={"Date": None})
    if len(content) <= _LARGEST_SVG:
        return Drawing(content, "svg")
    return Drawing(_saved(figure, "png", dpi=_PIXELS_PER_INCH), "png")


def _saved(figure: Figure, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    # a figure that has laid itself out need not be drawn once more to find its edges
    edges = "tight" if figure.get_layout_engine() is None else None
    figure.savefig(buffer, format=file_format, bbox_inches=edges, **options)
    return buffer.getvalue()
