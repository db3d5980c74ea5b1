"""The files of runs and models: in our own store where it is ours, else the way of MLflow's client.

They lie in MLflow's own layout, and MLflow knows them by addresses like `mlflow-artifacts:/shop/…`
that do not tell where the store is: a home that moves takes them along.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from mlflow.artifacts import download_artifacts

from mlfactory.lake.store import Store, store_at
from mlfactory.registry.connection import client, is_server
from mlfactory.settings import settings

SCHEME = "mlflow-artifacts:/"

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_NOT_OURS = frozenset({"registered_model_meta"})
"""What MLflow writes into a local folder whenever anyone loads the version with it."""


def location_of(experiment: str) -> str | None:
    """Return where an experiment's artifacts belong, None where a distant server decides that."""
    return f"{SCHEME}{experiment}" if _is_ours() else None


def path_of(address: str) -> str | None:
    """Return the path below the store that an address names; None if it names another place."""
    rest = address.removeprefix(SCHEME)
    if rest == address or rest.startswith("/"):
        return None
    return rest.strip("/")


def own_store(address: str) -> Store | None:
    """Return the store of the files at an address, None if they are not in a store of ours."""
    path = path_of(address)
    if path is None or not _is_ours():
        return None
    return store_at(settings().artifacts_uri).below(path)


def shown(address: str) -> str:
    """Return where an address leads, for a message."""
    store = own_store(address)
    return address if store is None else store.address()


def keep(run_id: str, name: str, content: bytes) -> None:
    """Keep a file with a run."""
    store = own_store(_run_address(settings().tracking_uri, run_id))
    if store is not None:
        store.write(name, content)
        return
    folder, _, base = name.rpartition("/")
    with tempfile.TemporaryDirectory(prefix="mlfactory-") as temporary:
        path = Path(temporary, base)
        path.write_bytes(content)
        client().log_artifact(run_id, str(path), folder or None)


def kept(run_id: str, name: str) -> bytes:
    """Return a file that was kept with a run."""
    store = own_store(_run_address(settings().tracking_uri, run_id))
    if store is not None:
        return store.read(name)
    with tempfile.TemporaryDirectory(prefix="mlfactory-") as temporary:
        return Path(client().download_artifacts(run_id, name, temporary)).read_bytes()


def put(model_id: str, address: str, folder: Path) -> dict[str, bytes]:
    """Store the files of a local folder as those of a model, and return them."""
    found = _files(folder)
    store = own_store(address)
    if store is None:
        client().log_model_artifacts(model_id, str(folder))
        return found
    for name, content in found.items():
        store.write(name, content)
    return found


def stored_files(address: str) -> dict[str, bytes]:
    """Return the content of every file below an address by its path there; none if it is empty."""
    store = own_store(address)
    if store is not None:
        names = [name for name in store.list() if name not in _NOT_OURS]
        return store.read_many(names)
    parts = urlsplit(address)
    if parts.scheme == "file":
        return _files(Path(parts.path))
    with tempfile.TemporaryDirectory(prefix="mlfactory-") as temporary:
        uri = settings().tracking_uri
        download_artifacts(artifact_uri=address, dst_path=temporary, tracking_uri=uri)
        return _files(Path(temporary))


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return one digest of files given as their paths and contents."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{hashlib.sha256(files[path]).hexdigest()}\n".encode())
    return digest.hexdigest()


def _is_ours() -> bool:
    """Tell whether artifacts lie where our settings say, whoever serves them to a browser.

    So they do without a server, with one on this machine, and where the settings name the place.
    """
    uri = settings().tracking_uri
    if not is_server(uri) or settings().artifacts is not None:
        return True
    return urlsplit(uri).hostname in _LOOPBACK | {settings().host}


@lru_cache(maxsize=64)
def _run_address(registry: str, run_id: str) -> str:
    return str(client().get_run(run_id).info.artifact_uri)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder).as_posix() not in _NOT_OURS
    }
