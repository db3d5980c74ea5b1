"""Whether a model is asked with features of the code that it was trained with."""

from __future__ import annotations

from mlfactory.lake import ledger
from mlfactory.product.loader import Product
from mlfactory.trainings.files import find_training


def other_code(product: Product, version: str, code_hash: str) -> str:
    """Return what to say where a version learned from other code than features were built with.

    Nothing where it did not, or where nobody knows: no decision was made about the version yet.

    Args:
        code_hash: of the product's code that built the features.
    """
    for entry in reversed(ledger.entries(product.name, *ledger.DECISIONS)):
        if str(entry.details.get("version")) == version:
            training = find_training(product.name, entry.subject)
            if training is None or training.code_hash == code_hash:
                return ""
            return (
                f"version {version} learned from features of other code of the product "
                f"({training.code_hash}) than these were built with ({code_hash}): they may mean "
                f"something else to it; train anew: mlfactory run {product.name} PARTITION "
                "--stage train --stage promote"
            )
    return ""
