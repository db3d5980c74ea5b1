"""Trainings as stage fit would leave them, of a model that a test has made itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mlfactory.product.loader import Product
from mlfactory.registry import answers, models, runs
from mlfactory.statistics.naive import naive_of
from mlfactory.statistics.profile import profile_of
from mlfactory.trainings import files
from mlfactory.trainings.blocks import days
from mlfactory.trainings.heldout import HeldOut, answers_frame, save_held_out
from mlfactory.trainings.outcomes import answer
from mlfactory.trainings.records import Fitted, Threshold, Training


def pinned(
    product: Product, training_id: str, cutoff: str, fit: list[str], **more: Any
) -> Training:
    """Return what stage snapshot would have pinned."""
    values: dict[str, Any] = {
        "product": product.name,
        "partition": cutoff,
        "training_id": training_id,
        "reason": "test",
        "pinned_at": "2026-01-01T00:00:00+00:00",
        "features_version": 0,
        "labels_version": 0,
        "fit_partitions": tuple(fit),
        "holdout_partitions": (cutoff,),
        "fit_rows": 0,
        "holdout_rows": 0,
        "seed": 7,
        "trials": 1,
        "seconds": 1,
        "candidates": ("logistic_regression",),
        "spec_hash": product.spec_hash,
        "code_hash": product.code_hash,
        "code_revision": "test",
        "lock_hash": "test",
    }
    return Training(**{**values, **more})


def leave(
    product: Product,
    training: Training,
    model: Any,
    fitted_rows: pd.DataFrame,
    fitted_y: Any,
    held_out: pd.DataFrame,
    held_out_y: Any,
    threshold: float | None,
    blocks: Any = None,
) -> Fitted:
    """Store the model with its run, and leave the training's records.

    Args:
        fitted_rows: with the inputs, and the event time if there is one.
        blocks: of the held-out rows; their days by default, of a snapshot none.
    """
    inputs = list(product.spec.features.inputs)
    time = product.spec.features.event_time
    run_id = runs.training_run(product, training.partition, training.training_id)
    stored = models.log_model(run_id, model, fitted_rows[inputs].head(10))
    said = answer(model, held_out[inputs])
    if blocks is None and time:
        blocks = days(held_out[time])
    files.pin(training, product)
    ours = answers_frame(
        np.asarray(held_out_y), None if blocks is None else np.asarray(blocks), None, said
    )
    save_held_out(product.name, training.training_id, HeldOut(held_out, ours))
    kinds = dict.fromkeys(product.spec.features.numeric, "numeric")
    kinds |= dict.fromkeys(product.spec.features.categorical, "categorical")
    times = fitted_rows[time] if time else None
    profile = profile_of(fitted_rows, kinds, times, product.calendar.every)
    files.save_profile(product.name, training.training_id, profile)
    figures = (threshold or 0.0,) * 5
    fitted = Fitted(
        training_id=training.training_id,
        run_id=run_id,
        model_uri=stored.uri,
        model=stored.address,
        digest=stored.digest,
        candidate="logistic_regression",
        params={},
        threshold=None if threshold is None else Threshold(*figures, len(fitted_rows)),
        classes=answers.class_names(model),
        search_metric=product.spec.search_metric,
        search_score=None,
        naive=naive_of(np.asarray(fitted_y), product.spec.label.kind),
        metrics={},
    )
    files.save_fitted(product.name, fitted)
    runs.finish(run_id)
    return fitted
