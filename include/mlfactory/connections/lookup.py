"""Finding a connection by its name: as Airflow does inside its tasks, else in the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mlfactory.connections.connection import Connection
from mlfactory.connections.texts import from_text
from mlfactory.product.errors import UsageError

Lookup = Callable[[str], Connection | None]
"""Returns the connection of a name, None if there is none.

It raises `ServiceError` if what keeps connections does not answer, and `ValueError`, without any
secret, if what it keeps by the name is no connection."""


def variable_of(name: str) -> str:
    """Return the variable of the environment that describes a connection, as Airflow has it."""
    return f"AIRFLOW_CONN_{name.upper()}"


def in_environment(name: str) -> Connection | None:
    """Return the connection that the environment describes, None if it does not.

    Raises:
        ValueError: if the variable is there, and describes none.
    """
    text = os.environ.get(variable_of(name), "")
    return from_text(name, text) if text.strip() else None


_lookups: list[Lookup] = [in_environment]
"""The last one is asked. A task is one process, with whatever threads; so this is no thread's."""


@contextmanager
def looked_up_by(lookup: Lookup) -> Iterator[None]:
    """Have connections found by `lookup` meanwhile: a task of Airflow begins with its own."""
    _lookups.append(lookup)
    try:
        yield
    finally:
        _lookups.remove(lookup)


def connection_named(name: str, asked_by: str) -> Connection:
    """Return the connection of a name.

    Args:
        asked_by: what an error begins with: the source that names it.

    Raises:
        UsageError: if nobody knows it, or it cannot be read.
        ServiceError: if what keeps connections does not answer.
    """
    try:
        found = _lookups[-1](name)
    except ValueError as error:
        raise UsageError(
            f"{asked_by}: the connection '{name}' cannot be read: {error}",
            remedy=f"write it again: airflow connections add, or {variable_of(name)}, as an "
            "address or as JSON",
        ) from None
    if found is None:
        raise UsageError(
            f"{asked_by}: there is no connection '{name}'",
            remedy=f"set {variable_of(name)} (an address like postgres://login:password@host/db, "
            "or JSON), or add it in Airflow: Admin, Connections",
        )
    return found
