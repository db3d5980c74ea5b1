"""Figures of how good a model's answers are, each computable under weights of the rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlfactory.product.metrics import LabelKind
from mlfactory.statistics.statistic import (
    Additive,
    Floats,
    Ints,
    Statistic,
    area_under_roc,
    average_precision,
    ratio,
    weighted_mean,
    weighted_median,
)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a model said about rows whose truth is known.

    Args:
        kind: of label; it says what the arrays mean.
        y: (rows,) the truth: 0 or 1, class index, or value.
        scores: (rows,) probability of 1 or predicted value; (rows, classes) for multiclass.
        decisions: (rows,) the answer acted upon: 0 or 1, class index, or value.
        classes: names of the classes, in the order of their indices.
        costs: money lost by one false negative and by one false positive.
        blocks: (rows,) code of the day of each row, rising with time; None says that the rows
            have no time.
        groups: (rows,) code of the customer (or what else is one and the same) of each row;
            None says that every row is one of its own.

    Raises:
        ValueError: the arrays differ in length or hold something that is not a number.
    """

    kind: LabelKind
    y: Floats | Ints
    scores: Floats
    decisions: Floats | Ints
    classes: tuple[str, ...] | None = None
    costs: tuple[float, float] | None = None
    blocks: Ints | None = None
    groups: Ints | None = None

    def __post_init__(self) -> None:
        shape = (self.rows,) if self.kind != "multiclass" else (self.rows, self.scores.shape[-1])
        lengths_differ = self.decisions.shape != self.y.shape or self.scores.shape != shape
        codes = [one for one in (self.blocks, self.groups) if one is not None]
        if lengths_differ or any(one.shape != self.y.shape for one in codes):
            raise ValueError("y, scores, decisions and codes of an outcome differ in length")
        for name in ("y", "scores", "decisions"):
            unknown = int(np.sum(~np.isfinite(getattr(self, name))))
            if unknown:
                raise ValueError(f"{unknown} of the {name} of an outcome are no finite numbers")

    @property
    def rows(self) -> int:
        """Return how many rows there are."""
        return len(self.y)

    def take(self, rows: Ints | np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Outcome:
        """Return the outcome of some `rows` only, such as those of a slice."""
        return replace(
            self,
            y=self.y[rows],
            scores=self.scores[rows],
            decisions=self.decisions[rows],
            blocks=None if self.blocks is None else self.blocks[rows],
            groups=None if self.groups is None else self.groups[rows],
        )


def named_outcome(
    truth: Sequence[str],
    scores: Floats,
    decisions: Sequence[str],
    known: Sequence[str],
    *,
    classes: Sequence[str] = (),
    blocks: Ints | None = None,
    groups: Ints | None = None,
) -> Outcome:
    """Return the multiclass outcome of a truth and decisions that are names of classes.

    Args:
        scores: (rows, known) probability of each class that the model knows.
        known: names of these; the model gives no chance to any other.
        classes: all the outcome is to have, among them those of truth and decisions; by default
            the known ones and after them the others that occur in the truth.
    """
    every = tuple(classes) or (*known, *sorted(set(truth) - set(known)))
    place = {name: index for index, name in enumerate(every)}
    wide = np.zeros((len(truth), len(every)))
    wide[:, [place[name] for name in known]] = scores
    y, said = (
        np.array([place[name] for name in names], dtype=np.intp) for names in (truth, decisions)
    )
    return Outcome("multiclass", y, wide, said, classes=every, blocks=blocks, groups=groups)


def measure(outcome: Outcome, metric: str, weights: Floats | None = None) -> float:
    """Compute a metric of `mlfactory.product.metrics`, in scikit-learn's definition of it.

    Where scikit-learn warns and answers with a made-up 0 or 1 (precision when nothing is called
    positive, r2 of a constant), the answer is nan. A class that has no weight in truth or
    decisions is left out of `f1_macro`, as if its rows were not there.

    Args:
        outcome: the rows; none at all gives nan.
        metric: its name.
        weights: (rows,) non-negative weights; None weighs all rows alike.

    Raises:
        ValueError: no such metric for this kind of label, or `cost` without costs.
    """
    if weights is None:
        weights = np.ones(outcome.rows)
    made = statistic(outcome, metric)
    if not np.any(weights > 0):
        return float("nan")
    return float(made.under(np.asarray(weights, dtype=np.float64)[np.newaxis, :])[0])


def statistic(outcome: Outcome, metric: str) -> Statistic:
    """Prepare a metric of the rows for computing it under many weights.

    Raises:
        ValueError: no such metric for this kind of label, or `cost` without costs.
    """
    makers = _MAKERS[outcome.kind]
    if metric not in makers:
        raise ValueError(f"no metric {metric!r} for {outcome.kind} labels: {sorted(makers)}")
    return makers[metric](outcome)


def made_of(outcome: Outcome, metric: str) -> list[Floats]:
    """Return which rows a metric averages over, as weights (rows,), of each kind of them.

    Of a figure that is made of few rows it is these that must come from many days: a day with all
    rows of a class makes a recall or an area alone, however many other rows other days have.
    """
    if metric == "recall":
        found = [outcome.y == 1]
    elif metric == "precision":
        found = [outcome.decisions == 1]
    elif metric == "f1":
        found = [1.0 * (outcome.y == 1) + (outcome.decisions == 1)]
    elif metric in ("roc_auc", "average_precision"):
        found = [outcome.y == 1, outcome.y == 0]
    elif metric in ("balanced_accuracy", "f1_macro"):
        found = [_of_each_class(outcome, decided=metric == "f1_macro")]
    else:
        found = []
    return [base.astype(np.float64) for base in found if np.any(base)]


def fewest(outcome: Outcome, metric: str) -> int:
    """Return how many rows there are of the rarest kind that a metric rests on.

    That is the rarer class of an area, the rows whose label is 1 of a recall or F1, those said to
    be 1 of a precision, the rarest class where every class weighs as much (balanced accuracy, F1 of
    several classes), and all rows of another metric.
    """
    if metric in ("roc_auc", "average_precision", "balanced_accuracy", "f1_macro"):
        _, counts = np.unique(outcome.y, return_counts=True)
        return int(min(counts)) if len(counts) > 1 else 0
    if metric in ("recall", "f1"):
        return int(np.sum(outcome.y == 1))
    return int(np.sum(outcome.decisions == 1)) if metric == "precision" else outcome.rows


def _of_each_class(outcome: Outcome, *, decided: bool) -> Floats:
    """Return (rows,) weights by which every class weighs as much."""
    truth, said = outcome.y.astype(np.intp), outcome.decisions.astype(np.intp)
    classes = outcome.scores.shape[1]
    rows = np.bincount(truth, minlength=classes)
    if not decided:
        return 1.0 / rows[truth]
    rows = rows + np.bincount(said, minlength=classes)
    found: Floats = 1.0 / rows[truth] + 1.0 / rows[said]
    return found


def _truth(outcome: Outcome) -> Floats:
    return outcome.y.astype(np.float64)


def _accuracy(outcome: Outcome) -> Statistic:
    return weighted_mean((outcome.y == outcome.decisions).astype(np.float64))


def _log_loss(outcome: Outcome) -> Statistic:
    if outcome.kind == "binary":
        probability = np.where(outcome.y == 1, outcome.scores, 1 - outcome.scores)
    else:
        probability = outcome.scores[np.arange(outcome.rows), outcome.y.astype(np.intp)]
    tiny = np.finfo(np.float64).eps
    return weighted_mean(-np.log(np.clip(probability, tiny, 1 - tiny)))


def _cost(outcome: Outcome) -> Statistic:
    if outcome.costs is None:
        raise ValueError("the metric 'cost' needs the costs of a false negative and positive")
    false_negative, false_positive = outcome.costs
    _, missed, wrong = _confusion(outcome).T
    return weighted_mean(false_negative * missed + false_positive * wrong)


def _confusion(outcome: Outcome) -> Floats:
    """Return (rows, 3): true positive, false negative, false positive."""
    truth, said = outcome.y == 1, outcome.decisions == 1
    return np.stack([truth & said, truth & ~said, ~truth & said], axis=1).astype(np.float64)


def _of_confusion(
    part: Callable[[Floats, Floats, Floats], Floats],
) -> Callable[[Outcome], Statistic]:
    def make(outcome: Outcome) -> Statistic:
        return Additive(_confusion(outcome), lambda sums: part(*sums.T))

    return make


def _of_classes(part: Callable[[Floats, Floats, Floats], Floats]) -> Callable[[Outcome], Statistic]:
    """Average over the classes a part made from each class's hits, true rows and said rows."""

    def make(outcome: Outcome) -> Statistic:
        every = np.arange(outcome.scores.shape[1])
        truth = outcome.y[:, np.newaxis] == every
        said = outcome.decisions[:, np.newaxis] == every

        def finish(sums: Floats) -> Floats:
            by_class = part(*np.split(sums, 3, axis=1))
            return ratio(np.nansum(by_class, axis=1), np.sum(~np.isnan(by_class), axis=1))

        return Additive(np.hstack([truth & said, truth, said]).astype(np.float64), finish)

    return make


def _rmse(outcome: Outcome) -> Statistic:
    squares = weighted_mean((outcome.scores - outcome.y) ** 2)
    return Additive(squares.columns, lambda sums: np.sqrt(squares.finish(sums)))


def _r2(outcome: Outcome) -> Statistic:
    # Sums of squares about the mean keep their digits; about zero they would cancel.
    centred = outcome.y - np.mean(outcome.y) if outcome.rows else outcome.y
    columns = [(outcome.scores - outcome.y) ** 2, centred**2, centred, np.ones(outcome.rows)]

    def finish(sums: Floats) -> Floats:
        residual, squares, total, rows = sums.T
        about_mean = squares - ratio(total**2, rows)
        constant = ~(about_mean > 1e-12 * squares)
        return 1 - ratio(residual, np.where(constant, 0.0, about_mean))

    return Additive(np.stack(columns, axis=1), finish)


_MAKERS: dict[LabelKind, dict[str, Callable[[Outcome], Statistic]]] = {
    "binary": {
        "roc_auc": lambda outcome: area_under_roc(_truth(outcome), outcome.scores),
        "average_precision": lambda outcome: average_precision(_truth(outcome), outcome.scores),
        "log_loss": _log_loss,
        "brier": lambda outcome: weighted_mean((outcome.scores - outcome.y) ** 2),
        "accuracy": _accuracy,
        "precision": _of_confusion(lambda hit, missed, wrong: ratio(hit, hit + wrong)),
        "recall": _of_confusion(lambda hit, missed, wrong: ratio(hit, hit + missed)),
        "f1": _of_confusion(lambda hit, missed, wrong: ratio(2 * hit, 2 * hit + missed + wrong)),
        "cost": _cost,
    },
    "multiclass": {
        "accuracy": _accuracy,
        "balanced_accuracy": _of_classes(lambda hit, true, said: ratio(hit, true)),
        "f1_macro": _of_classes(lambda hit, true, said: ratio(2 * hit, true + said)),
        "log_loss": _log_loss,
    },
    "regression": {
        "mae": lambda outcome: weighted_mean(np.abs(outcome.scores - outcome.y)),
        "rmse": _rmse,
        "r2": _r2,
        "median_absolute_error": lambda outcome: weighted_median(
            np.abs(outcome.scores - outcome.y)
        ),
        "bias": lambda outcome: weighted_mean(outcome.scores - outcome.y),
    },
}
