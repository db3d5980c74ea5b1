"""The page about a partition: its states, the model, drift, predictions and performance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from mlfactory.lake import ledger
from mlfactory.monitor.answers import ANSWER, SCORE
from mlfactory.monitor.findings import (
    CHALLENGER,
    DRIFT,
    FRESHNESS,
    NO_MODEL,
    PERFORMANCE,
    PREDICTION_DRIFT,
    SEEN,
    Finding,
)
from mlfactory.monitor.picture import Picture
from mlfactory.monitor.reference import Reference, without_reference
from mlfactory.product.metrics import metrics_for
from mlfactory.registry.versions import version_url
from mlfactory.report.monitor_plots import (
    Distribution,
    Measurement,
    distributions,
    history,
    scores,
)
from mlfactory.report.page import Link, Page

_FEATURES_DRAWN, _FEATURES_LISTED = 6, 40
_NAMES = {
    DRIFT: "Data drift",
    PREDICTION_DRIFT: "Prediction drift",
    PERFORMANCE: "Performance",
    FRESHNESS: "Freshness",
}
_ABSENT = {
    "no_data": "no rows in this partition",
    NO_MODEL: "no model that has not seen this partition",
    SEEN: "every model has seen the only partition",
    "no_labels": "no label has arrived yet",
    "insufficient": "too few rows to judge",
}
_WITHOUT = {
    NO_MODEL: "There is no model for this partition: none was promoted before it, so nothing is "
    "predicted, and there is nothing that the data could have drifted from.",
    SEEN: "Every model has seen this partition, the only one: it was predicted by none, and there "
    "is nothing that the data could have drifted from. The champion is in the registry, for others "
    "to serve.",
}


def page_of(
    picture: Picture,
    measured: Sequence[Measurement],
    in_shadow: Sequence[Measurement],
    run_address: str,
) -> Page:
    """Return the page.

    Args:
        measured: the watched metric of the champion over partitions.
        in_shadow: the same of the challenger.
        run_address: of the MLflow run with the time series.
    """
    product = picture.product
    page = Page(
        f"{product.spec.title or product.name}",
        f"{product.name} · {_span(picture)} · {len(picture.current):,} rows",
    )
    page.states(
        (_NAMES[name], state, _note(picture, name, state)) for name, state in picture.states.items()
    )
    _model(page, picture, run_address)
    if picture.reference is not None and len(picture.current):
        _drift(page, picture, picture.reference)
        if len(picture.answers):
            _predictions(page, picture, picture.reference)
    if measured:
        _performance(page, picture, measured, in_shadow)
    return page


def _span(picture: Picture) -> str:
    if picture.product.calendar.is_snapshot:
        return "snapshot"
    return f"{picture.product.calendar.every} of {picture.partition}"


def _note(picture: Picture, name: str, state: str) -> str:
    if state in _ABSENT:
        return _ABSENT[state]
    found = picture.summary(name)
    if found is None or found.value is None:
        return ""
    if name in (DRIFT, PREDICTION_DRIFT):
        drifted, ranked = picture.drifted(name), picture.ranked(name)
        if drifted:
            return f"{len(drifted)} of {len(ranked)} columns; {picture.drift_figures(name)}"
        if len(ranked) == 1:
            return f"{ranked[0].slice} {ranked[0].value:.2g}, bound {ranked[0].bound:.2g}"
        return f"none of {len(ranked)} columns is beyond its bound"
    if name == FRESHNESS:
        return f"newest event {found.value:.1f} hours before the end, bound {found.bound:.0f}"
    metric = picture.product.spec.performance_metric
    bound = "no bound is set" if found.bound is None else f"bound {found.bound:g}"
    return f"{metric} {found.value:.4g} ({_interval(found)}), {bound}"


def _interval(found: Finding) -> str:
    if found.low is None or found.high is None or np.isnan(found.low):
        return "no interval"
    return f"{found.low:.4g} to {found.high:.4g}"


def _model(page: Page, picture: Picture, run_address: str) -> None:
    page.section("Model")
    product, reference = picture.product, picture.reference
    if reference is None:
        page.paragraph(_WITHOUT[without_reference(product)]).facts(
            {"Time series": Link("MLflow run of the monitor", run_address)}
        )
        return
    version = reference.reign.version
    facts = {
        "Champion": Link(f"{product.name}, version {version}", version_url(product.name, version)),
        "Fitted on": f"{_listed(reference.partitions)} ({len(reference.features):,} rows)",
        "Seen through": reference.reign.seen_through,
        "Promoted because": reference.reason,
    }
    challenger = ledger.challenger_for(product, picture.partition)
    if challenger is not None:
        facts["In shadow"] = Link(
            f"version {challenger.version}", version_url(product.name, challenger.version)
        )
    page.facts({**facts, "Time series": Link("MLflow run of the monitor", run_address)})


def _listed(partitions: Sequence[str]) -> str:
    if len(partitions) <= 2:
        return " and ".join(partitions)
    return f"{partitions[0]} to {partitions[-1]}"


def _drift(page: Page, picture: Picture, reference: Reference) -> None:
    drift = picture.product.spec.monitor.drift
    calm = f"{100 * (1 - drift.false_alarm_rate):.4g} %"
    page.section("Data drift")
    page.paragraph(
        "How far each feature is from what the champion learned from, as a share of the rows: "
        "the Kolmogorov-Smirnov distance of numbers, the total variation of categories. The "
        f"bounds are what chance alone stays within in {calm} of the partitions without drift, "
        "for all features together. A feature beyond its bound is a warning, "
        f"and an alert if its distance is at least {drift.effect_at_least:g}."
    )
    ranked = picture.ranked()
    page.table(
        ["Feature", "Distance", "Bound", "Distance / bound", "State"],
        [
            [one.slice, one.value, one.bound, _times(one), one.state or "insufficient"]
            for one in ranked[:_FEATURES_LISTED]
        ],
        state_column="State",
    )
    if len(ranked) > _FEATURES_LISTED:
        page.paragraph(f"{len(ranked) - _FEATURES_LISTED} more are in the table `metrics`.")
    shown = [one.slice for one in ranked[:_FEATURES_DRAWN]]
    if shown:
        numeric = set(picture.product.spec.features.numeric)
        pairs = [
            Distribution(name, reference.features[name], picture.current[name], name in numeric)
            for name in shown
        ]
        page.figure(distributions(pairs), "The features furthest beyond their bounds")


def _times(one: Finding) -> float | None:
    return one.value / one.bound if one.value is not None and one.bound else None


def _predictions(page: Page, picture: Picture, reference: Reference) -> None:
    page.section("Predictions")
    spec = picture.product.spec
    name = {"binary": f"probability of {spec.label.column}", "regression": spec.label.column}.get(
        spec.label.kind, "probability of the chosen class"
    )
    now, before = (
        frame[SCORE].to_numpy(dtype=np.float64) for frame in (picture.answers, reference.answers)
    )
    facts = {"Mean now": float(np.mean(now)), "Mean on the held-out rows": float(np.mean(before))}
    if reference.threshold is not None:
        facts["Share at or above the threshold now"] = float(np.mean(now >= reference.threshold))
        facts["The same on the held-out rows"] = float(np.mean(before >= reference.threshold))
    page.facts(facts)
    page.figure(
        scores(before, now, name=name, threshold=reference.threshold),
        "What the champion says now, and what it said about the rows that it was judged by",
    )
    if ANSWER in picture.answers:
        pair = Distribution(
            "chosen class", reference.answers[ANSWER], picture.answers[ANSWER], numeric=False
        )
        page.figure(distributions([pair]), "How often each class is chosen")


def _performance(
    page: Page, picture: Picture, measured: Sequence[Measurement], in_shadow: Sequence[Measurement]
) -> None:
    spec = picture.product.spec
    bounds = spec.monitor.performance
    page.section("Performance")
    page.figure(
        history(
            measured,
            in_shadow,
            metric=spec.performance_metric,
            warn=bounds.warn,
            alert=bounds.alert,
        ),
        f"{spec.performance_metric} with its 95 % interval, by the partition it is about",
    )
    for about in sorted({one.about for one in picture.findings}, reverse=True):
        rows = list(_figures(picture, about))
        if rows:
            page.paragraph(_known_of(picture, about))
            page.table(["Metric", "Champion", "from", "to", "Challenger"], rows)
    slices = [one for one in picture.findings if "=" in one.slice and one.metric != DRIFT]
    if slices:
        page.paragraph(f"{spec.performance_metric} for each value of the sensitive columns:")
        page.table(
            ["About", "Slice", spec.performance_metric],
            [[one.about, one.slice, one.value] for one in slices],
        )


def _figures(picture: Picture, about: str) -> Iterator[list[object]]:
    spec = picture.product.spec
    found = picture.about(about)
    for metric in metrics_for(spec.label.kind, costs=spec.business is not None):
        one = next((one for one in found if (one.metric, one.slice) == (metric, "")), None)
        if one is not None:
            challenger = _value(found, metric, CHALLENGER)
            name = metric
            if metric == "cost" and spec.business:
                name = f"cost of a prediction, {spec.business.currency}"
            yield [name, one.value, one.low, one.high, challenger]


def _known_of(picture: Picture, about: str) -> str:
    """Return how much is known of a partition, and what the errors known so far have cost."""
    found, business = picture.about(about), picture.product.spec.business
    text = f"{about}, by the labels of {_value(found, 'coverage') or 0:.1%} of its predictions"
    total, other = _value(found, "total_cost"), _value(found, "total_cost", CHALLENGER)
    if total is None or business is None:
        return f"{text}:"
    text += f"; its errors cost {total:,.0f} {business.currency}"
    return (
        f"{text}:" if other is None else f"{text}, the challenger's would have cost {other:,.0f}:"
    )


def _value(found: Sequence[Finding], metric: str, of: str = "") -> float | None:
    return next((one.value for one in found if (one.metric, one.slice) == (metric, of)), None)
