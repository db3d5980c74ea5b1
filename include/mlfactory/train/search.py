"""The search: trials of one candidate family, each judged on rows its models did not see."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from mlfactory.product.errors import InsufficientData
from mlfactory.product.loader import Product
from mlfactory.registry.answers import answer_scores, class_names
from mlfactory.statistics.metrics import measure
from mlfactory.statistics.statistic import Floats
from mlfactory.train.candidates import Params, build, sample
from mlfactory.train.dataset import Rows
from mlfactory.train.folds import Fold, folds_of
from mlfactory.train.found import Trial, best_of
from mlfactory.train.outcomes import decided, outcome_of
from mlfactory.train.threshold import chosen_threshold

_log = logging.getLogger(__name__)

ROWS_SEARCHED = 40_000
"""Trials see at most so many rows, evenly thinned: which parameters are best shows on these, and
the chosen ones are then fitted on all rows."""


def thinned(rows: Rows, most: int = ROWS_SEARCHED) -> Rows:
    """Return at most so many of the rows, at even distances."""
    if len(rows) <= most:
        return rows
    kept = np.linspace(0, len(rows) - 1, most).astype(np.intp)
    return rows.take(kept)


def run_trials(
    product: Product,
    candidate: str,
    rows: Rows,
    *,
    trials: int,
    seconds: float,
    seed: int,
    after_each: Callable[[Trial], None],
) -> tuple[Trial, ...]:
    """Try parameters while there are trials and seconds left; the defaults are always tried.

    Which parameters a trial has and how good it is depend on the rows, the seed and the trial's
    number only; time decides how many trials there are.

    Raises:
        InsufficientData: if no fold of the rows can be used.
    """
    metric, kind = product.spec.search_metric, product.spec.label.kind
    rows = thinned(rows)
    folds = folds_of(rows, kind, seed)
    if not folds:
        raise InsufficientData(
            f"product {product.name}: {len(rows):,} rows to fit on cannot be split once more to "
            "compare trials: a part would be without rows or have rows of one class only",
            remedy="wait for more data, or widen train.window",
        )
    done: list[Trial] = []
    start = time.perf_counter()
    for number, params in enumerate(sample(candidate, kind, trials, seed), start=1):
        begun = time.perf_counter()
        pace = (begun - start) / max(len(done), 1)
        if done and begun - start + pace > seconds:
            _log.info(
                "%s: %d of %d trials done, another would take longer than the %.0f s there are",
                *(candidate, len(done), trials, seconds),
            )
            break
        score, threshold = _try(product, candidate, params, rows, folds, seed)
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
        return estimator.fit(rows.inputs, rows.y)


def _try(
    product: Product, candidate: str, params: Params, rows: Rows, folds: Sequence[Fold], seed: int
) -> tuple[float, float | None]:
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
        y = np.concatenate([part.y for part, _, _ in tested]).astype(np.intp)
        threshold = chosen_threshold(
            y, np.concatenate([scores for _, scores, _ in tested]), spec.business
        )
    figures = []
    for part, scores, classes in tested:
        answers = decided(scores, threshold, classes)
        outcome = outcome_of(spec, part.y, answers, classes=classes)
        figures.append(measure(outcome, spec.search_metric))
    defined = [figure for figure in figures if np.isfinite(figure)]
    return (float(np.mean(defined)) if defined else float("nan")), threshold
