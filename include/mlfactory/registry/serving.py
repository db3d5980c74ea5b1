"""A model as MLflow itself would serve it: by its file MLmodel alone."""

from __future__ import annotations

import tempfile
from pathlib import Path

import mlflow.pyfunc
import pandas as pd

from mlfactory.product.errors import FactoryError, IntegrityError
from mlfactory.registry.artifacts import stored_files


def served_by_mlflow(address: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return what MLflow's `python_function` of a stored model answers to a frame.

    Raises:
        FactoryError: if it cannot be loaded or asked.
    """
    files = stored_files(address)
    with tempfile.TemporaryDirectory(prefix="mlfactory-") as temporary:
        for name, content in files.items():
            path = Path(temporary, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        try:
            # without a look at every installed package, which takes longer than all the rest
            model = mlflow.pyfunc.load_model(temporary, suppress_warnings=True)
            answered = model.predict(frame)
        except FactoryError:
            raise
        except Exception as error:
            raise IntegrityError(
                f"{type(error).__name__}: {error}", remedy="train again"
            ) from error
    return pd.DataFrame(answered)
