"""The names of the metrics a spec may use: for which kinds of label, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

LabelKind = Literal["binary", "multiclass", "regression"]

Constant = Literal["shares", "most_frequent", "always", "cheaper", "mean", "median", "shorth"]
"""An answer that is the same for every row: `shares` of the classes as scores; the most frequent
class; `always` the class 1; the decision that is cheaper for all rows; the mean, the median or the
middle of the shortest half (Rousseeuw and Leroy 1987) of the labels."""


@dataclass(frozen=True)
class Metric:
    """What a spec needs to know of a metric; the figures are made in `statistics.metrics`."""

    name: str
    kinds: frozenset[LabelKind]
    higher_is_better: bool
    needs_costs: bool
    baseline: Constant
    """The constant answer that does best by this metric, on the rows it is taken from."""
    low: float
    high: float
    """Where its figures lie; of a bias, its size."""


def _metric(
    name: str,
    *kinds: LabelKind,
    best: Constant,
    higher: bool = True,
    costs: bool = False,
    low: float = 0.0,
    high: float = 1.0,
) -> Metric:
    return Metric(name, frozenset(kinds), higher, costs, best, low, high)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _metric("roc_auc", "binary", best="shares"),
        _metric("average_precision", "binary", best="shares"),
        _metric("log_loss", "binary", "multiclass", best="shares", higher=False, high=inf),
        _metric("brier", "binary", best="shares", higher=False),
        _metric("accuracy", "binary", "multiclass", best="most_frequent"),
        _metric("precision", "binary", best="always"),
        _metric("recall", "binary", best="always"),
        _metric("f1", "binary", best="always"),
        _metric("cost", "binary", best="cheaper", higher=False, costs=True, high=inf),
        _metric("balanced_accuracy", "multiclass", best="most_frequent"),
        _metric("f1_macro", "multiclass", best="most_frequent"),
        _metric("mae", "regression", best="median", higher=False, high=inf),
        _metric("rmse", "regression", best="mean", higher=False, high=inf),
        _metric("r2", "regression", best="mean", low=-inf),
        _metric("median_absolute_error", "regression", best="shorth", higher=False, high=inf),
        _metric("bias", "regression", best="mean", higher=False, high=inf),
    )
}

LATENCY = "latency_p99_ms"
"""A gate's figure that is measured on the loaded model, not on held-out rows."""

DEFAULT_METRIC: dict[LabelKind, str] = {
    "binary": "roc_auc",
    "multiclass": "balanced_accuracy",
    "regression": "mae",
}


def metrics_for(kind: LabelKind, *, costs: bool) -> tuple[str, ...]:
    """Return the names of the metrics that serve labels of `kind`, in the order of reports."""
    return tuple(
        metric.name
        for metric in METRICS.values()
        if kind in metric.kinds and (costs or not metric.needs_costs)
    )


def merit(metric: str, value: float) -> float:
    """Return a figure so that more is better; of a bias, its size counts.

    Whatever is compared, with another figure or with a bound, is compared by its merit.
    """
    if metric == "bias":
        return -abs(value)
    return value if METRICS[metric].higher_is_better else -value
