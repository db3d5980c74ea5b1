"""A fitted estimator made into the folder of files that MLflow, and we, load a model from."""

from __future__ import annotations

from importlib.metadata import version as installed
from pathlib import Path

import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import AnyType, ColSpec, DataType, Schema

from mlfactory.product.errors import IntegrityError
from mlfactory.registry import pyfunc
from mlfactory.registry.answers import answer_scores
from mlfactory.registry.pyfunc import EXAMPLE_FILE, MODEL_FILE, Scorer
from mlfactory.registry.trusted import TRUSTED

ANSWERS_FILE = "answers.npy"

_FILE = "MLmodel"
_REQUIREMENTS = ("numpy", "pandas", "pyarrow", "scikit-learn", "skops")


def pack(folder: Path, about: Model, estimator: object, example: pd.DataFrame) -> None:
    """Write a model's files into a new folder.

    MLflow loads it as `python_function` by `registry.pyfunc`, which gives score and decision, and
    as `sklearn` as the bare estimator.

    Raises:
        IntegrityError: the estimator holds types that could not be loaded again.
    """
    scorer = Scorer(estimator, example)
    said = scorer.predict(example)
    try:
        mlflow.sklearn.save_model(
            estimator,
            str(folder),
            mlflow_model=about,
            serialization_format="skops",
            skops_trusted_types=list(TRUSTED),
            signature=_signature(example, said),
            input_example=example,
            # inferred requirements would start a process and load the model in it
            pip_requirements=[f"{name}=={installed(name)}" for name in _REQUIREMENTS],
        )
    except MlflowException as error:
        raise IntegrityError(
            f"the model of run {about.run_id} cannot be stored, for it could not be loaded again: "
            f"{error.__context__ or error}",
            remedy="build models from scikit-learn's own pipelines, encoders and estimators only",
        ) from error
    flavour = {**about.flavors["python_function"], "loader_module": pyfunc.__name__}
    for name in ("model_path", "predict_fn", "data"):
        flavour.pop(name, None)
    about.flavors["python_function"] = flavour
    about.save(str(folder / _FILE))
    # beside MLflow's own JSON, which does not keep the types of columns without values
    example.to_parquet(folder / EXAMPLE_FILE, index=False)
    np.save(folder / ANSWERS_FILE, answer_scores(estimator, example), allow_pickle=False)
    if not (folder / MODEL_FILE).is_file():
        raise IntegrityError(f"MLflow did not write {MODEL_FILE}", remedy="use the locked version")


def _signature(example: pd.DataFrame, said: pd.DataFrame) -> ModelSignature:
    """Return the names of what goes in, and names and types of what comes out.

    MLflow would refuse whole numbers, truth values and categories for what it knows as a double
    or a string; which kind each input has to be is said when it is asked, by `registry.inputs`.
    """
    given = [ColSpec(AnyType(), str(name)) for name in example.columns]
    answered = [
        ColSpec(DataType.double if said[name].dtype.kind in "fiu" else DataType.string, str(name))
        for name in said.columns
    ]
    return ModelSignature(Schema(given), Schema(answered))
