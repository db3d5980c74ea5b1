"""What the searches of a training found: a file a candidate, written when its search is done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mlfactory.lake.catalog import training_file
from mlfactory.lake.store import find_json, product_store, write_json
from mlfactory.product.errors import UsageError
from mlfactory.product.metrics import merit
from mlfactory.train.training import Training


@dataclass(frozen=True)
class Trial:
    """One set of parameters and how good it was.

    Attributes:
        number: from 1.
        score: mean of the search's metric over the folds, nan where it is undefined.
        threshold: of a binary label, chosen on the answers to the rows that were tested.
    """

    number: int
    params: dict[str, Any]
    score: float
    threshold: float | None
    seconds: float


@dataclass(frozen=True)
class Found:
    """What the search of one candidate found, as it is kept with the training.

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

    def as_json(self) -> dict[str, Any]:
        """Return the content of the search's file."""
        return {**asdict(self), "best": asdict(self.best)}


def found_from(content: dict[str, Any]) -> Found:
    """Return what a search's file says."""
    trials = tuple(Trial(**trial) for trial in content["trials"])
    plain = {name: value for name, value in content.items() if name != "best"}
    return Found(**{**plain, "trials": trials})


def best_of(trials: Sequence[Trial], metric: str) -> Trial:
    """Return the trial with the best score, the first of equals."""
    return max(trials, key=lambda trial: _rank(metric, trial.score))


def best_search(searches: Sequence[Found]) -> Found:
    """Return the search whose best trial has the best score, the first of equals."""
    return max(searches, key=lambda found: _rank(found.metric, found.best.score))


def save_search(training: Training, found: Found) -> None:
    """Write what a search found; a search with this file is done."""
    store = product_store(training.product)
    write_json(store, _file(training, found.candidate), found.as_json())


def search_of(training: Training, candidate: str) -> Found | None:
    """Return the search of a candidate, None if it was not done yet."""
    content = find_json(product_store(training.product), _file(training, candidate))
    return found_from(content) if content else None


def all_searches(training: Training) -> tuple[Found, ...]:
    """Return the search of every candidate, in the order of the training's candidates.

    Raises:
        UsageError: if one was not searched yet.
    """
    searches = []
    for candidate in training.candidates:
        found = search_of(training, candidate)
        if found is None:
            raise UsageError(
                f"training {training.training_id}: candidate {candidate} was not searched yet",
                remedy="run search for it before fit",
            )
        searches.append(found)
    return tuple(searches)


def _file(training: Training, candidate: str) -> str:
    return training_file(training.training_id, f"search-{candidate}.json")


def _rank(metric: str, score: float) -> float:
    return -math.inf if math.isnan(score) else merit(metric, score)
