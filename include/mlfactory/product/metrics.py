"""The names of the metrics a spec may use: for which kinds of label, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

LabelKind = Literal["binary", "multiclass", "regression"]


@dataclass(frozen=True)
class Metric:
    """What a spec needs to know of a metric; the figures are made in `statistics.metrics`."""

    name: str
    kinds: frozenset[LabelKind]
    higher_is_better: bool
    needs_costs: bool
    low: float
    high: float
    """Where its figures lie; of a bias, its size."""


def _metric(
    name: str,
    *kinds: LabelKind,
    higher: bool = True,
    costs: bool = False,
    low: float = 0.0,
    high: float = 1.0,
) -> Metric:
    return Metric(name, frozenset(kinds), higher, costs, low, high)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        _metric("roc_auc", "binary"),
        _metric("average_precision", "binary"),
        _metric("log_loss", "binary", "multiclass", higher=False, high=inf),
        _metric("brier", "binary", higher=False),
        _metric("accuracy", "binary", "multiclass"),
        _metric("precision", "binary"),
        _metric("recall", "binary"),
        _metric("f1", "binary"),
        _metric("cost", "binary", higher=False, costs=True, high=inf),
        _metric("balanced_accuracy", "multiclass"),
        _metric("f1_macro", "multiclass"),
        _metric("mae", "regression", higher=False, high=inf),
        _metric("rmse", "regression", higher=False, high=inf),
        _metric("r2", "regression", low=-inf),
        _metric("median_absolute_error", "regression", higher=False, high=inf),
        _metric("bias", "regression", higher=False, high=inf),
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
