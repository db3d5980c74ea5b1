"""The held-out rows of a training and what was answered to them, in two files aligned by row.

What the user named lies in one frame and what we named in the other, so that a feature may be
called `label` or `block`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlfactory.product.errors import ContractError, IntegrityError
from mlfactory.product.loader import Product
from mlfactory.product.spec import ProductSpec
from mlfactory.registry.answers import Answers
from mlfactory.statistics.statistic import Ints
from mlfactory.trainings.blocks import names
from mlfactory.trainings.files import load_frame, save_frame

HOLDOUT_ROWS, HOLDOUT_ANSWERS = "holdout_rows.parquet", "holdout_answers.parquet"

LABEL, BLOCK, GROUP, SCORE, DECISION = "label", "block", "group", "score", "decision"
"""Columns of the answers."""

_MOST_LEVELS = 12
_A_QUARTER = 0.25


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Held-out rows, in the order of event time and key.

    Attributes:
        rows: the user's columns: key, event time, inputs in the types a model takes, sensitive
            columns and the group.
        answers: ours, row by row: `label` (0 or 1, value, or name), `block` (the day as a number,
            unless it is a snapshot), `group` (number of the entity, if the spec names one),
            `score` and `decision` of the training's own model. With several classes a
            score is a list, in the order of the model's classes.
    """

    rows: pd.DataFrame
    answers: pd.DataFrame

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def blocks(self) -> Ints | None:
        """Return (rows,) the day of each row, None of a snapshot."""
        return self._codes(BLOCK)

    @property
    def groups(self) -> Ints | None:
        """Return (rows,) the entity of each row, None if the spec names none."""
        return self._codes(GROUP)

    @property
    def said(self) -> Answers:
        """Return what the training's own model said."""
        scores = self.answers[SCORE]
        several = scores.dtype == object
        values = np.stack(scores.to_list()) if several and len(scores) else scores.to_numpy()
        return Answers(np.asarray(values, dtype=np.float64), self.answers[DECISION].to_numpy())

    def _codes(self, name: str) -> Ints | None:
        return self.answers[name].to_numpy(dtype=np.intp) if name in self.answers else None


def answers_frame(
    label: np.ndarray[tuple[int], np.dtype[np.generic]],
    blocks: Ints | None,
    groups: Ints | None,
    said: Answers,
) -> pd.DataFrame:
    """Return the frame of our columns, see `HeldOut`."""
    scores = said.scores
    made = {
        LABEL: label,
        BLOCK: blocks,
        GROUP: groups,
        SCORE: list(scores) if scores.ndim > 1 else scores,
        DECISION: said.decisions,
    }
    return pd.DataFrame({name: column for name, column in made.items() if column is not None})


def save_held_out(product: str, training_id: str, held_out: HeldOut) -> None:
    """Write both files of the held-out rows."""
    save_frame(product, training_id, HOLDOUT_ROWS, held_out.rows)
    save_frame(product, training_id, HOLDOUT_ANSWERS, held_out.answers)


def load_held_out(product: str, training_id: str) -> HeldOut:
    """Return the held-out rows of a training.

    Raises:
        Absent: the training has none.
        IntegrityError: they were damaged, or the files are not of the same rows.
    """
    rows = load_frame(product, training_id, HOLDOUT_ROWS)
    answers = load_frame(product, training_id, HOLDOUT_ANSWERS)
    if len(rows) != len(answers):
        raise IntegrityError(
            f"training {training_id} of {product}: {len(rows):,} held-out rows have "
            f"{len(answers):,} answers",
            remedy="train again, under an id of its own",
        )
    return HeldOut(rows, answers)


def kept_names(product: Product, training_id: str, file: str) -> pd.MultiIndex:
    """Return what names the rows of a table kept with a training, to find them among others.

    Args:
        file: `HOLDOUT_ROWS`, or `FIT_KEYS` of what a snapshot's training was fitted on.

    Raises:
        Absent: it left no such table.
        ContractError: its rows are named by another key than the spec has now.
        IntegrityError: the table was damaged.
    """
    key = list(product.spec.features.key)
    rows = load_frame(product.name, training_id, file)
    if not set(key) <= set(rows.columns):
        raise ContractError(
            f"training {training_id} of {product.name} kept rows that are named by another key "
            f"than ({', '.join(key)}); it has {list(rows.columns)}",
            remedy="train again, or put features.key back in product.yaml",
        )
    return names(rows[key])


def row_columns(spec: ProductSpec) -> list[str]:
    """Return the columns of `HeldOut.rows`: all that the features table has of the user's."""
    return list(spec.features.columns)


def levels(values: pd.Series) -> pd.Series:
    """Return the values of a slice's column as names.

    Many different numbers become the quarters they lie in; of a number that is more than a quarter
    of them, such as 0, its rows are a slice of their own, and the quarters are those of the others.
    What is missing is `missing`.
    """
    plain = values.reset_index(drop=True)
    many = pd.api.types.is_numeric_dtype(plain) and plain.nunique() > _MOST_LEVELS
    named = _quarters(plain.dropna()).reindex(plain.index) if many else plain.astype(object)
    return named.where(plain.notna(), "missing").astype(str).set_axis(values.index)


def _quarters(values: pd.Series) -> pd.Series:
    shares = values.value_counts(normalize=True)
    if len(shares) < 2 or shares.iloc[0] <= _A_QUARTER:
        return pd.qcut(values, 4, duplicates="drop").astype(object)
    common = values == shares.index[0]
    named: pd.Series = pd.concat([values[common].astype(object), _quarters(values[~common])])
    return named
