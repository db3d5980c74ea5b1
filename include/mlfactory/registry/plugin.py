"""Lets MLflow itself find our artifacts where no server stands between.

Locations begin with `mlflow-artifacts:/`, which MLflow resolves by asking its server. With MLflow
as a file there is none, and the place is the one of our settings. This is registered in
pyproject.toml for MLflow to import, so that it must not import MLflow before it is called.
"""

from __future__ import annotations

from typing import Any


def repository(
    artifact_uri: str, tracking_uri: str | None = None, registry_uri: str | None = None
) -> Any:
    """Return MLflow's repository for an address that begins with `mlflow-artifacts:`."""
    from mlflow import get_tracking_uri
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
    from mlflow.store.artifact.mlflow_artifacts_repo import MlflowArtifactsRepository

    from mlfactory.registry.artifacts import path_of
    from mlfactory.settings import settings

    tracking = tracking_uri or get_tracking_uri()
    path = path_of(artifact_uri)
    if tracking.startswith(("http://", "https://")) or path is None:
        return MlflowArtifactsRepository(artifact_uri, tracking_uri, registry_uri)
    return get_artifact_repository(f"{settings().artifacts_uri}/{path}")
