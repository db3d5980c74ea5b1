"""Asking a database: the bounds are bound, nothing can be written, the answer comes in pieces."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, CursorResult, create_engine, text
from sqlalchemy.pool import NullPool

from mlfactory.ingest.databases.addresses import Place
from mlfactory.ingest.databases.kinds import Column, told_columns
from mlfactory.ingest.databases.telling import explained
from mlfactory.ingest.opening import without_cells
from mlfactory.ingest.request import Request
from mlfactory.ingest.untold import Inexact, Untold
from mlfactory.product.errors import ContractError
from mlfactory.product.services import SqlSource

_log = logging.getLogger(__name__)

_PIECE = 16 << 20
"""Bytes of the answer that are held at once, as far as the rows before tell of those to come."""

_MOST_ROWS = 65_536
_GROWTH = 16

_CONNECT = 10
"""Seconds in which a server must let us in."""

_STREAMED = {"stream_results": True, "max_row_buffer": _MOST_ROWS}
"""The server keeps the answer, and gives it a piece at a time."""

_TELL_EVERY = 30.0
_UNNAMED = ("", "?column?")

_LIVELY = {
    "connect_timeout": _CONNECT,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""So that a server that is gone without a word is noticed, of PostgreSQL's library."""


@dataclass(frozen=True)
class Answer:
    """What a database answers: its columns, and its rows in their order, to be read once."""

    schema: pa.Schema
    tables: Iterator[pa.Table] = field(repr=False)


def query_digest(source: SqlSource) -> str:
    """Return the SHA-256 of what is asked, for the manifest."""
    return hashlib.sha256(source.query.encode()).hexdigest()


@contextmanager
def answer(request: Request, source: SqlSource, place: Place) -> Iterator[Answer]:
    """Ask a database for the rows of a partition, or for all where the source has no event times.

    Raises:
        ServiceError: if it does not answer, or is lost on the way.
        ContractError: if it refuses the query, or the answer cannot be taken.
    """
    with ExitStack() as stack:
        with explained(request, place):
            engine = create_engine(
                place.url, poolclass=NullPool, connect_args=_options(place), hide_parameters=True
            )
            connection = stack.enter_context(engine.connect())
            clock = _Clock(source.timeout.total_seconds())
            _guard(connection, place, clock)
            try:
                result = connection.execute(
                    text(_statement(source)), _bounds(request, place), execution_options=_STREAMED
                )
            except (ValueError, OverflowError) as error:  # of the first rows, which come with it
                raise _unfit(request, place, "", error) from None
            if not result.returns_rows:
                raise ContractError(
                    f"{request.where}: its query gives no rows",
                    remedy=f"write a SELECT into sources.{request.name}.query",
                )
            found = _answered(request, place, _Fetching(result, clock))
        yield found


def _options(place: Place) -> dict[str, Any]:
    options = _LIVELY if place.url.get_driver_name() == "psycopg2" else {}
    return {key: value for key, value in options.items() if key not in place.url.query}


def _statement(source: SqlSource) -> str:
    return source.query.strip().rstrip(";")


def _bounds(request: Request, place: Place) -> Mapping[str, Any]:
    """Return the bounds of the partition as the database compares its times with them."""
    if request.source.event_time is None:
        return {}
    start, end = request.partition.start, request.partition.end
    return {"start": _moment(start, place), "end": _moment(end, place)}


def _moment(at: datetime, place: Place) -> datetime | str:
    if place.dialect == "postgresql":
        return at
    # other drivers leave out the zone, or refuse it; SQLite has text only, and functions that
    # write it so
    plain = at.replace(tzinfo=None)
    return plain.isoformat(" ", "seconds") if place.dialect == "sqlite" else plain


@dataclass
class _Clock:
    """How long a database may be at work, from now on."""

    seconds: float
    _until: float = 0.0

    def __post_init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        self._until = time.monotonic() + self.seconds

    def has_run_out(self) -> bool:
        return time.monotonic() > self._until


@dataclass(frozen=True)
class _Fetching:
    """An answer whose rows are fetched; each time the clock starts anew, as PostgreSQL's does."""

    result: CursorResult[Any]
    clock: _Clock

    def rows(self, size: int) -> Sequence[Any]:
        """Return the next rows.

        Raises:
            Inexact: Python cannot hold one, such as a time after the year 9999.
        """
        self.clock.renew()
        try:
            return self.result.fetchmany(size)
        except (ValueError, OverflowError) as error:
            raise Inexact(str(error)) from error


