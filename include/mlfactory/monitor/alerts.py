"""Alerts: one line in the log for each thing that is in alert, and none when all is well."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from mlfactory.monitor.findings import (
    ALERT,
    DRIFT,
    LABELS_IN_TIME,
    PERFORMANCE,
    PREDICTION_DRIFT,
    Finding,
)
from mlfactory.monitor.picture import JUDGED, Picture, performance_in_words

_log = logging.getLogger(__name__)


def tell(picture: Picture, told: set[str], report: str) -> None:
    """Log a warning for each thing in alert.

    Args:
        told: earlier partitions whose performance was found in alert before; not told again.
        report: the page to look at.
    """
    if "log" not in picture.product.spec.monitor.alerts:
        return
    for about, what in _alerts(picture, told):
        _log.warning("%s %s: %s; see %s", picture.product.name, about, what, report)


def _alerts(picture: Picture, told: set[str]) -> Iterator[tuple[str, str]]:
    seen = set()
    for one in picture.findings:
        if one.state != ALERT or one.slice or one.metric not in JUDGED:
            continue
        if (one.metric, one.about) in seen:
            continue
        seen.add((one.metric, one.about))
        if one.metric == PERFORMANCE and one.about in told and one.about != picture.partition.key:
            continue
        yield one.about, _words(picture, one)


def _words(picture: Picture, one: Finding) -> str:
    if one.metric in (DRIFT, PREDICTION_DRIFT):
        what = "the data drifted" if one.metric == DRIFT else "the predictions drifted"
        return f"{what}: {picture.drift_figures(one.metric)}"
    if one.metric == PERFORMANCE:
        return f"performance is in alert: {performance_in_words(picture, one)}"
    if one.metric == LABELS_IN_TIME:
        return f"labels are overdue: {one.value:.1%} of its events have one, bound {one.bound:.0%}"
    return f"the newest event is {one.value:.0f} hours old, bound {one.bound:.0f}"
