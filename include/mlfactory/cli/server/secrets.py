"""Secrets of a server, made at its first start: files that only its parts read."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from mlfactory.lake.store import write_whole
from mlfactory.product.errors import UsageError


def _password() -> str:
    # without signs that have a meaning in an address
    return secrets.token_hex(24)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


MADE: Mapping[str, Callable[[], str]] = {
    "mlfactory_fernet_key": _fernet_key,
    # as long as the hash that signs with it (RFC 7518, 3.2)
    "mlfactory_jwt_secret": lambda: secrets.token_hex(32),
    "mlfactory_session_secret": _password,
    # no secret, but made once, and the same for all parts
    "mlfactory_stack_name": lambda: f"server-{secrets.token_hex(4)}",
    "mlfactory_airflow_password": lambda: secrets.token_urlsafe(12),
    "postgres_password": _password,
    "airflow_database_password": _password,
    "mlflow_database_password": _password,
    "redis_password": _password,
}


_FOR_GOOD: Mapping[str, str] = {
    "mlfactory_fernet_key": "what Airflow has encrypted with that one could not be read any more",
    "postgres_password": "PostgreSQL keeps the one that it was made with",
}
"""What a start after the first cannot change, and why."""


def make_secrets(folder: Path, postgres: str, redis: str) -> Iterator[str]:
    """Write every secret that is not there yet, and the addresses that have one in them.

    A secret that the environment has under its own name (`MLFACTORY_FERNET_KEY`) is taken from
    there. What is there stays: a start after the first changes nothing.

    Args:
        folder: where the files lie, each readable by the user of the parts alone.
        postgres: host and port of PostgreSQL.
        redis: host and port of Redis.

    Yields:
        The name of each file that was written.

    Raises:
        UsageError: if one that cannot be changed from here is given, and is another than before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in _FOR_GOOD:
        _refuse_another(folder / name, os.environ.get(name.upper()))
    for name, made in MADE.items():
        given = os.environ.get(name.upper())
        absent = not (folder / name).exists()
        if (given or absent) and _write(folder / name, given or made()):
            yield name
    have = {
        # a `/` or `@` of a password that was given would end it
        name: quote((folder / name).read_text(encoding="utf-8"), safe="")
        for name in MADE
        if name.endswith("_password")
    }
    addresses = {
        "mlfactory_airflow_database": (
            f"postgresql+psycopg2://airflow:{have['airflow_database_password']}@{postgres}/airflow"
        ),
        "mlfactory_mlflow_database": (
            f"postgresql+psycopg2://mlflow:{have['mlflow_database_password']}@{postgres}/mlflow"
        ),
        "mlfactory_broker": f"redis://:{have['redis_password']}@{redis}/0",
    }
    for name, address in addresses.items():
        if _write(folder / name, address):
            yield name


def _refuse_another(path: Path, given: str | None) -> None:
    if given and path.exists() and path.read_text(encoding="utf-8") != given:
        raise UsageError(
            f"{path.name.upper()} is another than at the first start, and {_FOR_GOOD[path.name]}",
            remedy=f"give the former one, or none: {path} has it",
        )


def _write(path: Path, content: str) -> bool:
    with suppress(FileNotFoundError):
        if path.read_text(encoding="utf-8") == content:
            return False
    write_whole(path, content.encode(), mode=0o600)
    return True
