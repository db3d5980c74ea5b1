"""What a training left behind for its promotion: the files of stages snapshot and fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlfactory.lake.catalog import training_file
from mlfactory.lake.store import find_json, product_store
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product

GATES_FILE = "gates.json"
HOLDOUT_FILE = "holdout.parquet"


@dataclass(frozen=True)
class Trained:
    """A training whose model waits to be judged: what was pinned, and what was fitted."""

    snapshot: Mapping[str, Any]
    fit: Mapping[str, Any]

    @property
    def training_id(self) -> str:
        """Return the id of the training."""
        return str(self.snapshot["training_id"])

    @property
    def cutoff(self) -> str:
        """Return the key of the partition at which the training looked at the lake."""
        return str(self.snapshot["partition"])

    @property
    def fit_partitions(self) -> tuple[str, ...]:
        """Return the keys of the partitions whose rows were fitted."""
        return tuple(self.snapshot["fit_partitions"])

    @property
    def holdout_partitions(self) -> tuple[str, ...]:
        """Return the keys of the partitions held out, oldest first."""
        return tuple(self.snapshot["holdout_partitions"])

    @property
    def seen_through(self) -> str:
        """Return the newest partition that fitting, selection or the gates have looked at."""
        return self.holdout_partitions[-1]

    @property
    def run_id(self) -> str:
        """Return the id of the training's run in MLflow."""
        return str(self.fit["run_id"])


def read_trained(product: Product, training_id: str) -> Trained:
    """Return what a training left behind.

    Raises:
        UsageError: if it was not pinned, or not fitted to its end.
    """
    snapshot, fit = find_trained(product.name, training_id)
    if not snapshot or not fit:
        missing = "snapshot" if not snapshot else "fit"
        file = training_file(training_id, f"{missing}.json")
        raise UsageError(
            f"product {product.name}: training '{training_id}' cannot be judged, for its stage "
            f"{missing} has left no {product_store(product.name).address(file)}",
            remedy=f"run stage {missing} of this training first",
        )
    return Trained(snapshot, fit)


def find_trained(product: str, training_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what was pinned and what was fitted in a training, each empty if it was not."""
    store = product_store(product)
    snapshot = find_json(store, training_file(training_id, "snapshot.json"))
    return snapshot or {}, find_json(store, training_file(training_id, "fit.json")) or {}


def read_gates(product: Product, training_id: str) -> dict[str, Any]:
    """Return how a training's model was judged.

    Raises:
        UsageError: if it was not judged.
    """
    store, file = product_store(product.name), training_file(training_id, GATES_FILE)
    judged = find_json(store, file)
    if not judged:
        raise UsageError(
            f"product {product.name}: training '{training_id}' was not judged, "
            f"{store.address(file)} is missing",
            remedy="run stage judge of this training first",
        )
    return judged
