"""What must be there before the parts start: databases, their tables, the first user."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from mlfactory.cli.airflow_environment import prepare_airflow_home
from mlfactory.cli.server.environment import server_environment
from mlfactory.product.errors import ServiceError
from mlfactory.settings import Settings

FIRST_USER = "mlfactory.pipeline.first_user"
_DATABASES = ("airflow", "mlflow")


def make_databases(host: str, folder: Path) -> Iterator[str]:
    """Make a database for Airflow and one for MLflow, each with a user of its own, where absent.

    Args:
        host: where PostgreSQL answers, `name:port`.
        folder: the folder of the secrets; without a password of PostgreSQL's own user in it
            nothing is made.

    Yields:
        What was done, a line each.

    Raises:
        ServiceError: if PostgreSQL does not let us in.
    """
    if not (folder / "postgres_password").exists():
        return
    import psycopg2

    def secret(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    name, _, port = host.partition(":")
    try:
        connection = psycopg2.connect(
            host=name, port=port or 5432, user="postgres", password=secret("postgres_password")
        )
    except psycopg2.OperationalError as error:
        raise ServiceError(
            f"PostgreSQL at {host} does not let us in: {str(error).strip()}",
            remedy="wait until it is up, or give it the password it was made with",
        ) from None
    with closing(connection):
        connection.autocommit = True
        for database in _DATABASES:
            if _made(connection, database, secret(f"{database}_database_password")):
                yield f"made the database {database}"


def wait_for_tables(settings: Settings, seconds: int) -> None:
    """Return when Airflow's tables are of the version that is installed.

    Raises:
        ServiceError: if they are not within these seconds.
    """
    _run(
        server_environment(settings), "db", "check-migrations", "--migration-wait-timeout", seconds
    )


def make_tables(settings: Settings) -> None:
    """Bring Airflow's tables to the version that is installed, and make the first user.

    That one has the password of the settings, after each start: with it the command line gets in.

    Raises:
        ServiceError: if Airflow refuses.
    """
    environment = server_environment(settings)
    prepare_airflow_home(settings)
    _run(environment, "db", "migrate")
    password = settings.airflow_password
    if password is None:
        return
    user = {"name": settings.airflow_user, "password": password.get_secret_value()}
    _done([sys.executable, "-m", FIRST_USER], environment, "the first user", json.dumps(user))


def _made(connection: Any, database: str, password: str) -> bool:
    from psycopg2 import sql

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (database,))
        verb = sql.SQL("ALTER" if cursor.fetchone() else "CREATE")
        user = sql.Identifier(database)
        cursor.execute(
            sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, user, sql.Literal(password))
        )
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
        if cursor.fetchone():
            return False
        # whatever the server's own default is: people write in all alphabets
        made = "CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0"
        cursor.execute(sql.SQL(made).format(user, user))
        return True


def _run(environment: Mapping[str, str], *arguments: str | int) -> None:
    words = [*map(str, arguments)]
    # the one beside this Python, first in its PATH
    _done(["airflow", *words], environment, f"airflow {' '.join(words[:2])}")


def _done(command: list[str], environment: Mapping[str, str], what: str, given: str = "") -> None:
    done = subprocess.run(  # noqa: S603 our own program
        command,
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-2000:]
        if "Traceback (most recent call last)" in done.stderr:
            said = said.splitlines()[-1]
        raise ServiceError(
            f"{what} ended with {done.returncode}: {said}",
            remedy="mend what it says and start again: what was done stays done",
        )
