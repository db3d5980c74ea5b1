"""The plots of a trained model: how it ranks, how honest its scores are, what it looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from mlfactory.report.style import CURRENT, INK, OTHER, REFERENCE, SOFT, new_figure, titled
from mlfactory.statistics.statistic import Floats, Ints

_WIDTH = 10.4
_POINTS = 400
"""More points of a curve cannot be seen."""

_DOTS = 2_000
_BINS = 40
_MOST_FEATURES = 25
_MOST_NAMED_CELLS = 12
_SHOWN = (0.002, 0.998)
"""Quantiles between which values are drawn, or one outlier would squeeze all others together."""


def ranking(y: Floats, scores: Floats) -> Figure:
    """Draw the ROC curve and the precision-recall curve of a binary model."""
    figure, (left, right) = new_figure(_WIDTH, 3.9, 1, 2)
    false, true, _ = roc_curve(y, scores)
    titled(left, "ROC", "share of the negative called positive", "share of the positive found")
    left.plot(*_thinned(false, true), color=CURRENT, linewidth=1.6)
    left.plot([0, 1], [0, 1], color=REFERENCE, linewidth=1, linestyle="--", label="chance")
    precision, recall, _ = precision_recall_curve(y, scores)
    titled(right, "Precision and recall", "recall", "precision")
    right.plot(*_thinned(recall, precision), color=CURRENT, linewidth=1.6)
    share = float(np.mean(y))
    right.axhline(share, color=REFERENCE, linewidth=1, linestyle="--", label=f"chance {share:.3g}")
    right.set_ylim(0, 1.02)
    for axes in (left, right):
        axes.legend(fontsize=8, frameon=False, labelcolor=SOFT)
    return figure


def calibration(y: Floats, scores: Floats, threshold: float) -> Figure:
    """Draw how often what was given a probability happened, and how the probabilities lie."""
    figure, (left, right) = new_figure(_WIDTH, 3.9, 1, 2)
    happened, said = calibration_curve(y, scores, n_bins=10, strategy="quantile")
    titled(left, "Calibration", "probability said", "share that happened")
    top = 1.05 * max(float(happened.max()), float(said.max()), 1e-9)
    left.plot([0, top], [0, top], color=REFERENCE, linewidth=1, linestyle="--", label="honest")
    left.plot(said, happened, color=CURRENT, marker="o", markersize=4.5, linewidth=1.4)
    left.legend(fontsize=8, frameon=False, labelcolor=SOFT)
    titled(right, "Scores by truth", "probability said", "share of the class's rows")
    edges = np.linspace(*_range(scores), _BINS + 1)
    for value, colour, name in ((0.0, REFERENCE, "label 0"), (1.0, CURRENT, "label 1")):
        chosen = scores[y == value]
        heights = np.histogram(chosen, edges)[0] / max(len(chosen), 1)
        right.stairs(heights, edges, color=colour, linewidth=1.5, label=name)
    _mark(right, threshold, f"threshold {threshold:.3g}")
    right.legend(fontsize=8, frameon=False, labelcolor=SOFT)
    return figure


def cost_by_threshold(
    thresholds: Floats, costs: Floats, *, chosen: float, baseline: float, currency: str
) -> Figure:
    """Draw what errors cost a row at each threshold, and where the model's was put.

    Args:
        thresholds: (points,) rising.
        costs: (points,) mean cost of a held-out row.
        chosen: the model's threshold.
        baseline: mean cost of a row under the cheaper constant decision.
        currency: of the costs.
    """
    figure, (axes,) = new_figure(_WIDTH, 3.2)
    titled(axes, "Cost by threshold, on the held-out rows", "threshold", f"{currency} a row")
    axes.plot(*_thinned(thresholds, costs), color=CURRENT, linewidth=1.6, label="this model")
    axes.axhline(
        baseline, color=REFERENCE, linewidth=1.2, linestyle="--", label="best constant answer"
    )
    inner = thresholds[1:-1]
    if len(inner):
        low, high = _range(inner)
        axes.set_xlim(min(low, chosen), max(high, chosen))
    _mark(axes, chosen, f"chosen on the rows it was fitted on: {chosen:.3g}")
    axes.legend(fontsize=8, frameon=False, labelcolor=SOFT)
    return figure


def confusion(y: Ints, decisions: Ints, classes: Sequence[str]) -> Figure:
    """Draw how the rows of each class were answered, as shares of the class."""
    counts = confusion_matrix(y, decisions, labels=np.arange(len(classes)))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = min(9.0, 2.6 + 0.55 * len(classes))
    figure, (axes,) = new_figure(size + 1, size)
    titled(axes, "Answers by class", "answered", "truth")
    axes.grid(visible=False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    places = np.arange(len(classes))
    names = [name if len(name) <= 14 else f"{name[:13]}…" for name in classes]
    axes.set_xticks(places, names, rotation=40 if len(classes) > 4 else 0)
    axes.set_yticks(places, names)
    if len(classes) <= _MOST_NAMED_CELLS:
        for row, column in np.ndindex(counts.shape):
            dark = shares[row, column] > 0.5
            axes.text(
                column,
                row,
                f"{counts[row, column]:,}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else INK,
            )
    return figure


def errors(y: Floats, predicted: Floats) -> Figure:
    """Draw predicted against true values, and how the errors are spread."""
    figure, (left, right) = new_figure(_WIDTH, 3.9, 1, 2)
    every = max(1, -(-len(y) // _DOTS))
    titled(left, "Predicted and true", "true value", "predicted value")
    left.scatter(
        y[::every],
        predicted[::every],
        s=6,
        color=CURRENT,
        alpha=0.35,
        linewidths=0,
        rasterized=True,
    )
    ends = _range(np.concatenate([y, predicted]))
    left.plot(ends, ends, color=REFERENCE, linewidth=1, linestyle="--", label="exact")
    left.legend(fontsize=8, frameon=False, labelcolor=SOFT)
    residuals = predicted - y
    titled(right, "Errors", "predicted − true", "share of rows")  # noqa: RUF001 - a minus
    edges = np.linspace(*_range(residuals), _BINS + 1)
    heights = np.histogram(residuals, edges)[0] / max(len(residuals), 1)
    right.stairs(heights, edges, color=CURRENT, fill=True, alpha=0.6)
    mean = float(np.mean(residuals))
    _mark(right, mean, f"mean {mean:.3g}")
    return figure


def importance(
    features: Sequence[str], means: Sequence[float], spreads: Sequence[float], *, metric: str
) -> Figure:
    """Draw how much `metric` gets worse when a feature is shuffled; most important first."""
    shown = min(len(features), _MOST_FEATURES)
    figure, (axes,) = new_figure(_WIDTH, 1.1 + 0.23 * shown)
    titled(axes, "Importance of features", f"how much worse {metric} is when it is shuffled")
    places = np.arange(shown)[::-1]
    axes.barh(places, means[:shown], color=CURRENT, height=0.62)
    axes.errorbar(
        means[:shown], places, xerr=spreads[:shown], fmt="none", ecolor=OTHER, elinewidth=1.2
    )
    axes.set_yticks(places, features[:shown])
    axes.set_ylim(-0.7, shown - 0.3)
    axes.axvline(0, color=SOFT, linewidth=0.8)
    axes.grid(visible=False, axis="y")
    return figure


def trials(scores: Mapping[str, Sequence[float]], *, metric: str) -> Figure:
    """Draw the score of every trial of each candidate; the first of each has the defaults."""
    figure, (axes,) = new_figure(_WIDTH, 1.1 + 0.45 * len(scores))
    titled(axes, "Trials of the search", f"{metric} on the rows to fit on")
    upwards = list(scores.items())[::-1]
    for place, (_, values) in enumerate(upwards):
        heights = np.full(len(values), place)
        axes.scatter(values, heights, s=26, color=REFERENCE, alpha=0.8, linewidths=0)
        axes.scatter(values[:1], heights[:1], s=30, color=CURRENT, linewidths=0)
    axes.scatter([], [], s=30, color=CURRENT, label="defaults")
    axes.scatter([], [], s=26, color=REFERENCE, label="sampled")
    axes.set_yticks(range(len(scores)), [name for name, _ in upwards])
    axes.set_ylim(-0.6, len(scores) - 0.4)
    axes.legend(fontsize=8, frameon=False, labelcolor=SOFT, ncols=2)
    return figure


def _mark(axes: Axes, place: float, text: str) -> None:
    axes.axvline(place, color=SOFT, linewidth=1, linestyle="--", label=text)
    axes.legend(fontsize=8, frameon=False, labelcolor=SOFT)


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    if len(x) <= _POINTS:
        return x, y
    kept = np.unique(np.linspace(0, len(x) - 1, _POINTS).astype(np.intp))
    return x[kept], y[kept]


def _range(values: Floats) -> tuple[float, float]:
    low, high = np.quantile(values, _SHOWN)
    return float(low), float(high) if high > low else float(low) + 1.0
