"""The plots of a partition's monitoring report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mlfactory.report.style import (
    BAD,
    CURRENT,
    DOUBTFUL,
    OTHER,
    REFERENCE,
    SOFT,
    new_figure,
    titled,
)
from mlfactory.statistics.histograms import Counted
from mlfactory.statistics.statistic import Floats, Ints

_BINS = 36
_LEVELS = 8
_COLUMNS = 3
_TICKS = 14
_REST = "all others"
_MISSING = "missing"
_VISIBLE = 1e-9
_SHOWN = (0.002, 0.998)
"""Quantiles between which values are drawn, or one outlier would squeeze all others together."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """The values of one feature that a model learned from, and those it meets now.

    Args:
        numbers: finite ones that it meets now, or as many as are spread alike.
        tallied: (bins,) of a category, the rows it meets now by the reference's bins.
    """

    name: str
    reference: Counted
    numbers: Floats = field(default_factory=lambda: np.array([]))
    tallied: Ints = field(default_factory=lambda: np.array([], dtype=np.intp))


@dataclass(frozen=True)
class Measurement:
    """A figure of one partition with its interval."""

    partition: str
    value: float
    low: float
    high: float


def distributions(pairs: Sequence[Distribution]) -> Figure:
    """Draw features side by side, what the model learned from in grey and what it meets in blue."""
    rows = -(-len(pairs) // _COLUMNS)
    figure, axes = new_figure(10.4, 2.35 * rows, rows, min(_COLUMNS, len(pairs)))
    for one, pair in zip(axes, pairs, strict=False):
        titled(one, pair.name)
        if pair.reference.ordered:
            _against_counted(one, pair.reference, pair.numbers)
        else:
            _bars(one, pair.reference, pair.tallied)
    for spare in axes[len(pairs) :]:
        spare.set_visible(False)
    _legend(axes[0])
    return figure


def scores(
    reference: Floats,
    current: Floats,
    *,
    name: str,
    threshold: float | None = None,
) -> Figure:
    """Draw how a model's answers are spread, on its held-out rows and now."""
    figure, (axes,) = new_figure(10.4, 2.6)
    titled(axes, "", name, "share of rows")
    _histograms(axes, reference[np.isfinite(reference)], current[np.isfinite(current)])
    if threshold is not None:
        axes.axvline(threshold, color=SOFT, linewidth=1, linestyle="--")
        axes.annotate(
            f" threshold {threshold:.3g}",
            (threshold, 1),
            xycoords=("data", "axes fraction"),
            va="top",
            fontsize=8,
            color=SOFT,
        )
    _legend(axes, first="held-out rows")
    return figure


