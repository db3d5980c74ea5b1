"""A training's run and model as they are copied to another MLflow: the same bytes, other ids."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput
from mlflow.exceptions import MlflowException

from mlfactory.product.errors import IntegrityError
from mlfactory.registry import runs
from mlfactory.registry.abandoned import PROCESS
from mlfactory.registry.artifacts import digest_of, keep, put, shown, stored_files
from mlfactory.registry.claims import agreed
from mlfactory.registry.connection import client, guarded
from mlfactory.registry.models import StoredModel

_OF_ITS_OWN = ("mlflow.", PROCESS, "mlfactory.version")
"""How tags begin that another MLflow gives, or that are about another registry."""


@dataclass(frozen=True)
class RunCopy:
    """What a run says: its figures as they were last, and the files that were kept with it."""

    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


@guarded()
def run_copy(run_id: str) -> RunCopy:
    """Return what a run says; nothing of one that MLflow has lost, for the lake has it as well."""
    try:
        run = client().get_run(run_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return RunCopy()
    tags = {key: str(of) for key, of in run.data.tags.items() if not key.startswith(_OF_ITS_OWN)}
    files = stored_files(str(run.info.artifact_uri))
    return RunCopy(dict(run.data.params), dict(run.data.metrics), tags, files)


@guarded()
def write_run(run_id: str, copy: RunCopy) -> None:
    """Let a run say what another says, and end it; harmless where it does already."""
    runs.log_params(run_id, copy.params)
    runs.log_metrics(run_id, copy.metrics)
    runs.set_tags(run_id, copy.tags)
    for name, content in copy.files.items():
        keep(run_id, name, content)
    runs.finish(run_id)


@guarded()
def model_files(address: str, digest: str) -> dict[str, bytes]:
    """Return the files of a stored model.

    Raises:
        IntegrityError: they are gone, or not those that were recorded.
    """
    files = stored_files(address)
    if digest_of(files) != digest:
        what = "are others than were recorded" if files else "are gone"
        raise IntegrityError(
            f"the files of the model at {shown(address)} {what}",
            remedy="put them back from a copy, or release another version",
        )
    return files


@guarded()
def write_model(
    product: str, training_id: str, run_id: str, files: Mapping[str, bytes], digest: str
) -> StoredModel:
    """Store the files of a model with its run, as they are; once only for a training."""
    server = client()
    experiment = str(server.get_run(run_id).info.experiment_id)

    def make() -> str:
        return str(server.create_logged_model(experiment, "model", run_id).model_id)

    def look() -> str | None:
        # one that was made by a release which was killed before it could claim it
        asked = f"source_run_id = '{run_id}'"
        found = server.search_logged_models([experiment], asked, max_results=1)
        return str(found[0].model_id) if found else None

    model_id = agreed(
        product,
        "model",
        f"{training_id}.{digest[:16]}",
        exists=lambda found: _exists(server, found),
        look=look,
        make=make,
        drop=lambda found: server.delete_logged_model(found),
    )
    address = str(server.get_logged_model(model_id).artifact_location)
    if digest_of(stored_files(address)) != digest:
        with tempfile.TemporaryDirectory(prefix="mlfactory-") as temporary:
            for name, content in files.items():
                path = Path(temporary, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            put(model_id, address, Path(temporary))
        server.finalize_logged_model(model_id, "READY")
        server.log_outputs(run_id, [LoggedModelOutput(model_id, step=0)])
    return StoredModel(f"models:/{model_id}", address, digest)


def _exists(server: MlflowClient, model_id: str) -> bool:
    try:
        server.get_logged_model(model_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False
    return True
