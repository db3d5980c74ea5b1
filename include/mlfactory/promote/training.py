"""What a training left behind for its promotion: the files of stages snapshot and fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlfactory.lake.files import inside, product_root, read_json
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
    folder = training_folder(product.name, training_id)
    snapshot, fit = read_json(folder / "snapshot.json"), read_json(folder / "fit.json")
    if not snapshot or not fit:
        missing = "snapshot" if not snapshot else "fit"
        raise UsageError(
            f"product {product.name}: training '{training_id}' cannot be judged, for its stage "
            f"{missing} has left nothing in {folder}",
            remedy=f"run stage {missing} of this training first",
        )
    return Trained(snapshot, fit)


def read_gates(product: Product, training_id: str) -> dict[str, Any]:
    """Return how a training's model was judged.

    Raises:
        UsageError: if it was not judged.
    """
    path = training_folder(product.name, training_id) / GATES_FILE
    judged = read_json(path)
    if not judged:
        raise UsageError(
            f"product {product.name}: training '{training_id}' was not judged, {path} is missing",
            remedy="run stage judge of this training first",
        )
    return judged


def training_folder(product: str, training_id: str) -> Path:
    """Return the folder of a training's files.

    Raises:
        UsageError: if the id leads out of the product's folder.
    """
    return inside(product_root(product) / "trainings", training_id)
