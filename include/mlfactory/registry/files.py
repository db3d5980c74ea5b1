"""The files of a stored model, and the digest by which they are known."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from mlflow.artifacts import download_artifacts

from mlfactory.registry.connection import client
from mlfactory.settings import settings

DIGEST = "digest"
"""The tag of a version that holds the digest of its files."""

_NOT_OURS = frozenset({"registered_model_meta"})
"""What MLflow writes into a local folder whenever anyone loads the version with it."""


def digest_of(folder: Path) -> str:
    """Return one digest of all files in a model's folder: their paths and contents."""
    return digest_of_files(_files(folder))


def digest_of_files(files: Mapping[str, bytes]) -> str:
    """Return one digest of files given as their paths and contents."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{hashlib.sha256(files[path]).hexdigest()}\n".encode())
    return digest.hexdigest()


def model_location(model_uri: str) -> str:
    """Return where the files of a stored model are, which its URI `models:/m-…` does not tell."""
    return str(client().get_logged_model(model_id(model_uri)).artifact_location)


def model_id(model_uri: str) -> str:
    """Return the id in the URI of a stored model."""
    return model_uri.removeprefix("models:/")


def stored_files(location: str) -> dict[str, bytes]:
    """Return the content of every file below `location`, by its path there."""
    parts = urlsplit(location)
    if parts.scheme in ("", "file"):
        return _files(Path(url2pathname(parts.path)))
    with tempfile.TemporaryDirectory(prefix="mlfactory-") as temporary:
        uri = settings().tracking_uri
        download_artifacts(artifact_uri=location, dst_path=temporary, tracking_uri=uri)
        return _files(Path(temporary))


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).as_posix() not in _NOT_OURS
    }
