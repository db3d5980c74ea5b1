"""Answers for rows that somebody asks about, by the champion or a version they name."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlfactory.lake import ledger
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.registry.models import LoadedModel, load_version
from mlfactory.score.predictions import inputs_of

SCORE, DECISION, PROBABILITY = "score", "decision", "probability_"


def model_for(product: Product, version: str | None = None) -> LoadedModel:
    """Return the model that answers: `version`, or the champion as the ledger has it now.

    Raises:
        UsageError: if there is no champion yet, or no such version.
        IntegrityError: if its files are not those that were registered.
    """
    if version is None:
        now = ledger.standing(ledger.entries(product.name, *ledger.DECISIONS))
        if now.champion is None:
            raise UsageError(
                f"product {product.name} has no champion yet, so there is nobody to ask",
                remedy="mlfactory run trains one where the policy asks for it; mlfactory status "
                f"{product.name} says what stands in the way",
            )
        version = now.champion.version
    return load_version(product.name, version)


def answers(product: Product, features: pd.DataFrame, model: LoadedModel) -> pd.DataFrame:
    """Return what `model` says about each row of `features`, in their order.

    `score` is the probability of 1, the predicted value, or that of the likeliest class, which is
    the `decision`; there is one column `probability_<class>` each where there are several classes.

    Raises:
        ContractError: the features lack what the model takes, or have it in another type.
    """
    found = model.answer(inputs_of(f"product {product.name}", features, model))
    if found.scores.ndim == 1:
        return pd.DataFrame({SCORE: found.scores, DECISION: found.decisions})
    chances = {
        f"{PROBABILITY}{name}": found.scores[:, place]
        for place, name in enumerate(model.classes or ())
    }
    return pd.DataFrame({SCORE: np.max(found.scores, axis=1), DECISION: found.decisions, **chances})
