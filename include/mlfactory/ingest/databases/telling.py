"""What a database's error means: that it is away for a while, or that the question is wrong."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    SQLAlchemyError,
)

from mlfactory.ingest.databases.addresses import Place
from mlfactory.ingest.opening import without_cells
from mlfactory.ingest.request import Request
from mlfactory.product.errors import ContractError, FactoryError, ServiceError

_LONGEST_QUOTE = 300

_PASSING = ("08", "40", "53", "55", "57P", "58", "XX")
"""How PostgreSQL's codes begin of what passes: lost connections, conflicts with recovery, no room,
locks, a server that ends or starts, its disk."""

_TIMED_OUT = "57014"

_NOT_LET_IN = (
    "authentication failed",
    "no password supplied",
    "does not exist",
    "pg_hba.conf",
    "access denied",
    "login failed",
    "invalid username/password",
    "invalid connection option",
)
"""What drivers say when trying again would lock an account at best."""

_SQLITE_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR)


@contextmanager
def explained(request: Request, place: Place) -> Iterator[None]:
    """Turn what a database or its driver raises into an error that says what to do.

    The database's own sentence is quoted; of what we asked and with which login, nothing is.
    """
    try:
        yield
    except (NoSuchModuleError, ImportError) as error:
        missing = getattr(error, "name", None) or "unknown to SQLAlchemy"
        raise ContractError(
            f"{request.where}: there is no driver for {place.url.drivername} ({missing}) here",
            remedy="install its Python package where the factory runs, and name it in the address "
            "if it is not SQLAlchemy's first choice, as in mysql+pymysql://",
        ) from None
    except DBAPIError as error:
        raise _told(request, place, error) from None
    except (ArgumentError, SQLAlchemyError) as error:
        said = without_cells(request, _quoted(place, str(error)))
        raise ContractError(
            f"{request.where}: {place.shown} cannot be asked: {said}",
            remedy="correct the address, the connection or the query",
        ) from None


def _told(request: Request, place: Place, error: DBAPIError) -> FactoryError:
    said = _sentence(place, error)
    shown = without_cells(request, said)
    if _is_timeout(error):
        return ServiceError(
            f"{request.where}: {place.shown} gave no row in time: {shown}",
            remedy=f"make the query cheaper (an index on its times?), or raise "
            f"sources.{request.name}.timeout",
        )
    if _passes(error, said):
        return ServiceError(
            f"{request.where}: {place.shown} does not answer, or no longer: {shown}; nothing of "
            "its answer was landed",
            remedy="run it again when the database answers",
        )
    if _sqlstate(error) is None and any(words in said.lower() for words in _NOT_LET_IN):
        return ContractError(
            f"{request.where}: {place.shown} does not let us in: {shown}",
            remedy="correct the connection (login, password, database), or let its login in",
        )
    return ContractError(
        f"{request.where}: {place.shown} refuses the query: {shown}",
        remedy=f"correct sources.{request.name}.query, or what its login may read",
    )


def _passes(error: DBAPIError, said: str) -> bool:
    code = _sqlstate(error)
    if code is not None:
        return code.startswith(_PASSING)
    origin = error.orig
    if isinstance(origin, sqlite3.Error):
        # extended codes have the plain one in their lowest byte
        return (getattr(origin, "sqlite_errorcode", 0) & 0xFF) in _SQLITE_PASSING
    if any(words in said.lower() for words in _NOT_LET_IN):
        return False
    return error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)


def _is_timeout(error: DBAPIError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    return _sqlstate(error) == _TIMED_OUT or code == sqlite3.SQLITE_INTERRUPT


def _sqlstate(error: DBAPIError) -> str | None:
    """Return PostgreSQL's code of an error that it told, None of one that a driver made."""
    found: Any = getattr(error.orig, "pgcode", None) or getattr(error.orig, "sqlstate", None)
    return found if isinstance(found, str) else None


def _sentence(place: Place, error: DBAPIError) -> str:
    said = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    # what a driver adds in further lines is advice for its own users
    return _quoted(place, said or str(error.orig).strip().partition("\n")[0])


def _quoted(place: Place, text: str) -> str:
    said = " ".join(place.hide(text).split())
    return said if len(said) <= _LONGEST_QUOTE else f"{said[:_LONGEST_QUOTE]}…"
