"""The monitor's time series in MLflow: one run a product, with the partition as step."""

from __future__ import annotations

import hashlib
import re

from mlfactory.monitor.findings import (
    CHALLENGER,
    DRIFT,
    FRESHNESS,
    LABELS_IN_TIME,
    NAIVE,
    PERFORMANCE,
    PREDICTION_DRIFT,
    Finding,
)
from mlfactory.monitor.picture import Picture
from mlfactory.monitor.windows import settled_at
from mlfactory.registry.runs import log_metrics

_NOT_IN_A_NAME = re.compile(r"[^\w\-. ]", re.ASCII)
"""What is not in the name of a metric: MLflow refuses most of it, and takes `/` and `..` for
parts of a path."""

_LONGEST = 200

_AT_ONCE = {"rows", DRIFT, PREDICTION_DRIFT, FRESHNESS}
"""Metrics that are known for good when their partition ends; the others wait for labels."""


def log_series(run_id: str, picture: Picture) -> None:
    """Log the findings with the partition as step, so that logging them again adds nothing.

    A partition's performance is logged once its last label has arrived: MLflow keeps every value
    it was ever given for a step.
    """
    product = picture.product
    for key in dict.fromkeys(one.about for one in picture.findings):
        about = product.calendar.parse(key)
        settled = settled_at(product, about)
        figures: dict[str, float] = {}
        for one in picture.about(key):
            known = product.calendar.parse(one.as_of) if one.as_of else picture.partition
            late = one.metric not in _AT_ONCE and known.start < settled.start
            if one.value is not None and not late and (name := series_name(one)):
                figures[name] = one.value
        moment = 0 if product.calendar.is_snapshot else int(about.start.timestamp() * 1000)
        log_metrics(
            run_id, figures, step=product.calendar.ordinal(about), timestamp_ms=max(0, moment)
        )


def series_name(one: Finding) -> str:
    """Return the name of a finding's time series, such as `performance.roc_auc`.

    A name that has to be changed for MLflow ends in a digest, so that no two become one.
    """
    if one.metric in (DRIFT, PREDICTION_DRIFT):
        name = f"{one.metric}.{one.slice or 'max_ratio'}"
    elif one.metric == FRESHNESS:
        name = "freshness_hours"
    elif one.metric in ("rows", "coverage"):
        name = one.metric
    elif one.metric in (PERFORMANCE, LABELS_IN_TIME):
        return ""  # the watched metric, and the coverage, which are there under their own names
    elif one.metric == NAIVE or one.slice in ("", CHALLENGER):
        name = f"{one.slice or 'performance'}.{one.metric}"
    else:
        name = f"performance.{one.metric}.{one.slice}"
    fit = _NOT_IN_A_NAME.sub("_", name)[:_LONGEST]
    if fit == name:
        return name
    return f"{fit}.{hashlib.sha256(name.encode()).hexdigest()[:8]}"
