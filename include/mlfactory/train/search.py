"""The search: trials of one candidate family, each judged on rows its models did not see."""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from mlfactory.product.errors import InsufficientData
from mlfactory.product.loader import Product
from mlfactory.registry.answers import answer_scores, class_names
from mlfactory.statistics.metrics import measure
from mlfactory.statistics.statistic import Floats, Ints
from mlfactory.train.candidates import Params, build, sample
from mlfactory.train.dataset import Rows
from mlfactory.train.deadline import OutOfTime, cut_off_after
from mlfactory.train.folds import Fold, folds_of
from mlfactory.train.thinning import thinned
from mlfactory.train.threshold import chosen_threshold
from mlfactory.trainings.outcomes import decided, outcome_of
from mlfactory.trainings.records import Threshold, Trial, best_of

_log = logging.getLogger(__name__)

ROWS_SEARCHED = 40_000
"""Trials see about so many rows: which parameters are best shows on these, and the chosen ones
are then fitted on all rows."""


def run_trials(
    product: Product,
    candidate: str,
    rows: Rows,
    *,
    trials: int,
    seconds: float,
    seed: int,
    after_each: Callable[[Trial], None],
    before: Sequence[Trial] = (),
) -> tuple[Trial, ...]:
    """Try parameters while there are trials and seconds left; the defaults are always tried.

    Which parameters a trial has and how good it is depend on the rows, the seed and the trial's
    number only; time decides how many trials there are. A trial that is under way when the time is
    over is cut off and forgotten; the first one is not, for there must be one.

    Args:
        before: the first trials, where an earlier search was cut short; they have spent their
            seconds and are not tried again.

    Raises:
        InsufficientData: if no fold of the rows can be used.
    """
    metric, kind = product.spec.search_metric, product.spec.label.kind
    rows = thinned(rows, list(product.spec.features.key), kind, ROWS_SEARCHED)
    folds = folds_of(rows, kind, seed)
    if not folds:
        raise InsufficientData(
            f"product {product.name}: {len(rows):,} rows to fit on cannot be split once more to "
            "compare trials: a part would be without rows or have rows of one class only",
            remedy="wait for more data, or widen train.window",
        )
    done = list(before)
    start = time.perf_counter() - sum(trial.seconds for trial in done)
    for number, params in enumerate(sample(candidate, kind, trials, seed), start=1):
        if number <= len(before):
            continue
        begun = time.perf_counter()
        pace = (begun - start) / max(len(done), 1)
        if done and begun - start + pace > seconds:
            _log.info(
                "%s: %d of %d trials done, another would take longer than the %.0f s there are",
                *(candidate, len(done), trials, seconds),
            )
            break
        left = seconds - (begun - start) if done else math.inf
        try:
            with cut_off_after(left) if math.isfinite(left) else nullcontext():
                score, threshold = _try(product, candidate, params, rows, folds, seed)
        except OutOfTime:
            _log.info(
                "%s: %d of %d trials done, another was cut off after the %.0f s there are",
                *(candidate, len(done), trials, seconds),
            )
            break
        now = time.perf_counter()
        trial = Trial(number, params, score, threshold, round(now - begun, 2))
        done.append(trial)
        _log.info(
            "%s: trial %d of %d, %s %.4g (best %.4g), %.0f s",
            *(candidate, number, trials, metric, score, best_of(done, metric).score, now - start),
        )
        after_each(trial)
    return tuple(done)


def quiet_fit(estimator: Any, rows: Rows) -> Any:
    """Fit an estimator on rows without warnings that no reader could act on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # a level that is rare in one fold only
        warnings.filterwarnings("ignore", "Found unknown categories")
        if rows.weights is None:
            return estimator.fit(rows.inputs, rows.y)
        return estimator.fit(rows.inputs, rows.y, model__sample_weight=rows.weights)


def _try(
    product: Product, candidate: str, params: Params, rows: Rows, folds: Sequence[Fold], seed: int
) -> tuple[float, Threshold | None]:
    """Return the mean score over the folds and, of a binary label, the threshold."""
    spec = product.spec
    kind = spec.label.kind
    tested: list[tuple[Rows, Floats, tuple[str, ...] | None]] = []
    for train, test in folds:
        learned, part = rows.take(train), rows.take(test)
        unfitted = build(candidate, spec.features, kind, params, seed, learned.inputs)
        estimator = quiet_fit(unfitted, learned)
        scores = answer_scores(estimator, part.inputs)
        tested.append((part, scores, class_names(estimator)))
    threshold = None
    if kind == "binary":
        threshold = chosen_threshold(
            np.concatenate([part.y for part, _, _ in tested]).astype(np.intp),
            np.concatenate([scores for _, scores, _ in tested]),
            spec.business,
            weights=_weights_of([part for part, _, _ in tested]),
            units=_units_of([part for part, _, _ in tested]),
            seed=seed,
        )
    figures = []
    for part, scores, classes in tested:
        answers = decided(scores, threshold.value if threshold else None, classes)
        outcome = outcome_of(spec, part.y, answers, known=classes)
        figures.append(measure(outcome, spec.search_metric, part.weights))
    defined = [figure for figure in figures if np.isfinite(figure)]
    return (float(np.mean(defined)) if defined else float("nan")), threshold


def _weights_of(parts: Sequence[Rows]) -> Floats | None:
    known = [part.weights for part in parts if part.weights is not None]
    return np.concatenate(known) if len(known) == len(parts) else None


def _units_of(parts: Sequence[Rows]) -> Ints | None:
    """Return what belongs together among the tested rows: the entity, or else the day."""
    units = [part.blocks if part.groups is None else part.groups for part in parts]
    known = [one for one in units if one is not None]
    return np.concatenate(known) if len(known) == len(parts) else None
