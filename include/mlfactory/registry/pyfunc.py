"""A stored model as MLflow's `python_function`: what build returns in, score and decision out.

MLflow imports this module by its name, which stands in the model's file MLmodel, so that whoever
loads a model with MLflow needs the factory installed; no code comes with a model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from mlfactory.registry.answers import (
    Answers,
    answer_decisions,
    answer_scores,
    answers_table,
    class_names,
)
from mlfactory.registry.inputs import as_inputs
from mlfactory.registry.trusted import load_trusted

MODEL_FILE, EXAMPLE_FILE = "model.skops", "example.parquet"


class Scorer:
    """A fitted estimator with an example of its inputs."""

    def __init__(self, estimator: Any, example: pd.DataFrame) -> None:
        self.estimator = estimator
        self.example = example

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Return the names of the classes where there are several, else None."""
        return class_names(self.estimator)

    def answer(self, frame: pd.DataFrame) -> Answers:
        """Return scores and decisions for rows that have the model's inputs as columns.

        Raises:
            ContractError: if an input is missing, or is not of its kind.
        """
        rows = as_inputs(frame, self.example)
        scores = answer_scores(self.estimator, rows)
        return Answers(scores, answer_decisions(self.estimator, rows, scores))

    def predict(self, frame: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return `score` and `decision` of each row, see `answers.answers_table`.

        Args:
            params: none are known; MLflow gives some to every model.
        """
        return answers_table(self.answer(pd.DataFrame(frame)), self.classes)


def _load_pyfunc(path: str) -> Scorer:
    """Return the model in the folder `path`: what MLflow calls.

    Raises:
        IntegrityError: it holds types that are not trusted.
    """
    folder = Path(path)
    estimator = load_trusted((folder / MODEL_FILE).read_bytes(), f"the model in {path}")
    return Scorer(estimator, pd.read_parquet(folder / EXAMPLE_FILE))
