"""The train stage: pin the data, search each candidate, fit and evaluate the best of them.

Each part leaves its file in the training's folder when all its other writes are done, and a part
that runs again finds that file: what is done stays done, what was cut short is done anew.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mlfactory.lake.catalog import FEATURES, LABELS
from mlfactory.lake.manifests import Manifest, manifest
from mlfactory.product.errors import ServiceError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.registry import runs
from mlfactory.registry.answers import Answers
from mlfactory.statistics.histograms import FeatureKind
from mlfactory.statistics.profile import profile_of
from mlfactory.train import card
from mlfactory.train.dataset import Rows, Split, constant_inputs, read_split
from mlfactory.train.evaluate import evaluate, judge
from mlfactory.train.model import fit_model
from mlfactory.train.pinning import budget_of, check_same, check_spec, pin_training
from mlfactory.train.publish import lineage, publish
from mlfactory.train.search import run_trials
from mlfactory.train.series import Series
from mlfactory.trainings import files
from mlfactory.trainings.files import FIT_KEYS, save_frame, save_profile, spec_files
from mlfactory.trainings.heldout import HeldOut, answers_frame, save_held_out
from mlfactory.trainings.records import Fitted, Search, Training, Trial, best_search
from mlfactory.trainings.split import Plan

_log = logging.getLogger(__name__)

_THREADS = 1
"""For loops inside the libraries. Two searches run at once on two cores: with two threads each they
wait for each other, and boosting took 15 s of processor time instead of 0.7."""


@dataclass(frozen=True)
class SnapshotResult:
    """What a training will read and who competes in it."""

    training_id: str
    candidates: tuple[str, ...]
    fit_rows: int
    holdout_rows: int
    fit_partitions: tuple[str, ...]
    holdout_partitions: tuple[str, ...]
    versions: dict[str, int]
    reason: str


@dataclass(frozen=True)
class SearchResult:
    """How far the search of one candidate came."""

    candidate: str
    trials: int
    metric: str
    score: float
    run_id: str


@dataclass(frozen=True)
class FitResult:
    """The fitted model of a training and its figures on the held-out rows."""

    run_id: str
    model_uri: str
    candidate: str
    metrics: dict[str, float]


def run(
    product: Product,
    partition: Partition,
    training_id: str,
    *,
    trials: int | None = None,
    seconds: int | None = None,
    candidates: Sequence[str] | None = None,
    reason: str = "",
) -> FitResult:
    """Train with the cut-off `partition`: snapshot, search of every candidate, fit."""
    pinned = snapshot(
        product,
        partition,
        training_id,
        trials=trials,
        seconds=seconds,
        candidates=candidates,
        reason=reason,
    )
    for candidate in pinned.candidates:
        search(product, training_id, candidate)
    return fit(product, training_id)


def snapshot(
    product: Product,
    partition: Partition,
    training_id: str,
    *,
    trials: int | None = None,
    seconds: int | None = None,
    candidates: Sequence[str] | None = None,
    reason: str = "",
) -> SnapshotResult:
    """Pin which rows a training reads and what it may spend, and look for leaks.

    A training that was pinned before stays as it is, whatever was written since.

    Args:
        trials: of all candidates together; the spec's by default, as are the next two.
        seconds: of the search of all candidates together.
        candidates: families that compete.
        reason: why it is trained; by default why the newest request for this cut-off was made.

    Raises:
        InsufficientData: if there are too few labelled rows, partitions or classes.
        LeakageError: if a feature gives the label away.
        UsageError: if a candidate or a budget is asked for that there cannot be, or the training
            was begun otherwise.
    """
    with manifest(product, "snapshot", partition.key, training_id) as record:
        budget = budget_of(product, trials, seconds, candidates)
        training = files.find_training(product.name, training_id)
        begun = training is not None
        if training is None:
            training = pin_training(product, partition, training_id, budget, reason)
        check_spec(training, product)
        check_same(training, partition, budget)
        # made here, so that searches which run at once find it, and an absent MLflow shows early
        run_id = runs.training_run(product, partition.key, training_id)
        with _fails_with(run_id):
            if not begun:
                training = files.pin(training, product)
                check_same(training, partition, budget)
            _log_pinned(product, training, run_id)
        _note(record, training)
    _log.info(
        "%s %s: %d rows to fit on (%s), %d held out (%s)",
        *(product.name, partition, training.fit_rows, ", ".join(training.fit_partitions)),
        *(training.holdout_rows, ", ".join(training.holdout_partitions)),
    )
    return SnapshotResult(
        training_id=training_id,
        candidates=training.candidates,
        fit_rows=training.fit_rows,
        holdout_rows=training.holdout_rows,
        fit_partitions=training.fit_partitions,
        holdout_partitions=training.holdout_partitions,
        versions=record.inputs,
        reason=training.reason,
    )


def search(product: Product, training_id: str, candidate: str) -> SearchResult:
    """Search one candidate family within its share of the training's budget.

    Raises:
        UsageError: if there is no such training, or it has no such candidate.
        InsufficientData: if the rows cannot be split to compare trials.
    """
    training = _load(product, training_id)
    name = f"{training_id}.{candidate}"
    trials, _ = training.share(candidate)
    with manifest(product, "search", training.partition, name) as record:
        found = files.search_of(training, candidate)
        if found is None:
            parent = runs.training_run(product, training.partition, training_id, reopen=False)
            run_id = runs.candidate_run(product, parent, training_id, candidate)
            with _fails_with(run_id, parent), threadpool_limits(_THREADS):
                done = _search(product, training, candidate, run_id)
            found = Search(candidate, run_id, product.spec.search_metric, trials, done)
            files.save_search(training, found)
        _finish_search(found)
        _note(record, training)
        record.counts |= {"trials": len(found.trials), "planned": found.planned}
        record.facts = {"score": found.best.score, "params": found.best.params}
    return SearchResult(candidate, len(found.trials), found.metric, found.best.score, found.run_id)


def fit(product: Product, training_id: str) -> FitResult:
    """Fit the best candidate of all searches on the fit rows, and evaluate it on the held out.

    Raises:
        UsageError: if there is no such training, or a candidate was not searched yet.
    """
    training = _load(product, training_id)
    with manifest(product, "fit", training.partition, training_id) as record:
        searches = files.all_searches(training)
        chosen = best_search(searches)
        fitted = files.find_fitted(product.name, training_id)
        run_id = runs.training_run(product, training.partition, training_id)
        with _fails_with(run_id):
            if fitted is None:
                with threadpool_limits(_THREADS):
                    fitted = _fit(product, training, searches, chosen, run_id)
                files.save_fitted(product.name, fitted)
            runs.set_tags(chosen.run_id, {"mlfactory.chosen": "true"})
        runs.finish(run_id)
        _note(record, training)
        record.facts = {
            "candidate": fitted.candidate,
            "run_id": fitted.run_id,
            "model": fitted.model,
            "digest": fitted.digest,
        }
    metrics = {name: _known(figure["value"]) for name, figure in fitted.metrics.items()}
    headline = product.spec.search_metric
    _log.info(
        "%s %s: %s, %s %.4g on %d held-out rows",
        *(product.name, training.partition, fitted.candidate),
        *(headline, metrics[headline], training.holdout_rows),
    )
    return FitResult(fitted.run_id, fitted.model_uri, fitted.candidate, metrics)


def _fit(
    product: Product, training: Training, searches: tuple[Search, ...], chosen: Search, run_id: str
) -> Fitted:
    spec, best = product.spec, chosen.best
    split = _read(product, training)
    threshold = best.threshold.value if best.threshold else None
    model = fit_model(spec, chosen.candidate, best.params, threshold, split.fit, training.seed)
    judged = judge(spec, model, split.fit, split.holdout)
    evaluation = evaluate(spec, model, judged, split.holdout, training.seed)
    _keep(product, training, split, judged.answers)
    subject = card.Subject(
        product=product,
        training=training,
        searches=searches,
        chosen=chosen,
        evaluation=evaluation,
        run_id=run_id,
        days=_days_of(split.holdout),
        constant=tuple(constant_inputs(split.fit)),
    )
    stored = publish(subject, split, judged, model)
    content = asdict(evaluation)
    return Fitted(
        training_id=training.training_id,
        run_id=run_id,
        model_uri=stored.uri,
        model=stored.address,
        digest=stored.digest,
        candidate=chosen.candidate,
        params=best.params,
        threshold=best.threshold,
        classes=judged.classes,
        search_metric=chosen.metric,
        search_score=best.score,
        naive=judged.naive,
        metrics=content["metrics"],
        slices=content["slices"],
        importance=content["importance"],
    )


def _days_of(rows: Rows) -> int | None:
    return None if rows.blocks is None else len(np.unique(rows.blocks))


def _keep(product: Product, training: Training, split: Split, said: Answers) -> None:
    """Keep with the training what judging and monitoring need, so that tables can be vacuumed."""
    rows = split.holdout
    answers = answers_frame(rows.y, rows.blocks, rows.groups, said)
    held_out = HeldOut(_as_given(rows), answers)
    save_held_out(training.product, training.training_id, held_out)
    if split.fit.times is None:
        # of a snapshot nothing but the keys tells which rows were fitted
        keys = split.fit.frame[list(product.spec.features.key)]
        save_frame(training.product, training.training_id, FIT_KEYS, keys)
    features = product.spec.features
    kinds: dict[str, FeatureKind] = {
        **dict.fromkeys(features.numeric, "numeric"),
        **dict.fromkeys(features.categorical, "categorical"),
    }
    profile = profile_of(split.fit.inputs, kinds, split.fit.times, product.calendar.every)
    save_profile(training.product, training.training_id, profile)


def _as_given(rows: Rows) -> pd.DataFrame:
    """Return the user's columns, those that are inputs in the types that models take."""
    frame = rows.frame.copy()
    for name in rows.inputs.columns:
        frame[name] = rows.inputs[name]
    return frame


