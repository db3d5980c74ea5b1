"""Models as files: written with the run that made them, read only if they are what was registered.

Every file of a stored model is covered by one digest, kept as a tag of its version; the bytes that
were checked are the bytes that are loaded.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import mlflow.sklearn
import numpy as np
import numpy.typing as npt
import pandas as pd
import yaml
from mlflow.entities import LoggedModelOutput
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature, infer_signature

from mlfactory.product.errors import IntegrityError, UsageError
from mlfactory.registry.answers import Answers, answer_decisions, answer_scores, class_names
from mlfactory.registry.connection import client, guarded
from mlfactory.registry.files import DIGEST, digest_of, digest_of_files, stored_files
from mlfactory.registry.trusted import TRUSTED, load_trusted
from mlfactory.settings import settings

__all__ = ["LoadedModel", "digest_of", "load_version", "log_model"]

_MODEL, _EXAMPLE, _ANSWERS = "model.skops", "example.parquet", "answers.npy"
_REQUIREMENTS = ("numpy", "pandas", "scikit-learn", "skops")
_VERSIONS_KEPT = 4


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A registered version whose files were found unchanged.

    Attributes:
        tags: of the version, as they are now.
        input_example: rows in the types the model was trained with.
        expected: scores of the example's rows, recorded when the model was made.
    """

    product: str
    version: str
    estimator: Any
    tags: Mapping[str, str]
    signature: ModelSignature
    input_example: pd.DataFrame
    expected: npt.NDArray[np.float64]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the columns the model is given, in their order."""
        return tuple(str(column) for column in self.input_example.columns)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Return the names of the classes where there are several, else None."""
        return class_names(self.estimator)

    def answer(self, frame: pd.DataFrame) -> Answers:
        """Return scores and decisions for rows that have the model's inputs as columns."""
        rows = frame[list(self.inputs)]
        scores = answer_scores(self.estimator, rows)
        return Answers(scores, answer_decisions(self.estimator, rows, scores))


@guarded()
def log_model(run_id: str, estimator: Any, input_example: pd.DataFrame, outputs: Any) -> str:
    """Store a fitted estimator with its run and return its URI.

    Args:
        input_example: a few rows of model input, in the columns and types the model takes.
        outputs: what the estimator predicts for them; gives the signature its output.

    Raises:
        IntegrityError: the estimator holds types that could not be loaded again.
    """
    server = client()
    run = server.get_run(run_id)
    logged = server.create_logged_model(run.info.experiment_id, "model", run_id)
    about = Model(
        artifact_path=logged.artifact_location,
        model_uuid=logged.model_id,
        run_id=run_id,
        model_id=logged.model_id,
    )
    try:
        with tempfile.TemporaryDirectory(prefix="mlfactory-") as temporary:
            folder = Path(temporary) / "model"
            _save(folder, about, estimator, input_example, outputs)
            server.log_model_artifacts(logged.model_id, str(folder))
    except BaseException:
        server.finalize_logged_model(logged.model_id, "FAILED")
        raise
    server.finalize_logged_model(logged.model_id, "READY")
    server.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return f"models:/{logged.model_id}"


@guarded()
def load_version(product_name: str, version: str) -> LoadedModel:
    """Return a registered version, checked against the digest of its registration.

    The newest few are kept in the process, by product, version and digest.

    Raises:
        UsageError: there is no such version.
        IntegrityError: its files are not those that were registered, no digest was recorded, or
            it holds types that are not trusted.
    """
    try:
        found = client().get_model_version(product_name, version)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise UsageError(f"{product_name} has no version {version} in the registry") from error
    tags = {str(key): str(value) for key, value in found.tags.items()}
    if not tags.get(DIGEST):
        raise IntegrityError(
            f"version {version} of {product_name} has no tag '{DIGEST}': it was not registered "
            "by the factory, so nobody can tell whether its files are the right ones",
            remedy="train and promote through the factory",
        )
    # the settings are part of the key, for another registry has its own version of the number
    registry = settings().tracking_uri
    checked = _load_checked(registry, product_name, version, tags[DIGEST], found.source)
    return replace(checked, tags=tags)


@lru_cache(maxsize=_VERSIONS_KEPT)
def _load_checked(
    registry: str, product: str, version: str, digest: str, location: str
) -> LoadedModel:
    what = f"version {version} of {product}"
    files = stored_files(location)
    actual = digest_of_files(files)
    if actual != digest:
        raise IntegrityError(
            f"{what} is refused: the digest of its files is {actual[:16]}… and {digest[:16]}… "
            f"was registered; a file of {location} was changed, added or removed",
            remedy="train again",
        )
    about = yaml.safe_load(files["MLmodel"])
    answers = np.load(io.BytesIO(files[_ANSWERS]), allow_pickle=False)
    return LoadedModel(
        product=product,
        version=version,
        estimator=load_trusted(files[_MODEL], what),
        tags={},
        signature=ModelSignature.from_dict(about["signature"]),
        input_example=pd.read_parquet(io.BytesIO(files[_EXAMPLE])),
        expected=answers,
    )


def _without_integers(outputs: Any) -> Any:
    # MLflow warns of whole numbers that could be missing, which an answer never is
    values = np.asarray(outputs)
    return values.astype(np.float64) if np.issubdtype(values.dtype, np.integer) else outputs


def _save(
    folder: Path, about: Model, estimator: Any, input_example: pd.DataFrame, outputs: Any
) -> None:
    try:
        mlflow.sklearn.save_model(
            estimator,
            str(folder),
            mlflow_model=about,
            serialization_format="skops",
            skops_trusted_types=list(TRUSTED),
            signature=infer_signature(input_example, _without_integers(outputs)),
            input_example=input_example,
            # inferred requirements would start a process and load the model in it
            pip_requirements=[f"{name}=={installed(name)}" for name in _REQUIREMENTS],
        )
    except MlflowException as error:
        raise IntegrityError(
            f"the model of run {about.run_id} cannot be stored, for it could not be loaded again: "
            f"{error.__context__ or error}",
            remedy="build models from scikit-learn's own pipelines, encoders and estimators only",
        ) from error
    # beside MLflow's own JSON, which does not keep the types of columns without values
    input_example.to_parquet(folder / _EXAMPLE, index=False)
    np.save(folder / _ANSWERS, answer_scores(estimator, input_example), allow_pickle=False)
