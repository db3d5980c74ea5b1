"""The monitor stage: look at a partition as of its end, write down what is found, and tell."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from mlfactory.lake.catalog import report_page
from mlfactory.lake.manifests import manifest
from mlfactory.lake.store import product_store, write_text
from mlfactory.lake.tables import Lake
from mlfactory.monitor.alerts import tell
from mlfactory.monitor.answers import from_predictions
from mlfactory.monitor.drift import drift_findings, prediction_drift_findings
from mlfactory.monitor.findings import (
    CHALLENGER,
    DRIFT,
    FRESHNESS,
    NO_DATA,
    PERFORMANCE,
    PREDICTION_DRIFT,
    Finding,
    as_table,
)
from mlfactory.monitor.history import told_already, watched_metric
from mlfactory.monitor.performance import due, judged, performance_findings, settled
from mlfactory.monitor.picture import Picture
from mlfactory.monitor.reference import (
    Reference,
    classes_of,
    columns,
    reference_for,
    without_reference,
)
from mlfactory.monitor.report import page_of
from mlfactory.monitor.service_levels import freshness
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.registry.runs import log_metrics, monitor_run, run_url

_NOT_IN_A_NAME = re.compile(r"[^\w\-. /]")
"""What MLflow does not allow in the name of a metric."""

_AT_ONCE = {"rows", DRIFT, PREDICTION_DRIFT, FRESHNESS}
"""Metrics that are known for good when their partition ends; the others wait for labels."""


@dataclass(frozen=True)
class MonitorResult:
    """The state of each thing judged, the report's address, and the run of the time series."""

    states: dict[str, str]
    report: str
    run_id: str


def run(product: Product, partition: Partition) -> MonitorResult:
    """Judge `partition` by what was known at its end, and write metrics, report and time series.

    Earlier partitions are measured again if labels of theirs can have arrived since. Having no
    rows, no model or no labels is a state.

    Raises:
        ServiceError: MLflow cannot be reached.
    """
    lake = Lake(product.name)
    with manifest(product, "monitor", partition.key) as record:
        record.inputs = lake.versions("features", "labels", "predictions")
        picture = _look(product, partition)
        version = lake.replace("metrics", as_table(picture.findings), partition.key)
        record.outputs = {"metrics": version}
        run_id = monitor_run(product)
        _log_series(run_id, picture)
        report = _write_report(picture, run_url(run_id))
        record.counts = {"rows": len(picture.current), "predictions": len(picture.answers)}
        record.facts = {"states": picture.states, "report": report}
    tell(picture, told_already(product, partition), report)
    return MonitorResult(picture.states, report, run_id)


def _look(product: Product, partition: Partition) -> Picture:
    lake = Lake(product.name)
    reference = reference_for(product, partition)
    current = lake.read("features", [partition.key], columns=columns(product))
    answers = from_predictions(product, partition)
    return Picture(
        product=product,
        partition=partition,
        reference=reference,
        current=current,
        answers=answers,
        findings=(
            Finding(partition.key, "rows", value=float(len(current))),
            *_drifts(product, partition, reference, current, answers),
            *_performances(product, partition, reference, len(current)),
            *[one for one in [freshness(product, partition)] if one is not None],
        ),
    )


def _drifts(
    product: Product,
    partition: Partition,
    reference: Reference | None,
    current: pd.DataFrame,
    answers: pd.DataFrame,
) -> list[Finding]:
    if current.empty or reference is None:
        absent = NO_DATA if current.empty else without_reference(product)
        return [
            Finding(partition.key, metric, state=absent) for metric in (DRIFT, PREDICTION_DRIFT)
        ]
    return [
        *drift_findings(product, partition, reference, current),
        *prediction_drift_findings(product, partition, reference, answers),
    ]


def _performances(
    product: Product, partition: Partition, reference: Reference | None, rows: int
) -> list[Finding]:
    found: list[Finding] = []
    for about in due(product, partition):
        made = judged(product, about, partition)
        if made:
            found += performance_findings(
                product, about, made, lambda version: classes_of(product, version)
            )
        elif about == partition:
            absent = without_reference(product) if rows and reference is None else NO_DATA
            found.append(Finding(about.key, PERFORMANCE, state=absent))
    return found


def _log_series(run_id: str, picture: Picture) -> None:
    """Log the findings with the partition as step, so that logging them again adds nothing.

    A partition's performance is logged once its last label has arrived: MLflow keeps every value
    it was ever given for a step.
    """
    product, partition = picture.product, picture.partition
    for about in due(product, partition):
        found = picture.about(about.key)
        figures = {
            name: one.value
            for one in found
            if one.value is not None
            and (name := _series(one))
            and (one.metric in _AT_ONCE or settled(product, about, partition))
        }
        moment = 0 if product.calendar.is_snapshot else int(about.start.timestamp() * 1000)
        log_metrics(
            run_id, figures, step=product.calendar.ordinal(about), timestamp_ms=max(0, moment)
        )


def _series(one: Finding) -> str:
    """Return the name of a finding's time series, such as `performance.roc_auc`."""
    if one.metric in (DRIFT, PREDICTION_DRIFT):
        name = f"{one.metric}.{one.slice or 'max_ratio'}"
    elif one.metric == FRESHNESS:
        name = "freshness_hours"
    elif one.metric in ("rows", "coverage"):
        name = one.metric
    elif one.metric == PERFORMANCE:
        return ""  # the watched metric, which is there under its own name
    elif one.slice in ("", CHALLENGER):
        name = f"{one.slice or 'performance'}.{one.metric}"
    else:
        name = f"performance.{one.metric}.{one.slice}"
    return _NOT_IN_A_NAME.sub("_", name)


def _write_report(picture: Picture, run_address: str) -> str:
    measured, in_shadow = watched_metric(picture.product, picture.partition)
    page = page_of(picture, measured, in_shadow, run_address)
    store, name = product_store(picture.product.name), report_page(picture.partition.key)
    write_text(store, name, page.render())
    return store.address(name)
