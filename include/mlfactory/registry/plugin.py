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
    place = f"{settings().artifacts_uri}/{path}"
    return _in_our_bucket(place) if place.startswith("s3://") else get_artifact_repository(place)


def _in_our_bucket(address: str) -> Any:
    """Return MLflow's repository on S3 that goes there as the rest of the factory does."""
    from mlflow.store.artifact.s3_artifact_repo import S3ArtifactRepository

    from mlfactory.lake import s3

    class InOurBucket(S3ArtifactRepository):  # type: ignore[misc]  # MLflow is untyped here
        # MLflow's own goes where MLFLOW_S3_ENDPOINT_URL leads, and names the bucket in the host
        def _get_s3_client(self) -> Any:
            return s3.client()

    return InOurBucket(address)
