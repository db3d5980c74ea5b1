"""MLflow's database: copied whole at one moment while others write, and put back whole."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, create_engine, inspect, text
from sqlalchemy.engine import make_url

from mlfactory.lake.store import write_whole
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.settings import settings, without_login

_FILLED = ("runs", "registered_models")
"""Tables of MLflow that are empty where nobody has used it."""


_LEADS_ELSEWHERE = frozenset(
    f"PG{what}"
    for what in (
        *("HOST", "HOSTADDR", "PORT", "DATABASE", "USER", "PASSWORD", "SERVICE", "SERVICEFILE"),
        *("OPTIONS", "TARGETSESSIONATTRS"),
    )
)
"""Variables by which PostgreSQL's programs would copy another database than MLflow's."""

_BESIDE = ("-wal", "-shm", "-journal")
"""How the names of the files go on that SQLite keeps beside its own."""


def database() -> URL:
    """Return the address of MLflow's database.

    Raises:
        UsageError: only a server is named, whose database nobody here knows, or one of a kind that
            cannot be copied.
    """
    named, given = settings().mlflow_database, settings().mlflow_uri
    # of a server the address is not that of its database
    if named is None or (given is not None and not given.startswith("http")):
        address = settings().tracking_uri
    else:
        address = named.get_secret_value()
    own = settings().home / "mlflow" / "mlflow.db"
    # a server elsewhere has another database, also where this home has one of former days
    if address.rstrip("/") == settings().local_mlflow and own.exists():
        return make_url(f"sqlite:///{own}")
    if address.startswith(("sqlite:", "postgresql")):
        url = make_url(address)
        if not url.database:
            raise UsageError(
                f"{without_login(address)} names no database", remedy="name it behind the last /"
            )
        return url
    raise UsageError(
        f"the database of the MLflow at {without_login(address)} is not known here",
        remedy="set MLFACTORY_MLFLOW_URI to it for this command: sqlite:///… or postgresql://…",
    )


def is_file(url: URL) -> bool:
    """Tell whether a database is a file of SQLite, not one of PostgreSQL."""
    return url.get_backend_name() == "sqlite"


def dumped(url: URL) -> bytes | None:
    """Return a database as it is at one moment, None if there is none yet.

    Raises:
        ServiceError: it does not answer.
    """
    if not is_file(url):
        return _run("pg_dump", ["--format=custom", "--no-owner", "--no-privileges"], url)
    path = Path(str(url.database))
    if not path.exists():
        return None
    with tempfile.TemporaryDirectory(prefix="mlfactory-") as folder:
        copy = Path(folder, "copy.db")
        try:
            with closing(sqlite3.connect(path)) as there, closing(sqlite3.connect(copy)) as here:
                there.backup(here)
        except sqlite3.Error as error:
            raise ServiceError(f"{path} cannot be copied: {error}", remedy="try again") from error
        return copy.read_bytes()


def has_anything(url: URL) -> bool:
    """Tell whether somebody has used an MLflow's database."""
    if is_file(url) and not Path(str(url.database)).exists():
        return False
    engine = create_engine(url)
    try:
        there = set(inspect(engine).get_table_names())
        with engine.connect() as connection:
            return any(
                connection.execute(text(f"select 1 from {table} limit 1")).first()  # noqa: S608
                for table in _FILLED
                if table in there
            )
    finally:
        engine.dispose()


def discard(url: URL) -> None:
    """Remove a database that is a file; harmless where there is none."""
    if is_file(url):
        for more in ("", *_BESIDE):
            Path(f"{url.database}{more}").unlink(missing_ok=True)


def put_back(url: URL, content: bytes) -> None:
    """Make a database what it was, in place of what it is, whole or not at all.

    Raises:
        ServiceError: it does not answer.
    """
    if is_file(url):
        path = Path(str(url.database))
        for more in _BESIDE:
            Path(f"{path}{more}").unlink(missing_ok=True)
        write_whole(path, content)
        return
    with tempfile.NamedTemporaryFile(prefix="mlfactory-") as file:
        file.write(content)
        file.flush()
        options = ["--clean", "--if-exists", "--no-owner", "--no-privileges"]
        _run("pg_restore", [*options, "--single-transaction", file.name], url)


def _for_libpq(url: URL) -> tuple[str, str]:
    """Return an address and its password as the driver would give them to PostgreSQL's library.

    So all that stands behind the address's `?`, such as `sslmode`, holds for the programs as well.
    """
    dialect = url.set(drivername="postgresql+psycopg2").get_dialect()()
    _, asked = dialect.create_connect_args(url)
    password = str(asked.pop("password", "") or "")
    quoted = (f"{what}='{_escaped(str(said))}'" for what, said in asked.items())
    return " ".join(quoted), password


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _run(program: str, options: list[str], url: URL) -> bytes:
    address, password = _for_libpq(url)
    environment = {name: said for name, said in os.environ.items() if name not in _LEADS_ELSEWHERE}
    if password:
        # not among the arguments, which everybody on this machine can read
        environment["PGPASSWORD"] = password
    try:
        done = subprocess.run(  # noqa: S603 - the command is our own
            [program, "--dbname", address, *options], env=environment, capture_output=True
        )
    except FileNotFoundError as error:
        raise UsageError(
            f"there is no program {program}, which PostgreSQL is copied with",
            remedy="install PostgreSQL's client programs, of the server's version or later",
        ) from error
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise ServiceError(
            f"{program} of {without_login(str(url))} failed: {said}",
            remedy="see whether the database answers, and whether the program is as new as it",
        )
    return done.stdout
