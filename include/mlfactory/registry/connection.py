"""The way to MLflow: one client for the configured server or file, and clear errors without it."""

from __future__ import annotations

import fcntl
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.engine import make_url

from mlfactory.product.errors import ServiceError
from mlfactory.settings import settings, without_login

# what MLflow says of its own tables is of no use to who runs a task
for _name in ("mlflow", "alembic"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_REACH_SECONDS = 3.0


def client() -> MlflowClient:
    """Return the client of the configured MLflow, a server or a SQLite file alike.

    Raises:
        ServiceError: no server answers at the address, or the file's folder cannot be made.
    """
    uri = settings().tracking_uri
    if is_server(uri):
        _reach(uri)
    else:
        _make_folder(uri)
    with guarded():
        return _client(uri)


@contextmanager
def guarded() -> Iterator[None]:
    """Turn MLflow's errors about a server that is gone or a locked file into a `ServiceError`."""
    try:
        yield
    except MlflowException as error:
        text = str(error)
        if "API request to" in text or error.error_code == "TEMPORARILY_UNAVAILABLE":
            raise _unreachable(settings().tracking_uri, text) from error
        raise


@lru_cache(maxsize=4)
def _client(uri: str) -> MlflowClient:
    if is_server(uri):
        return MlflowClient(tracking_uri=uri, registry_uri=uri)
    # two processes that make the tables of an empty file at once would both fail
    with _alone(uri):
        made = MlflowClient(tracking_uri=uri, registry_uri=uri)
        made.search_registered_models(max_results=1)
    return made


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Keep other processes from a SQLite file, which no other machine has, meanwhile."""
    if not uri.startswith("sqlite:"):
        yield
        return
    path = Path(f"{make_url(uri).database}.lock")
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_server(uri: str) -> bool:
    """Tell whether MLflow is a server, not a database that this process opens itself."""
    return urlsplit(uri).scheme in ("http", "https")


def _reach(uri: str) -> None:
    address = urlsplit(uri)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), _REACH_SECONDS).close()
    except OSError as error:
        raise _unreachable(uri, str(error)) from error


def _make_folder(uri: str) -> None:
    if not uri.startswith("sqlite:"):
        return
    folder = Path(make_url(uri).database or "").parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unreachable(uri, str(error)) from error


def _unreachable(uri: str, reason: str) -> ServiceError:
    return ServiceError(
        f"MLflow does not answer at {without_login(uri)}: "
        f"{reason.replace(uri, without_login(uri))}",
        remedy="start it with `mlfactory up`, or set MLFACTORY_MLFLOW_URI to where it runs",
    )
