"""The train stage: pin the data, search each candidate, fit and evaluate the best of them.

Each part leaves its file in the training's folder when all its other writes are done, and a part
that runs again finds that file: what is done stays done, what was cut short is done anew.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mlfactory.lake.catalog import training_file
from mlfactory.lake.manifests import Manifest, manifest
from mlfactory.lake.store import find_json, product_store, write_json
from mlfactory.product.errors import ServiceError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.registry import runs
from mlfactory.train import card
from mlfactory.train.dataset import Pinned, Split, read_split
from mlfactory.train.evaluate import evaluate, judge
from mlfactory.train.found import (
    Found,
    Trial,
    all_searches,
    best_search,
    save_search,
    search_of,
)
from mlfactory.train.model import fit_baseline, fit_model
from mlfactory.train.pinning import budget_of, check_same, pin_training
from mlfactory.train.publish import publish
from mlfactory.train.search import run_trials
from mlfactory.train.training import (
    FIT_FILE,
    Training,
    find_training,
    load_training,
    save_training,
)

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
        training = find_training(product, training_id)
        if training is None:
            training = pin_training(product, partition, training_id, budget, reason)
        check_same(training, partition, budget)
        # made here, so that searches which run at once find it, and an absent MLflow shows early
        runs.training_run(product, partition.key, training_id)
        save_training(training)
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
    training = load_training(product, training_id)
    trials, seconds = training.share(candidate)
    name = f"{training_id}.{candidate}"
    with manifest(product, "search", training.partition, name) as record:
        found = search_of(training, candidate)
        if found is None:
            run_id = _candidate_run(product, training, candidate)
            metric = product.spec.search_metric

            def log(trial: Trial) -> None:
                figures = {metric: trial.score, "trial_seconds": trial.seconds}
                runs.log_metrics(run_id, figures, step=trial.number)

            with _fails_with(run_id), threadpool_limits(_THREADS):
                done = run_trials(
                    product,
                    candidate,
                    _read(product, training).fit,
                    trials=trials,
                    seconds=seconds,
                    seed=training.seed,
                    after_each=log,
                )
            found = Found(candidate, run_id, metric, trials, done)
            save_search(training, found)
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
    training = load_training(product, training_id)
    store, name = product_store(product.name), training_file(training_id, FIT_FILE)
    with manifest(product, "fit", training.partition, training_id) as record:
        searches = all_searches(training)
        chosen = best_search(searches)
        content = find_json(store, name)
        run_id = runs.training_run(product, training.partition, training_id)
        if not content:
            with _fails_with(run_id), threadpool_limits(_THREADS):
                content = _fit(product, training, searches, chosen, run_id)
            write_json(store, name, content)
        runs.set_tags(chosen.run_id, {"mlfactory.chosen": "true"})
        runs.finish(run_id)
        _note(record, training)
        record.facts = {name: content[name] for name in ("candidate", "run_id", "model_uri")}
    metrics = {name: figure["value"] for name, figure in content["metrics"].items()}
    headline = product.spec.search_metric
    _log.info(
        "%s %s: %s, %s %.4g on %d held-out rows",
        *(product.name, training.partition, content["candidate"]),
        *(headline, metrics[headline], training.holdout_rows),
    )
    return FitResult(content["run_id"], content["model_uri"], content["candidate"], metrics)


def _fit(
    product: Product, training: Training, searches: tuple[Found, ...], chosen: Found, run_id: str
) -> dict[str, Any]:
    spec, best = product.spec, chosen.best
    split = _read(product, training)
    model = fit_model(spec, chosen.candidate, best.params, best.threshold, split.fit, training.seed)
    judged = judge(spec, model, fit_baseline(spec, split.fit), split.holdout)
    evaluation = evaluate(spec, model, judged, split.holdout, training.seed)
    blocks = len(set(split.holdout.blocks.tolist()))
    subject = card.Subject(product, training, searches, chosen, evaluation, run_id, blocks)
    model_uri = publish(subject, split, judged, model)
    return {
        "training_id": training.training_id,
        "run_id": run_id,
        "model_uri": model_uri,
        "candidate": chosen.candidate,
        "params": best.params,
        "threshold": best.threshold,
        "classes": judged.classes,
        "search_metric": chosen.metric,
        "search_score": best.score,
        **evaluation.as_json(),
    }


def _read(product: Product, training: Training) -> Split:
    pinned = Pinned(
        training.features_version,
        training.labels_version,
        training.fit_partitions,
        training.holdout_partitions,
    )
    return read_split(product, product.calendar.parse(training.partition), pinned)


def _candidate_run(product: Product, training: Training, candidate: str) -> str:
    parent = runs.training_run(product, training.partition, training.training_id)
    return runs.candidate_run(product, parent, candidate)


def _finish_search(found: Found) -> None:
    best = found.best
    runs.log_params(found.run_id, best.params)
    tags = {"mlfactory.best_trial": best.number, "mlfactory.best_score": best.score}
    runs.set_tags(found.run_id, tags)
    runs.finish(found.run_id)


def _note(record: Manifest, training: Training) -> None:
    record.inputs = {"features": training.features_version, "labels": training.labels_version}
    record.counts = {"fit_rows": training.fit_rows, "holdout_rows": training.holdout_rows}


@contextmanager
def _fails_with(run_id: str) -> Iterator[None]:
    """Mark a run as failed if what is done in it fails."""
    try:
        yield
    except BaseException:
        try:
            runs.finish(run_id, failed=True)
        except ServiceError:
            _log.warning("run %s could not be marked as failed", run_id)
        raise
