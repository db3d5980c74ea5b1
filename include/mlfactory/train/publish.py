"""What a training leaves in MLflow: where it comes from, figures, plots, the card, the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mlfactory.lake.catalog import FEATURES, LABELS, card_page
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.spec import ProductSpec
from mlfactory.registry import runs
from mlfactory.registry.models import StoredModel, log_model
from mlfactory.report import model_plots
from mlfactory.report.drawing import drawn
from mlfactory.train import card
from mlfactory.train.card import some_of
from mlfactory.train.dataset import Split
from mlfactory.train.evaluate import Judged
from mlfactory.train.threshold import cost_by_threshold
from mlfactory.trainings.heldout import LABEL
from mlfactory.trainings.records import Training

_EXAMPLE_ROWS = 5


def publish(subject: card.Subject, split: Split, judged: Judged, model: Any) -> StoredModel:
    """Log all that a training made to its run, and store the model."""
    run_id = subject.run_id
    runs.log_params(run_id, _params(subject))
    runs.set_tags(run_id, {"mlfactory.candidate": subject.chosen.candidate})
    runs.log_metrics(run_id, _metrics(subject))
    _log_datasets(subject, split)
    stored = log_model(run_id, model, _example(split.fit.inputs, subject.training.seed))
    plots = {name: drawn(figure) for name, figure in plots_of(subject, judged).items()}
    for name, plot in plots.items():
        runs.log_bytes(run_id, plot.content, f"plots/{name}.{plot.suffix}")
    heading, parts = card.title(subject), card.sections(subject, stored)
    subtitle = f"{subject.product.name}, training {subject.training.training_id}"
    runs.log_text(run_id, card.as_markdown(heading, parts), "model_card.md")
    page = card.as_page(heading, subtitle, parts, plots)
    runs.log_text(run_id, page, "model_card.html")
    # beside MLflow also in the lake, where Airflow shows it to who may see the product
    store = product_store(subject.product.name)
    store.write(card_page(subject.training.training_id), page.encode())
    return stored


def _example(inputs: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return a few rows like those that were fitted on, and none of them.

    Each column comes from other rows. They lie among the model's files, which nothing can be taken
    out of later, and may be nobody's.
    """
    random = np.random.default_rng(seed)
    rows = min(_EXAMPLE_ROWS, len(inputs))
    # blocks of rows that do not meet, so that no two columns of a row come from one
    order = random.permutation(len(inputs))
    places = {
        name: np.take(order, np.arange(place * rows, (place + 1) * rows), mode="wrap")
        for place, name in enumerate(inputs.columns)
    }
    return pd.DataFrame(
        {name: inputs[name].iloc[at].reset_index(drop=True) for name, at in places.items()}
    )


def lineage(training: Training) -> dict[str, Any]:
    """Return the tags that tell what a training was made from, as it was when it was pinned."""
    sampled = {} if training.portion >= 1 else {"mlfactory.sample": training.sampled}
    return {
        **sampled,
        "mlfactory.reason": training.reason,
        "mlfactory.features_version": training.features_version,
        "mlfactory.labels_version": training.labels_version,
        "mlfactory.fit_partitions": some_of(training.fit_partitions),
        "mlfactory.holdout_partitions": some_of(training.holdout_partitions),
        "mlfactory.spec_hash": training.spec_hash,
        "mlfactory.code_hash": training.code_hash,
        "mlfactory.code_revision": training.code_revision,
        "mlfactory.lock_hash": training.lock_hash,
        "mlfactory.seed": training.seed,
        "mlfactory.trials": training.trials,
        "mlfactory.seconds": training.seconds,
    }


def plots_of(subject: card.Subject, judged: Judged) -> dict[str, Figure]:
    """Return the plots of a model by their names."""
    spec, evaluation = subject.product.spec, subject.evaluation
    outcome = judged.outcome
    y = outcome.y.astype(np.float64)
    plots: dict[str, Figure] = {}
    if spec.label.kind == "binary":
        plots["ranking"] = model_plots.ranking(y, outcome.scores)
        threshold = subject.trial.threshold.value if subject.trial.threshold else 0.0
        plots["calibration"] = model_plots.calibration(y, outcome.scores, threshold)
        if spec.business:
            plots["cost"] = _cost_plot(spec, judged, threshold, evaluation.metrics["cost"].baseline)
    elif spec.label.kind == "multiclass":
        plots["confusion"] = model_plots.confusion(
            outcome.y.astype(np.intp), outcome.decisions.astype(np.intp), outcome.classes or ()
        )
    else:
        plots["errors"] = model_plots.errors(y, outcome.scores)
    found = evaluation.importance
    plots["importance"] = model_plots.importance(
        [one.feature for one in found],
        [one.mean for one in found],
        [one.spread for one in found],
        metric=spec.search_metric,
    )
    scores = {one.candidate: [trial.score for trial in one.trials] for one in subject.searches}
    plots["search"] = model_plots.trials(scores, metric=spec.search_metric)
    return plots


def _cost_plot(spec: ProductSpec, judged: Judged, threshold: float, baseline: float) -> Figure:
    if spec.business is None:
        raise ValueError("costs by threshold need the section business")
    thresholds, costs = cost_by_threshold(
        judged.outcome.y.astype(np.intp),
        judged.outcome.scores,
        spec.business.false_negative,
        spec.business.false_positive,
    )
    return model_plots.cost_by_threshold(
        thresholds, costs, chosen=threshold, baseline=baseline, currency=spec.business.currency
    )


def _params(subject: card.Subject) -> dict[str, Any]:
    found = subject.trial.threshold
    threshold = {} if found is None else {"threshold": found.value}
    return {
        "candidate": subject.chosen.candidate,
        "seed": subject.training.seed,
        **threshold,
        **subject.trial.params,
    }


def _metrics(subject: card.Subject) -> Mapping[str, float]:
    figures = {}
    for name, figure in subject.evaluation.metrics.items():
        figures[name] = figure.value
        figures[f"{name}_low"], figures[f"{name}_high"] = figure.low, figure.high
        figures[f"baseline_{name}"] = figure.baseline
    training = subject.training
    return {**figures, "fit_rows": training.fit_rows, "holdout_rows": training.holdout_rows}


def _log_datasets(subject: card.Subject, split: Split) -> None:
    product, training = subject.product, subject.training
    lake = Lake(product.name)
    # as the table has it: MLflow warns of whole numbers, which could not be missing
    kind = np.str_ if product.spec.label.kind == "multiclass" else np.float64
    label = pd.DataFrame({LABEL: split.fit.y.astype(kind)})
    for table, part, version, frame, context in (
        (FEATURES, "fit", training.features_version, split.fit.inputs, "training"),
        (FEATURES, "holdout", training.features_version, split.holdout.inputs, "evaluation"),
        (LABELS, "fit", training.labels_version, label, "training"),
    ):
        runs.log_dataset(
            subject.run_id,
            name=f"{product.name}.{table}.{part}",
            table_path=lake.address(table),
            version=version,
            frame=frame,
            context=context,
        )