def _search(product: Product, training: Training, candidate: str, run_id: str) -> tuple[Trial, ...]:
    """Search, each trial kept as it is done, and shown in MLflow each once."""
    trials, seconds = training.share(candidate)
    series = Series(run_id, product.spec.search_metric)
    before = files.trials_done(training, candidate)[:trials]

    def keep(trial: Trial) -> None:
        files.save_trial(training, candidate, trial)
        series.show(trial)

    done = run_trials(
        product,
        candidate,
        _read(product, training).fit,
        trials=trials,
        seconds=seconds,
        seed=training.seed,
        after_each=keep,
        before=before,
    )
    series.complete(done)
    return done


def _load(product: Product, training_id: str) -> Training:
    training = files.load_training(product.name, training_id)
    check_spec(training, product)
    return training


def _read(product: Product, training: Training) -> Split:
    chosen = Plan(
        training.features_version,
        training.labels_version,
        training.fit_partitions,
        training.holdout_partitions,
        left_out=dict.fromkeys(training.left_out, "left out when it was pinned"),
        share=training.portion,
    )
    return read_split(product, product.calendar.parse(training.partition), chosen)


def _log_pinned(product: Product, training: Training, run_id: str) -> None:
    """Show what was pinned with the run: enough to run the training again from it."""
    runs.set_tags(run_id, lineage(training))
    content = json.dumps(asdict(training), indent=2, sort_keys=True)
    runs.log_text(run_id, content, files.TRAINING)
    for name, text in spec_files(product).items():
        runs.log_bytes(run_id, text, name)


def _finish_search(found: Search) -> None:
    best = found.best
    runs.log_params(found.run_id, best.params)
    tags = {"mlfactory.best_trial": best.number, "mlfactory.best_score": best.score}
    runs.set_tags(found.run_id, tags)
    runs.finish(found.run_id)


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def _note(record: Manifest, training: Training) -> None:
    record.inputs = {FEATURES: training.features_version, LABELS: training.labels_version}
    record.counts = {
        "fit_rows": training.fit_rows,
        "holdout_rows": training.holdout_rows,
        "left_out": len(training.left_out),
    }
    if training.portion < 1:
        record.counts["of_rows"] = training.of_rows


@contextmanager
def _fails_with(*run_ids: str) -> Iterator[None]:
    """Mark runs as failed if what is done in them fails."""
    try:
        yield
    except BaseException:
        for run_id in run_ids:
            try:
                runs.finish(run_id, failed=True)
            except ServiceError:
                _log.warning("run %s could not be marked as failed", run_id)
        raise