def history(
    champion: Sequence[Measurement],
    challenger: Sequence[Measurement] = (),
    *,
    metric: str,
    warn: float | None = None,
    alert: float | None = None,
) -> Figure:
    """Draw a metric over partitions with its intervals, and the bounds it is held against."""
    figure, (axes,) = new_figure(10.4, 2.8)
    titled(axes, "", "", metric)
    places = {
        key: place
        for place, key in enumerate(sorted({one.partition for one in (*champion, *challenger)}))
    }
    _measurements(axes, places, champion, CURRENT, "champion", 0.0)
    if challenger:
        _measurements(axes, places, challenger, OTHER, "challenger, in shadow", 0.12)
    for bound, colour, name in ((warn, DOUBTFUL, "warn"), (alert, BAD, "alert")):
        if bound is not None:
            axes.axhline(
                bound, color=colour, linewidth=1, linestyle="--", label=f"{name} {bound:g}"
            )
    every = max(1, -(-len(places) // _TICKS))
    axes.set_xticks(list(places.values())[::every], list(places)[::every])
    axes.set_xlim(-0.5, max(len(places), 1) - 0.5)
    axes.legend(fontsize=8, frameon=False, labelcolor=SOFT, ncols=4)
    return figure


def _measurements(
    axes: Axes,
    places: dict[str, int],
    measured: Sequence[Measurement],
    colour: str,
    label: str,
    aside: float,
) -> None:
    values = np.array([one.value for one in measured])
    below = values - np.array([one.low for one in measured])
    above = np.array([one.high for one in measured]) - values
    axes.errorbar(
        [places[one.partition] + aside for one in measured],
        values,
        yerr=np.nan_to_num(np.clip([below, above], 0, None)),
        color=colour,
        marker="o",
        markersize=4.5,
        linewidth=1.4,
        elinewidth=1.2,
        capsize=3,
        label=label,
    )


def _histograms(
    axes: Axes,
    reference: Floats,
    current: Floats,
) -> None:
    both = [values for values in (reference, current) if len(values)]
    if not both:
        return
    ends = [np.quantile(values, _SHOWN) for values in both]
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    then, now = (
        np.histogram(values, edges)[0] / max(len(values), 1) for values in (reference, current)
    )
    axes.stairs(then, edges, color=REFERENCE, alpha=0.55, fill=True)
    axes.stairs(now, edges, color=CURRENT, linewidth=1.5)
    axes.set_ylim(bottom=0)


def _against_counted(axes: Axes, reference: Counted, current: Floats) -> None:
    """Draw numbers as a histogram over one that is known by its counts between edges."""
    then, edges = counted_shares(reference, current)
    if not len(edges):
        return
    axes.stairs(then, edges, color=REFERENCE, alpha=0.55, fill=True)
    now = np.histogram(current, edges)[0] / max(len(current), 1)
    axes.stairs(now, edges, color=CURRENT, linewidth=1.5)
    axes.set_ylim(bottom=0)


def counted_shares(reference: Counted, current: Floats) -> tuple[Floats, Floats]:
    """Return (bins,) the reference's shares between even edges (bins + 1,), and these.

    The edges reach over what is known of both; none where neither has a number.
    """
    counts = reference.counts.sum(axis=0, dtype=np.float64)
    finite = np.isfinite(reference.edges)
    below = np.cumsum(counts)[: len(reference.edges)][finite] / max(counts.sum(), 1)
    at = reference.edges[finite]
    ends = [np.quantile(current, _SHOWN)] if len(current) else []
    if len(at) and below[-1] > 0:
        places = np.searchsorted(below, np.array(_SHOWN) * below[-1])
        ends.append(at[places.clip(0, len(at) - 1)])
    if not ends:
        return np.array([]), np.array([])
    low, high = min(end[0] for end in ends), max(end[1] for end in ends)
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    edges[0] = np.nextafter(edges[0], -np.inf)
    shares: Floats = np.diff(np.interp(edges, at, below)) if len(at) else np.zeros(_BINS)
    return shares, edges


def _bars(axes: Axes, reference: Counted, tallied: Ints) -> None:
    shares = level_shares(reference, tallied)
    places = np.arange(len(shares))
    axes.bar(places - 0.2, shares["reference"], 0.4, color=REFERENCE, alpha=0.7)
    axes.bar(places + 0.2, shares["current"], 0.4, color=CURRENT)
    names = [name if len(name) <= 10 else f"{name[:9]}…" for name in shares.index]
    crowded = len(names) > 4 or max(map(len, names), default=0) > 6
    axes.set_xticks(
        places, names, rotation=40 if crowded else 0, ha="right" if crowded else "center"
    )


def level_shares(reference: Counted, tallied: Ints) -> pd.DataFrame:
    """Return the share of each level then and now, the frequent ones first, the rest as one.

    Args:
        tallied: (bins,) the rows of now by the reference's bins.
    """
    names = [*reference.levels, _REST, _REST, _MISSING]
    then = pd.Series(reference.counts.sum(axis=0, dtype=np.float64), index=names)
    now = pd.Series(tallied.astype(np.float64), index=names)
    shares = pd.DataFrame(
        {
            name: counts.groupby(level=0).sum() / max(counts.sum(), 1)
            for name, counts in (("reference", then), ("current", now))
        }
    )
    shares = shares[shares.max(axis=1) > 0]
    order = shares.max(axis=1).sort_values(ascending=False, kind="stable").index
    shares = shares.loc[[name for name in order if name != _REST]]
    rest = 1 - shares.iloc[: _LEVELS - 1].sum()
    if len(shares) < _LEVELS and rest.max() < _VISIBLE:
        return shares
    return pd.concat([shares.iloc[: _LEVELS - 1], rest.clip(lower=0).to_frame(_REST).T])


def _legend(axes: Axes, first: str = "learned from") -> None:
    axes.fill_between([], [], [], color=REFERENCE, alpha=0.55, label=first)
    axes.plot([], [], color=CURRENT, linewidth=1.5, label="now")
    axes.legend(fontsize=8, frameon=False, labelcolor=SOFT)
