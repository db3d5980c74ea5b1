"""The one look of all plots: quiet axes, few colours, each with a fixed meaning."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, SOFT, LINE = "#1b2430", "#5d6b7c", "#dfe4ea"
CURRENT, REFERENCE, OTHER = "#2457b3", "#9aa5b4", "#c2701c"
# names and categories are the user's: a `$` in them is a sign, and no formula begins there
mpl.rcParams["text.parse_math"] = False

GOOD, DOUBTFUL, BAD = "#1f8a58", "#d3951b", "#c0362c"


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    """Return a figure `width` by `height` inches large, and its axes row after row."""
    figure = Figure(figsize=(width, height), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    axes = [quiet(one) for line in grid for one in line]
    return figure, axes


def quiet(axes: Axes) -> Axes:
    """Take from `axes` what is not data, and return them."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
    axes.tick_params(colors=SOFT, labelsize=8, length=3, color=LINE)
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    return axes


def titled(axes: Axes, title: str, x: str = "", y: str = "") -> Axes:
    """Give `axes` a title and say what they show, and return them."""
    axes.set_title(title, fontsize=9.5, color=INK, loc="left", fontweight="bold")
    axes.set_xlabel(x, fontsize=8.5, color=SOFT)
    axes.set_ylabel(y, fontsize=8.5, color=SOFT)
    return axes