def _guard(connection: Connection, place: Place, clock: _Clock) -> None:
    """Let nothing be written, no statement take longer, and times without a zone be UTC."""
    if place.dialect == "postgresql":
        # for this transaction only, as a pooler between us gives the session to others
        connection.execute(text("SET TRANSACTION READ ONLY"))
        connection.execute(text("SET LOCAL TIME ZONE 'UTC'"))
        connection.execute(text(f"SET LOCAL statement_timeout = {int(clock.seconds * 1000)}"))
    elif place.dialect == "sqlite":
        driver: Any = connection.connection.dbapi_connection
        driver.execute("PRAGMA query_only = ON")
        driver.set_progress_handler(clock.has_run_out, 10_000)


def _answered(request: Request, place: Place, fetching: _Fetching) -> Answer:
    cursor = fetching.result.cursor
    description: Sequence[Any] = cursor.description if cursor is not None else ()
    names = [str(each[0]) for each in description]
    _refuse_unnamed(request, names)
    request.check(names, place.shown)
    columns = told_columns(place.dialect, description)
    if columns is not None:
        schema = pa.schema([(column.name, column.kind) for column in columns])
        return Answer(schema, _typed(request, place, fetching, columns))
    untold = Untold(names)

    def keep(rows: Sequence[Any]) -> int:
        try:
            return untold.add(dict(zip(names, zip(*rows, strict=True), strict=True)))
        except Inexact as error:
            raise _unfit(request, place, "", error) from None

    for _ in _pieces(request, place, fetching, keep):
        pass
    return Answer(untold.schema, untold.tables())


def _typed(
    request: Request, place: Place, fetching: _Fetching, columns: Sequence[Column]
) -> Iterator[pa.Table]:
    held: list[pa.Table] = []

    def take(rows: Sequence[Any]) -> int:
        arrays = []
        for column, values in zip(columns, zip(*rows, strict=True), strict=True):
            try:
                arrays.append(column.array(values))
            except ValueError as error:
                raise _unfit(request, place, column.name, error) from None
        held.append(pa.table(arrays, names=[column.name for column in columns]))
        return int(held[-1].nbytes)

    with explained(request, place):
        for _ in _pieces(request, place, fetching, take):
            yield held.pop()


def _pieces(
    request: Request, place: Place, fetching: _Fetching, take: Callable[[Sequence[Any]], int]
) -> Iterator[None]:
    """Fetch rows piece by piece, each as large as the ones before say that it may be.

    Args:
        take: is given the rows of a piece, and returns their bytes.
    """
    size, seen, told = 1, 0, time.monotonic()
    while rows := _fetched(request, place, fetching, size):
        width = max(1, take(rows) // len(rows))
        yield
        seen += len(rows)
        size = max(1, min(size * _GROWTH, _MOST_ROWS, _PIECE // width))
        if time.monotonic() - told > _TELL_EVERY:
            told = time.monotonic()
            _log.info("%s: %s rows so far", request.where, f"{seen:,}")


def _fetched(request: Request, place: Place, fetching: _Fetching, size: int) -> Sequence[Any]:
    try:
        return fetching.rows(size)
    except Inexact as error:
        raise _unfit(request, place, "", error) from None


def _refuse_unnamed(request: Request, names: Sequence[str]) -> None:
    unnamed = [str(place) for place, name in enumerate(names, 1) if name in _UNNAMED]
    if unnamed:
        raise ContractError(
            f"{request.where}: column {', '.join(unnamed)} of its query has no name",
            remedy=f"give it one in sources.{request.name}.query: count(*) AS orders",
        )


def _unfit(request: Request, place: Place, column: str, error: Exception) -> ContractError:
    told = f"the column '{column}'" if column else "a column"
    told_of = without_cells(request, place.hide(str(error))[:300])
    return ContractError(
        f"{request.where}: {place.shown}: {told} cannot be taken: {told_of}",
        remedy=f"cast it in sources.{request.name}.query, for instance to text",
    )
