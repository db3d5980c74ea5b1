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
    LABELS_IN_TIME,
    NAIVE,
    NO_MODEL,
    NO_REFERENCE,
    PERFORMANCE,
    PREDICTION_DRIFT,
    SAMPLE,
    SEEN,
    Finding,
)
from mlfactory.monitor.picture import Picture, performance_in_words
from mlfactory.monitor.reference import Reference, without_reference
from mlfactory.product.metrics import metrics_for
from mlfactory.registry.versions import version_url
from mlfactory.report.drawing import drawn
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
    LABELS_IN_TIME: "Labels in time",
}
_ABSENT = {
    "no_data": "no rows in this partition",
    NO_MODEL: "no model that has not seen this partition",
    SEEN: "every model has seen the only partition",
    "no_labels": "no label has arrived yet",
    NO_REFERENCE: "the record of what the champion learned from is lost",
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
        f"{product.name} · {_span(picture)} · {picture.rows:,} rows",
    )
    page.states(
        (_NAMES[name], state, _note(picture, name, state)) for name, state in picture.states.items()
    )
    _model(page, picture, run_address)
    if picture.reference is not None and picture.rows:
        _drift(page, picture, picture.reference)
        if picture.predictions:
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
    if name == LABELS_IN_TIME:
        late = [one for one in picture.findings if one.metric == LABELS_IN_TIME]
        return ", ".join(f"{one.value:.1%} of {one.about} have one" for one in late)
    found = picture.summary(name)
    window = "" if found is None else _window(picture, found)
    if name == PERFORMANCE and found is not None and found.value is not None:
        return performance_in_words(picture, found, interval=True, window=window)
    if state == "insufficient":
        return f"too little{window} to tell a large change from chance"
    if found is None or found.value is None:
        return ""
    if name in (DRIFT, PREDICTION_DRIFT):
        drifted, ranked = picture.drifted(name), picture.ranked(name)
        unsure = sum(one.state == "insufficient" for one in ranked)
        rest = f"; {unsure} cannot be told" if unsure else ""
        if state in ("alert", "warn"):
            figures = picture.drift_figures(name)
            return f"{len(drifted)} of {len(ranked)} columns{window}; {figures}{rest}"
        if len(ranked) == 1:
            return f"{ranked[0].slice} {ranked[0].value:.2g}, bound {ranked[0].bound:.2g}{window}"
        return f"none of {len(ranked)} columns is beyond its bound{window}{rest}"
    return f"newest event {found.value:.1f} hours before the end, bound {found.bound:.0f}"


def _window(picture: Picture, found: Finding) -> str:
    """Return since when was measured, where that is before the partition itself."""
    if found.since in (None, picture.partition.key):
        return ""
    return f" since {found.since}"


def _model(page: Page, picture: Picture, run_address: str) -> None:
    page.section("Model")
    product, reference = picture.product, picture.reference
    if reference is None:
        page.paragraph(_WITHOUT[without_reference(product)]).facts(
            {"Time series": Link("MLflow run of the monitor", run_address)}
        )
        return
    version = reference.reign.version
    facts: dict[str, object] = {
        "Champion": Link(f"{product.name}, version {version}", version_url(product.name, version)),
        "Seen through": reference.reign.seen_through,
        "Promoted because": reference.reason,
    }
    if reference.training is not None:
        learned = reference.training
        facts["Fitted on"] = f"{_listed(learned.fit_partitions)} ({learned.fit_rows:,} rows)"
    if reference.problems:
        facts["Lost"] = "; ".join(reference.problems)
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
    ranked, all_of_it = picture.ranked(), picture.summary(DRIFT)
    if all_of_it is not None and all_of_it.since not in (None, picture.partition.key):
        page.paragraph(
            f"The partition alone could not tell, so the rows since {all_of_it.since} are compared."
        )
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
    _unmatched(page, picture)
    profile = reference.features
    shown = [one.slice for one in picture.drifted() if one.why is None][:_FEATURES_DRAWN]
    if shown and profile is not None and picture.current is not None:
        pairs = [picture.current.distribution(name, profile.features[name]) for name in shown]
        page.figure(drawn(distributions(pairs)), "The features furthest beyond their bounds")


def _unmatched(page: Page, picture: Picture) -> None:
    """Name the features that only one side knows."""
    for why, words in (
        ("gone", "The champion learned from features that are gone, or of another kind now"),
        ("new", "The champion does not know these features, which were added since"),
    ):
        names = [one.slice for one in picture.about() if one.metric == DRIFT and one.why == why]
        if names:
            page.paragraph(f"{words}: {', '.join(names)}.")


