"""The monitor stage: look at a partition as of its end, write down what is found, and tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from mlfactory.lake.catalog import (
    FEATURES,
    LABELS,
    METRICS,
    PARTITION,
    PREDICTIONS,
    report_page,
)
from mlfactory.lake.manifests import Manifest, manifest, read_manifests
from mlfactory.lake.store import product_store, write_text
from mlfactory.lake.tables import Lake
from mlfactory.lake.vouched import vouched_rows
from mlfactory.monitor.alerts import tell
from mlfactory.monitor.answers import from_predictions
from mlfactory.monitor.drift import drift_findings, prediction_drift_findings
from mlfactory.monitor.features import Features, Window
from mlfactory.monitor.findings import (
    DRIFT,
    NO_DATA,
    PERFORMANCE,
    PREDICTION_DRIFT,
    Finding,
    as_table,
)
from mlfactory.monitor.history import History, history_before
from mlfactory.monitor.judged import Answered, Judged, judged
from mlfactory.monitor.performance import (
    against_held_out,
    against_naive,
    figure_tells,
    performance_findings,
)
from mlfactory.monitor.picture import Picture
from mlfactory.monitor.reference import (
    Reference,
    Versions,
    reference_for,
    without_reference,
)
from mlfactory.monitor.report import page_of
from mlfactory.monitor.series import log_series
from mlfactory.monitor.service_levels import freshness, labels_in_time
from mlfactory.monitor.tables import Tables
from mlfactory.monitor.windows import measured_at
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.registry.runs import monitor_run, run_url

_DRIFTS = (DRIFT, PREDICTION_DRIFT)
_ROUNDING = 1e-9


@dataclass(frozen=True)
class MonitorResult:
    """The state of each thing judged, the report's address, and the run of the time series."""

    states: dict[str, str]
    report: str
    run_id: str


@dataclass(frozen=True, eq=False)
class _Drifts:
    """What was found of both drifts, and the features and answers of the windows it was found in.

    Attributes:
        sampled: whether the answers are some of the rows, because their window has too many.
    """

    findings: list[Finding]
    current: Window | None = None
    answers: pd.DataFrame = field(default_factory=pd.DataFrame)
    sampled: bool = False


def run(product: Product, partition: Partition) -> MonitorResult:
    """Judge `partition` by what was known at its end, and write metrics, report and time series.

    Earlier partitions are measured when their last label fell due within this one. Having no rows,
    no model, no labels or no record of what the model learned from is a state.

    Raises:
        ServiceError: MLflow cannot be reached, or the partition is being prepared or scored anew.
        IntegrityError: rows of what is measured are gone that a stage before this one wrote.
    """
    lake = Lake(product.name)
    with manifest(product, "monitor", partition.key) as record:
        measured = measured_at(product, partition)
        _note_reads(product, record, {slot.key for slot, _ in measured})
        record.inputs = lake.versions(FEATURES, LABELS, PREDICTIONS)
        tables = Tables(product, partition, (about for about, _ in measured))
        picture = _look(product, tables, partition, measured)
        history = history_before(product, partition)
        record.write(lake, METRICS, as_table(picture.findings))
        run_id = monitor_run(product)
        log_series(run_id, picture)
        report = _write_report(picture, history, run_url(run_id))
        record.counts = {"rows": picture.rows, "predictions": picture.predictions}
        record.facts = {"states": picture.states, "report": report}
    tell(picture, history.told, report)
    return MonitorResult(picture.states, report, run_id)


def _note_reads(product: Product, record: Manifest, keys: set[str]) -> None:
    """Name the runs whose output is measured; what a window adds before them is not vouched for."""
    for stage in ("prepare", "score"):
        record.has_read(*read_manifests(product.name, stage, sorted(keys)).values())


def _look(
    product: Product,
    tables: Tables,
    partition: Partition,
    measured: list[tuple[Partition, Partition]],
) -> Picture:
    reference = reference_for(product, partition)
    features = Features(product, tables)
    drifts = _drifts(product, tables, features, partition, reference)
    rows = features.rows([partition])
    found = [
        *drifts.findings,
        *_performances(product, tables, partition, reference, measured, is_empty=not rows),
    ]
    fresh = freshness(product, partition, features.newest(partition))
    found += [fresh] if fresh else []
    return Picture(
        product=product,
        partition=partition,
        reference=reference,
        current=drifts.current,
        answers=drifts.answers,
        findings=(
            Finding(partition.key, "rows", value=float(rows)),
            *found,
            *labels_in_time(product, partition),
        ),
        rows=rows,
        sampled=drifts.sampled,
        predictions=_predicted(tables, drifts, reference, partition) if reference else 0,
    )


def _predicted(tables: Tables, drifts: _Drifts, reference: Reference, partition: Partition) -> int:
    """Return how many answers of its champion a partition has."""
    if drifts.answers.empty:
        return 0
    if not drifts.sampled:
        return int((drifts.answers[PARTITION] == partition.key).sum())
    version, of_roles = reference.reign.version, tables.counted([partition])
    return of_roles.get(("champion", version), 0)


def _drifts(
    product: Product,
    tables: Tables,
    features: Features,
    partition: Partition,
    reference: Reference | None,
) -> _Drifts:
    """Look for both drifts."""
    is_empty = not features.rows([partition])
    if reference is None or is_empty:
        state = NO_DATA if is_empty else without_reference(product)
        return _Drifts([Finding(partition.key, metric, state=state) for metric in _DRIFTS])
    of_features = drift_findings(product, features, partition, reference)
    of_answers = prediction_drift_findings(product, tables, partition, reference)
    answers = tables.predictions(of_answers.slots)
    return _Drifts(
        [*of_features.findings, *of_answers.findings],
        Window(features, of_features.slots, of_features.tally),
        from_predictions(product, answers, reference.reign.version),
        sampled=not tables.whole(of_answers.slots),
    )


def _performances(
    product: Product,
    tables: Tables,
    partition: Partition,
    reference: Reference | None,
    measured: list[tuple[Partition, Partition]],
    *,
    is_empty: bool,
) -> list[Finding]:
    known, answered = Versions(product), Answered(product, tables)

    def tells(made: Judged) -> bool:
        return figure_tells(product, made, known[made.version].classes)

    found: list[Finding] = []
    for about, as_of in measured:
        made = judged(answered, about, as_of, tells)
        if as_of != partition and not _tells_more(product, about, as_of, made):
            continue
        if made:
            naive = against_naive(answered, about, as_of, known)
            fall = against_held_out(answered, about, as_of, known)
            found += performance_findings(product, about, as_of, made, known, naive, fall)
        elif about == partition:
            unjudged = reference is None and not is_empty
            absent = without_reference(product) if unjudged else NO_DATA
            found.append(Finding(about.key, PERFORMANCE, state=absent))
    return found


def _tells_more(
    product: Product, about: Partition, as_of: Partition, made: Mapping[str, Judged]
) -> bool:
    """Tell whether more labels are known of a partition than when it was measured for good."""
    if "champion" not in made:
        return False
    rows = vouched_rows(product.name, METRICS, [as_of.key], columns=["about", "metric", "value"])
    known = rows[(rows["about"] == about.key) & (rows["metric"] == "coverage")]["value"]
    return known.empty or made["champion"].coverage > float(known.iloc[-1]) + _ROUNDING


def _write_report(picture: Picture, history: History, run_address: str) -> str:
    metric = picture.product.spec.performance_metric
    page = page_of(picture, *history.watched(metric, picture.findings), run_address)
    store, name = product_store(picture.product.name), report_page(picture.partition.key)
    write_text(store, name, page.render())
    return store.address(name)
