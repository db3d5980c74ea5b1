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


_FERNET_KEY = "mlfactory_fernet_key"
_PII_KEY = "mlfactory_pii_key"

MADE: Mapping[str, Callable[[], str]] = {
    _FERNET_KEY: _fernet_key,
    # as long as the hash that signs with it (RFC 7518, 3.2)
    "mlfactory_jwt_secret": lambda: secrets.token_hex(32),
    "mlfactory_session_secret": _password,
    _PII_KEY: lambda: secrets.token_hex(32),
    # no secret, but made once, and the same for all parts
    "mlfactory_stack_name": lambda: f"server-{secrets.token_hex(4)}",
    "mlfactory_airflow_password": lambda: secrets.token_urlsafe(12),
    "postgres_password": _password,
    "airflow_database_password": _password,
    "mlflow_database_password": _password,
    "redis_password": _password,
}


_FOR_GOOD: Mapping[str, str] = {
    _FERNET_KEY: "what Airflow has encrypted with that one could not be read any more",
    _PII_KEY: "what was hashed with that one would not be known again",
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
        UsageError: if one that cannot be changed from here is given, and is another than before, or
            is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in _FOR_GOOD:
        _refuse_another(folder / name, os.environ.get(name.upper()))
    _refuse_no_key(os.environ.get(_FERNET_KEY.upper()))
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


def _refuse_no_key(given: str | None) -> None:
    """Make sure that Airflow can encrypt with a key; what it is when it is first used, it stays.

    It may be several with commas between, the newest first: so one is exchanged for another.
    """
    from cryptography.fernet import Fernet

    try:
        for key in given.split(",") if given else ():
            Fernet(key)
    except ValueError:
        raise UsageError(
            "MLFACTORY_FERNET_KEY is no key of Fernet: that is 32 bytes in URL-safe base64",
            remedy="give none, and one is made; or one of: python -c 'from cryptography.fernet "
            "import Fernet; print(Fernet.generate_key().decode())'",
        ) from None


def _refuse_another(path: Path, given: str | None) -> None:
    if not given or not path.exists():
        return
    former = path.read_text(encoding="utf-8")
    # with the former key behind the new one what was encrypted can be read
    keeps = path.name == _FERNET_KEY and given.endswith(f",{former}")
    if given != former and not keeps:
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
