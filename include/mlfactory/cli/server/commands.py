"""The commands `mlfactory server …`, which containers run; people seldom do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

server = typer.Typer(
    help="The parts of a factory that run apart from each other, as in docker-compose.yaml.",
    no_args_is_help=True,
)

Postgres = Annotated[str, typer.Option(help="Where PostgreSQL answers.")]
Folder = Annotated[
    Path, typer.Option(envvar="MLFACTORY_SECRETS", help="Folder of the files with secrets.")
]


@server.command("secrets")
def make_secrets(
    folder: Folder, postgres: Postgres = "postgres:5432", redis: str = "redis:6379"
) -> None:
    """Make the secrets that all parts share, where they are not there yet."""
    from mlfactory.cli.output import say
    from mlfactory.cli.server.secrets import make_secrets as make

    for name in make(folder, postgres, redis):
        say(Console(), f"made {name}")


@server.command()
def migrate(folder: Folder, postgres: Postgres = "postgres:5432") -> None:
    """Make the databases and their tables, or bring them to this version; make the first user.

    Without the secret postgres_password the databases are somebody else's to make.
    Makes the lake this stack's, if it is nobody's yet.
    """
    from mlfactory.cli.output import say
    from mlfactory.cli.own_stack import stack_name
    from mlfactory.cli.server.migrate import make_databases, make_tables
    from mlfactory.lake.stack import claim_lake
    from mlfactory.settings import settings

    claim_lake(stack_name(settings()))
    for line in make_databases(postgres, folder):
        say(Console(), line)
    make_tables(settings())
    say(Console(), "Airflow's tables are those of this version")


@server.command("wait")
def wait_for_tables(
    seconds: Annotated[int, typer.Option(min=1, help="How long, at most.")] = 600,
) -> None:
    """Wait until Airflow's tables are those of this version; another part makes them."""
    from mlfactory.cli.server.migrate import wait_for_tables as wait
    from mlfactory.settings import settings

    wait(settings(), seconds)


@server.command()
def start(
    part: Annotated[
        str, typer.Argument(help="api, scheduler, dag-processor, triggerer, worker or mlflow.")
    ],
) -> None:
    """Become a part of the factory: this process is replaced by it."""
    from mlfactory.cli.output import say
    from mlfactory.cli.server.parts import become
    from mlfactory.settings import settings

    become(part, settings(), lambda line: say(Console(), line))
