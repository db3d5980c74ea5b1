"""What models say about the held-out rows, and their truth: what every gate compares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.product.spec import ProductSpec
from mlfactory.registry.models import LoadedModel
from mlfactory.statistics.metrics import Outcome, named_outcome
from mlfactory.statistics.statistic import Floats


@dataclass(frozen=True, eq=False)
class Said:
    """What a model says about the held-out rows.

    Attributes:
        scores: (rows,) probability of 1 or value; (rows, classes) where there are several.
        decisions: (rows,) 0 or 1, value, or name of a class.
        classes: what the columns of the scores stand for, where there are several.
    """

    scores: Floats
    decisions: npt.NDArray[Any]
    classes: tuple[str, ...] = ()


def recorded(held_out: pd.DataFrame, who: str, classes: Sequence[str]) -> Said:
    """Return what training recorded of the `candidate` or the `baseline`."""
    scores = held_out[f"{who}_scores"]
    several = np.stack(scores.to_list()) if classes else scores
    return Said(
        np.asarray(several, dtype=np.float64),
        held_out[f"{who}_decisions"].to_numpy(),
        tuple(classes),
    )


def asked(model: LoadedModel, held_out: pd.DataFrame) -> Said:
    """Ask a registered version about the held-out rows."""
    answers = model.answer(held_out)
    return Said(answers.scores, answers.decisions, model.classes or ())


def outcome(
    spec: ProductSpec, held_out: pd.DataFrame, said: Said, classes: Sequence[str]
) -> Outcome:
    """Return what was said together with the truth.

    Args:
        classes: all that anyone has spoken of, so that outcomes can be compared with each other.
    """
    blocks = None
    if spec.partition.every != "snapshot":
        blocks = held_out["block"].to_numpy(dtype=np.intp)
    if spec.label.kind == "multiclass":
        truth, decisions = held_out["label"].astype(str).tolist(), said.decisions.astype(str)
        return named_outcome(
            truth, said.scores, decisions.tolist(), said.classes, classes=classes, blocks=blocks
        )
    costs = None
    if spec.business and spec.label.kind == "binary":
        costs = (spec.business.false_negative, spec.business.false_positive)
    return Outcome(
        spec.label.kind,
        held_out["label"].to_numpy(dtype=np.float64),
        said.scores,
        said.decisions.astype(np.float64),
        costs=costs,
        blocks=blocks,
    )


def every_class(held_out: pd.DataFrame, *spoken: Said) -> tuple[str, ...]:
    """Return the classes that occur among the rows or that a model knows; none if it has none."""
    known = {name for said in spoken for name in said.classes}
    return tuple(sorted(known | set(held_out["label"].astype("str")))) if known else ()
