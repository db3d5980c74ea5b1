"""A training as it was pinned: what it learns from, what it is judged by, what it may spend.

A training of one id is one training for ever: what was pinned is never pinned anew, so that to run
any of its stages again makes the same.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from mlfactory.lake.catalog import training_file
from mlfactory.lake.store import find_json, product_store, write_json
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product

SNAPSHOT_FILE = "snapshot.json"
FIT_FILE = "fit.json"


@dataclass(frozen=True)
class Training:
    """All that decides what a training does, but the code.

    Attributes:
        features_version: of the Delta table `features`; likewise `labels_version`.
        trials: of all candidates together.
        seconds: of the search of all candidates together.
    """

    product: str
    partition: str
    training_id: str
    reason: str
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


def save_training(training: Training) -> None:
    """Write what was pinned; the training's other stages begin by reading it."""
    name = training_file(training.training_id, SNAPSHOT_FILE)
    write_json(product_store(training.product), name, asdict(training))


def find_training(product: Product, training_id: str) -> Training | None:
    """Return a training that was pinned, None if there is none of this id.

    Raises:
        UsageError: if the spec was changed since.
    """
    name = training_file(training_id, SNAPSHOT_FILE)
    content = find_json(product_store(product.name), name)
    if not content:
        return None
    lists = ("fit_partitions", "holdout_partitions", "candidates")
    training = Training(**{**content, **{name: tuple(content[name]) for name in lists}})
    if training.spec_hash != product.spec_hash:
        raise UsageError(
            f"training {training_id} of {product.name} was begun with another product.yaml",
            remedy="start a new training, with an id of its own",
        )
    return training


def load_training(product: Product, training_id: str) -> Training:
    """Return a training that was pinned.

    Raises:
        UsageError: if there is none of this id, or the spec was changed since.
    """
    training = find_training(product, training_id)
    if training is None:
        raise UsageError(
            f"product {product.name} has no training '{training_id}'",
            remedy="its first stage is snapshot; run that one before search and fit",
        )
    return training
