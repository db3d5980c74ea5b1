"""The records of a training, each a file of JSON in the training's folder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlfactory.product.errors import UsageError
from mlfactory.product.metrics import merit
from mlfactory.statistics.naive import Naive


@dataclass(frozen=True)
class Training:
    """A training as it was pinned: what it learns from, what it is judged by, what it may spend.

    Its spec and the product's Python files as they were then lie beside it, so that it can be run
    again from this alone. A training of one id is one training for ever.

    Attributes:
        partition: key of the cut-off, the partition at whose end it looked at the lake.
        pinned_at: the moment, in UTC.
        features_version: of the Delta table `features`; likewise `labels_version`.
        fit_rows: rows that are fitted on; likewise `holdout_rows`.
        left_out: partitions that were looked at and may not be learned from.
        portion: of the labelled rows of its partitions that it has, chosen by a hash of the event.
        of_rows: how many these partitions have; 0 where it has all of them.
        trials: of all candidates together.
        seconds: of the search of all candidates together.
        request: number of the ledger's entry that it carries out, 0 if a person asked for it.
    """

    product: str
    partition: str
    training_id: str
    reason: str
    pinned_at: str
    features_version: int
    labels_version: int
    fit_partitions: tuple[str, ...]
    holdout_partitions: tuple[str, ...]
    fit_rows: int
    holdout_rows: int
    seed: int
    trials: int
    seconds: int
    candidates: tuple[str, ...]
    spec_hash: str
    code_hash: str
    code_revision: str
    lock_hash: str
    request: int = 0
    left_out: tuple[str, ...] = ()
    portion: float = 1.0
    of_rows: int = 0

    @property
    def seen_through(self) -> str:
        """Return the newest partition that fitting, selection or the gates look at."""
        return self.holdout_partitions[-1]

    @property
    def sampled(self) -> str:
        """Return in words of how many rows it has a sample; nothing where it has all of them."""
        if self.portion >= 1:
            return ""
        return (
            f"{self.fit_rows + self.holdout_rows:,} labelled rows, a share of {self.portion:.3g} "
            f"of {self.of_rows:,}, chosen by a hash of their event"
        )

    def share(self, candidate: str) -> tuple[int, float]:
        """Return the trials (at least 1) and seconds that one candidate may spend.

        Raises:
            UsageError: if it is not a candidate of this training.
        """
        if candidate not in self.candidates:
            raise UsageError(
                f"training {self.training_id} has no candidate '{candidate}'",
                remedy=f"it has {list(self.candidates)}",
            )
        count = len(self.candidates)
        each, rest = divmod(self.trials, count)
        trials = each + (self.candidates.index(candidate) < rest)
        return max(1, trials), self.seconds / count


@dataclass(frozen=True)
class Threshold:
    """From which probability on a binary model says 1, and what that rests on.

    Attributes:
        value: the model says 1 from here on.
        implied: what the costs alone imply, were the scores true probabilities.
        cheapest: where the errors on the rows it was chosen on cost least.
        low: where errors cost least on halves of these rows, the lower end of 90 % of them;
            likewise `high`. `value` lies between.
        rows: how many rows it was chosen on, which the models that scored them had not seen.
    """

    value: float
    implied: float
    cheapest: float
    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class Trial:
    """One set of parameters and how good it was.

    Attributes:
        number: from 1.
        score: mean of the search's metric over the folds; nan, in the file null, where undefined.
        threshold: of a binary label, chosen on the answers to the rows that were tested.
    """

    number: int
    params: dict[str, Any]
    score: float
    threshold: Threshold | None
    seconds: float


@dataclass(frozen=True)
class Search:
    """What the search of one candidate found; where there is its file, it is done.

    Attributes:
        planned: trials that the budget allowed; fewer were done if the time was up.
    """

    candidate: str
    run_id: str
    metric: str
    planned: int
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial:
        """Return the trial with the best score, the first of equals."""
        return best_of(self.trials, self.metric)


@dataclass(frozen=True)
class Fitted:
    """The model of a training and its figures on the held-out rows.

    Attributes:
        model: where its files are, relative to the store of MLflow's artifacts.
        digest: of these files; every load of the model is held against it.
        threshold: of a binary model; None of other kinds.
        classes: in the order of the scores, where there are several.
        naive: what the labels of the fitted rows tell without any feature.
        metrics: by name, each with `value`, `low`, `high` and `baseline`; null is undefined.
    """

    training_id: str
    run_id: str
    model_uri: str
    model: str
    digest: str
    candidate: str
    params: Mapping[str, Any]
    threshold: Threshold | None
    classes: tuple[str, ...] | None
    search_metric: str
    search_score: float | None
    naive: Naive
    metrics: Mapping[str, Mapping[str, float | None]]
    slices: tuple[Mapping[str, Any], ...] = ()
    importance: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Judgement:
    """How a training's model fared at the gates.

    Attributes:
        challenger: whether it may be tried beside the champion, having failed only to beat it.
        champion: the version it was compared with; None if no champion served.
        reference: the same in words.
        gates: each gate's result, in the order they were asked.
        follows: number of the newest decision in the ledger when the gates were asked.
        beside: how it compares with the challenger that was tried then, in words.
        held_out_rows: how many rows it was judged by.
    """

    training_id: str
    version: str
    passed: bool
    challenger: bool
    champion: str | None
    reference: str
    why: str
    gates: tuple[Mapping[str, Any], ...]
    latency_ms: Mapping[str, float] | None = None
    follows: int = 0
    beside: str = ""
    held_out_rows: int = 0


def best_of(trials: Sequence[Trial], metric: str) -> Trial:
    """Return the trial with the best score, the first of equals."""
    return max(trials, key=lambda trial: _rank(metric, trial.score))


def best_search(searches: Sequence[Search]) -> Search:
    """Return the search whose best trial has the best score, the first of equals."""
    return max(searches, key=lambda found: _rank(found.metric, found.best.score))


def _rank(metric: str, score: float) -> float:
    return -math.inf if math.isnan(score) else merit(metric, score)
