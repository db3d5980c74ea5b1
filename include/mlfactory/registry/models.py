"""Models as files: written with the run that made them, read only if they are what was registered.

Every file of a stored model is covered by one digest. The ledger names it for every version that
was ever decided about, and the bytes that were held against it are the bytes that are loaded.
"""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from mlflow.entities import LoggedModelOutput
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from mlfactory.lake import ledger
from mlfactory.product.errors import IntegrityError, UsageError
from mlfactory.registry.answers import Answers, answers_table
from mlfactory.registry.artifacts import digest_of, put, shown, stored_files
from mlfactory.registry.connection import client, guarded
from mlfactory.registry.packing import ANSWERS_FILE, pack
from mlfactory.registry.pyfunc import EXAMPLE_FILE, MODEL_FILE, Scorer
from mlfactory.registry.trusted import load_trusted
from mlfactory.settings import settings

__all__ = ["LoadedModel", "StoredModel", "load_stored", "load_version", "log_model"]

_log = logging.getLogger(__name__)

DIGEST = "digest"
"""The tag of a version that holds the digest of its files."""

_VERSIONS_KEPT = 4


@dataclass(frozen=True)
class StoredModel:
    """A model that was stored with its run.

    Attributes:
        uri: MLflow's name for it, `models:/m-…`.
        address: of its files, which does not tell where the store is.
        digest: of its files.
    """

    uri: str
    address: str
    digest: str

    @property
    def id(self) -> str:
        """Return MLflow's id of it."""
        return self.uri.removeprefix("models:/")


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A stored model whose files were found unchanged.

    Attributes:
        version: in the registry; nothing where the model was loaded without it.
        tags: of the version, as they are now.
        expected: scores of the example's rows, recorded when the model was made.
    """

    product: str
    version: str
    scorer: Scorer
    tags: Mapping[str, str]
    expected: npt.NDArray[np.float64]

    @property
    def input_example(self) -> pd.DataFrame:
        """Return rows in the types the model was trained with."""
        return self.scorer.example

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the columns the model is given, in their order."""
        return tuple(str(column) for column in self.input_example.columns)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Return the names of the classes where there are several, else None."""
        return self.scorer.classes

    def answer(self, frame: pd.DataFrame) -> Answers:
        """Return scores and decisions for rows that have the model's inputs as columns.

        What the product's build function returns is enough.

        Raises:
            ContractError: if an input is missing, or is not of its kind.
        """
        return self.scorer.answer(frame)

    def table(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return score and decision of each row, see `registry.answers.answers_table`."""
        return answers_table(self.answer(frame), self.classes).set_index(frame.index)


@guarded()
def log_model(run_id: str, estimator: object, input_example: pd.DataFrame) -> StoredModel:
    """Store a fitted estimator with its run.

    Args:
        input_example: a few rows of model input, in the columns and types the model takes.

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
            pack(folder, about, estimator, input_example)
            files = put(logged.model_id, logged.artifact_location, folder)
    except BaseException:
        server.finalize_logged_model(logged.model_id, "FAILED")
        raise
    server.finalize_logged_model(logged.model_id, "READY")
    server.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return StoredModel(
        f"models:/{logged.model_id}", str(logged.artifact_location), digest_of(files)
    )


@guarded()
def load_version(product_name: str, version: str, *, digest: str | None = None) -> LoadedModel:
    """Return a registered version, checked against the digest of its files.

    The newest few are kept in the process.

    Args:
        digest: that the files must have; by default what the ledger says of this version. Of one
            that was never decided about it is what its own tag says.

    Raises:
        UsageError: there is no such version.
        IntegrityError: its files are gone or are others, no digest was recorded, or it holds types
            that are not trusted.
    """
    try:
        found = client().get_model_version(product_name, version)
    except MlflowException as error:
        # a version that is no number is as little there as one that was never given
        if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        raise UsageError(
            f"{product_name} has no version {version} in the registry",
            remedy=f"versions are numbers; see them: mlfactory status {product_name}",
        ) from error
    # the registry takes 01 for 1, and the ledger knows it as 1 alone
    version = str(found.version)
    tags = {str(key): str(value) for key, value in found.tags.items()}
    what, tagged = f"version {version} of {product_name}", tags.get(DIGEST, "")
    expected = digest or _decided(product_name, version) or tagged
    if not expected:
        raise IntegrityError(
            f"{what} has no tag '{DIGEST}': it was not registered by the factory, so nobody can "
            "tell whether its files are the right ones",
            remedy="train and promote through the factory",
        )
    if tagged != expected:
        _log.warning("%s: its tag '%s' is not what the ledger says", what, DIGEST)
    loaded = _load(settings().artifacts_uri, found.source, expected, tagged, what)
    return replace(loaded, product=product_name, version=version, tags=tags)


@guarded()
def load_stored(address: str, digest: str) -> LoadedModel:
    """Return a model by the address and the digest that its training recorded.

    Raises:
        IntegrityError: its files are gone or are others, or it holds types that are not trusted.
    """
    return _load(settings().artifacts_uri, address, digest, digest, "the model")


def _decided(product_name: str, version: str) -> str:
    """Return the digest that the newest decision about a version names, nothing if there is none.

    The ledger is what is right: files and tags can be swapped together.
    """
    for entry in reversed(ledger.entries(product_name, "promoted", "rejected")):
        if str(entry.details.get("version")) == version:
            return str(entry.details.get("digest", ""))
    return ""


@lru_cache(maxsize=_VERSIONS_KEPT)
def _load(store: str, address: str, digest: str, tagged: str, what: str) -> LoadedModel:
    """Load a model; where the store is belongs to what it is known by."""
    files = stored_files(address)
    if not files:
        raise IntegrityError(
            f"{what} cannot be loaded: there are no files at {shown(address)}",
            remedy="set MLFACTORY_HOME (or MLFACTORY_ARTIFACTS) to where they were moved, or put "
            "them back from a copy",
        )
    actual = digest_of(files)
    if actual != digest:
        raise IntegrityError(_refusal(what, actual, digest, tagged), remedy="train again")
    scorer = Scorer(
        load_trusted(files[MODEL_FILE], what), pd.read_parquet(io.BytesIO(files[EXAMPLE_FILE]))
    )
    answers = np.load(io.BytesIO(files[ANSWERS_FILE]), allow_pickle=False)
    return LoadedModel("", "", scorer, {}, answers)


def _refusal(what: str, actual: str, digest: str, tagged: str) -> str:
    if actual == tagged:
        return (
            f"{what} is refused: it is another model than the one decided about. Its files and its "
            f"tag have the digest {actual[:16]}…, and the ledger says {digest[:16]}…"
        )
    return (
        f"{what} is refused: the digest of its files is {actual[:16]}… and {digest[:16]}… was "
        "registered: a file was changed, added or removed"
    )