def _times(one: Finding) -> float | None:
    return one.value / one.bound if one.value is not None and one.bound else None


def _predictions(page: Page, picture: Picture, reference: Reference) -> None:
    page.section("Predictions")
    if picture.sampled:
        page.paragraph(
            f"Means and pictures are of {len(picture.answers):,} answers, chosen by a hash of the "
            "event's key; drift is counted on all of them."
        )
    spec = picture.product.spec
    name = {"binary": f"probability of {spec.label.column}", "regression": spec.label.column}.get(
        spec.label.kind, "probability of the chosen class"
    )
    now = picture.answers[SCORE].to_numpy(dtype=np.float64)
    facts = {"Mean now": float(np.mean(now))}
    said = reference.said
    before = None if said is None else said[SCORE].to_numpy(dtype=np.float64)
    if before is not None:
        facts["Mean on the held-out rows"] = float(np.mean(before))
    if reference.threshold is not None:
        facts["Share at or above the threshold now"] = float(np.mean(now >= reference.threshold))
        if before is not None:
            share = float(np.mean(before >= reference.threshold))
            facts["The same on the held-out rows"] = share
    page.facts(facts)
    if before is None or not picture.drifted(PREDICTION_DRIFT):
        return
    page.figure(
        drawn(scores(before, now, name=name, threshold=reference.threshold)),
        "What the champion says now, and what it said about the rows that it was judged by",
    )
    if ANSWER in picture.answers and reference.answers is not None:
        chosen = reference.answers.features[ANSWER]
        now_chosen = chosen.tally(picture.answers[ANSWER].to_numpy())
        pair = Distribution("chosen class", chosen, tallied=now_chosen)
        page.figure(drawn(distributions([pair])), "How often each class is chosen")


def _performance(
    page: Page, picture: Picture, measured: Sequence[Measurement], in_shadow: Sequence[Measurement]
) -> None:
    spec = picture.product.spec
    bounds = spec.monitor.performance
    page.section("Performance")
    page.figure(
        drawn(
            history(
                measured,
                in_shadow,
                metric=spec.performance_metric,
                warn=bounds.warn,
                alert=bounds.alert,
            )
        ),
        f"{spec.performance_metric} with its 95 % interval, by the partition it is about",
    )
    for about in sorted({one.about for one in picture.findings}, reverse=True):
        rows = list(_figures(picture, about))
        if rows:
            page.paragraph(_known_of(picture, about))
            page.table(["Metric", "Champion", "from", "to", "Challenger", "Naive answer"], rows)
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
        one = next(
            (one for one in reversed(found) if (one.metric, one.slice) == (metric, "")), None
        )
        if one is not None:
            challenger = _value(found, metric, CHALLENGER)
            name = metric
            if metric == "cost" and spec.business:
                name = f"cost of a prediction, {spec.business.currency}"
            naive = next(
                (it.value for it in found if it.metric == NAIVE and it.why == metric), None
            )
            yield [name, one.value, one.low, one.high, challenger, naive]


def _known_of(picture: Picture, about: str) -> str:
    """Return how much is known of a partition, and what the errors known so far have cost."""
    found, business = picture.about(about), picture.product.spec.business
    text = f"{about}, by the labels of {_value(found, 'coverage') or 0:.1%} of its predictions"
    watched = (picture.product.spec.performance_metric, "")
    since = next((one.since for one in found if (one.metric, one.slice) == watched), None) or about
    text += "" if since == about else f" and of those since {since}"
    looked_at = next((one for one in found if one.metric == SAMPLE), None)
    if looked_at is not None:
        text += (
            f", on {looked_at.value:,.0f} of {looked_at.bound:,.0f} rows, chosen by a hash of "
            "their key"
        )
    total, other = _value(found, "total_cost"), _value(found, "total_cost", CHALLENGER)
    if total is None or business is None:
        return f"{text}:"
    text += f"; its errors cost {total:,.0f} {business.currency}"
    return (
        f"{text}:" if other is None else f"{text}, the challenger's would have cost {other:,.0f}:"
    )


def _value(found: Sequence[Finding], metric: str, of: str = "") -> float | None:
    named = (one.value for one in reversed(found) if (one.metric, one.slice) == (metric, of))
    return next(named, None)
