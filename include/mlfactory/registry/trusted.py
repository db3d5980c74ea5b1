"""Which Python types a stored model may be made of: ours to say, never the stored model's."""

from __future__ import annotations

from typing import Any

from skops.io import get_untrusted_types, loads

from mlfactory.product.errors import IntegrityError

TRUSTED = (
    "functools.partial",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
)
"""Types beyond skops' own safe ones (scikit-learn's estimators, NumPy's arrays and functions) of
which the factory's pipelines are made: trees and their forests, and how histogram boosting checks
its categories. A partial is as safe as its function, which is checked for itself."""


def load_trusted(content: bytes, what: str) -> Any:
    """Return the estimator stored in `content`, a skops file.

    Args:
        what: names the model in the error.

    Raises:
        IntegrityError: if it is made of other types than the trusted ones, or is no skops file.
    """
    try:
        strange = sorted(set(get_untrusted_types(data=content)) - set(TRUSTED))
        if not strange:
            return loads(content, trusted=list(TRUSTED))
    except Exception as error:
        raise IntegrityError(
            f"{what} cannot be read as a skops file: {type(error).__name__}: {error}",
            remedy="train again",
        ) from error
    raise IntegrityError(
        f"{what} is refused: it holds types that are not trusted: {', '.join(strange)}",
        remedy="build models from scikit-learn's own pipelines, encoders and estimators only",
    )
