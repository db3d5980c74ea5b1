"""Where a database is: the address that a source has, or the one that its connection means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy.engine import URL, make_url

from mlfactory.connections import Connection, connection_named
from mlfactory.ingest.request import Request
from mlfactory.product.errors import ContractError, LateSourceError
from mlfactory.product.services import SqlSource

_DIALECTS = {
    "postgres": "postgresql",
    "pgsql": "postgresql",
    "mssql": "mssql+pymssql",
}
"""Airflow's kinds of connections that SQLAlchemy calls otherwise."""

_DRIVERS = {"postgresql": "postgresql+psycopg2"}
"""Ours, where none is named: the one that is installed with the factory."""

_OF_AIRFLOW = frozenset({"sqlalchemy_scheme", "cursor", "iam", "redshift", "aws_conn_id"})
"""Keys of `extra` that are meant for Airflow's own hooks, and that no driver knows."""


def _as_it_is(text: str) -> str:
    return text


@dataclass(frozen=True)
class Place:
    """Where a database is.

    Attributes:
        url: with the password, if there is one; its own text shows none.
        shown: what messages and manifests call it.
        hide: takes secrets out of what the database or its driver says.
    """

    url: URL = field(repr=False)
    shown: str
    hide: Callable[[str], str] = field(default=_as_it_is, repr=False)

    @property
    def dialect(self) -> str:
        """Return the name of the kind of database, such as `sqlite`."""
        return self.url.get_backend_name()


def place_of(request: Request, source: SqlSource) -> Place:
    """Return where the database of a source is.

    Raises:
        UsageError: if its connection is not known.
        ContractError: if what it says is no address.
        LateSourceError: if it is a file that is not there.
    """
    if source.connection is None:
        url = make_url(str(source.url))
        hide = _as_it_is
    else:
        connection = connection_named(source.connection, request.where)
        url, hide = _meant(request, connection), connection.hide
    if url.get_backend_name() == "sqlite":
        return _of_file(request, url)
    if "+" not in url.drivername:
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    return Place(url, _shown(url), hide)


def _meant(request: Request, connection: Connection) -> URL:
    """Return the address that a connection means, as Airflow's own hooks make it."""
    scheme = connection.extra.get("sqlalchemy_scheme")
    name = str(scheme or _DIALECTS.get(connection.kind, connection.kind))
    if connection.kind == "sqlite":
        return URL.create("sqlite", database=connection.schema or connection.host)
    if not name:
        raise ContractError(
            f"{request.where}: the connection '{connection.name}' does not say which database it "
            "is of",
            remedy="give it the kind of its database, such as postgres, or a sqlalchemy_scheme "
            "in its extra, such as mysql+pymysql",
        )
    return URL.create(
        name,
        username=connection.login or None,
        password=connection.password or None,
        host=connection.host or None,
        port=connection.port,
        database=connection.schema or None,
        query=_query(connection.extra),
    )


def _query(extra: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: str(value)
        for key, value in extra.items()
        if key not in _OF_AIRFLOW
        and not key.startswith("__")
        and isinstance(value, str | int)
        and not isinstance(value, bool)
    }


def _of_file(request: Request, url: URL) -> Place:
    """Return the place of a database of SQLite, opened so that nothing can be written."""
    if not url.database or url.database == ":memory:":
        raise ContractError(
            f"{request.where}: its address names no file",
            remedy="write it as sqlite:///orders.db, relative to the product's folder",
        )
    file = (request.product.folder / Path(url.database)).absolute()
    if not file.is_file():
        raise LateSourceError(
            f"{request.where}: there is no database {file}",
            remedy="run it again when the file has arrived, or correct its address",
        )
    database = f"file:{quote(str(file))}"
    query = {"mode": "ro", "uri": "true"}
    return Place(URL.create("sqlite", database=database, query=query), f"sqlite:///{file}")


def _shown(url: URL) -> str:
    port = f":{url.port}" if url.port else ""
    return f"{url.get_backend_name()}://{url.host or ''}{port}/{url.database or ''}"
