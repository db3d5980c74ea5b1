"""The command `mlfactory`: reads what was asked for and calls the function that does it.

What takes long to import is imported inside the commands, so that asking for help is quick.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from mlfactory.cli.environment import leave_another_mlflow
from mlfactory.cli.server.commands import server

if TYPE_CHECKING:
    from mlfactory.product.loader import Product
    from mlfactory.product.partitions import Partition


class _Group(TyperGroup):
    """Commands whose `FactoryError` is a message for the user, not a traceback."""

    def invoke(self, ctx: Any) -> Any:
        from pydantic import ValidationError

        from mlfactory.cli.output import say
        from mlfactory.product.errors import FactoryError

        try:
            return super().invoke(ctx)
        except ValidationError as error:
            if ctx.params.get("debug") or error.title != "Settings":
                raise
            for mistake in error.errors():
                variable = f"MLFACTORY_{str(mistake['loc'][0]).upper()}"
                told = f"{variable}: {mistake['msg']}, got '{mistake['input']}'"
                say(Console(stderr=True), told, "red")
            raise typer.Exit(1) from None
        except FactoryError as error:
            if ctx.params.get("debug"):
                raise
            say(Console(stderr=True), str(error), "red")
            raise typer.Exit(1) from None


app = typer.Typer(
    name="mlfactory",
    help="ML Factory: products that are fed, checked, gated, watched and retrained.",
    cls=_Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(server, name="server")

ProductName = Annotated[str, typer.Argument(metavar="PRODUCT", help="Name of the product.")]
OneOrAll = Annotated[
    str | None, typer.Argument(metavar="[PRODUCT]", help="Name of the product; all by default.")
]
Key = Annotated[
    str | None,
    typer.Argument(
        metavar="[PARTITION]",
        help="Key of the partition: its start, in UTC. A snapshot has one and needs none.",
    ),
]


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the log, and the traceback of an error.")
    ] = False,
) -> None:
    leave_another_mlflow()
    logging.basicConfig(
        level=logging.INFO if debug else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
    )
    if not debug:
        # hints that libraries give to programmers
        logging.getLogger("py.warnings").setLevel(logging.ERROR)


@app.command()
def check(product: OneOrAll = None) -> None:
    """Check the files of one product or of all: OK, or every mistake with its file and line."""
    from mlfactory.cli.check import check_products

    if not check_products(product, Console(), Console(stderr=True)):
        raise typer.Exit(1)


@app.command()
def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; stdout by default.")
    ] = None,
) -> None:
    """Write the JSON Schema of product.yaml, so that an editor checks and completes it.

    Editors with the YAML language server use it when product.yaml begins with the line

    # yaml-language-server: $schema=<path of the file from here>
    """
    from mlfactory.cli.check import write_schema

    write_schema(output, Console())


@app.command()
def run(
    product: ProductName,
    partition: Key = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="PARTITION", help="Run every one up to this.")
    ] = None,
    stage: Annotated[
        list[str] | None,
        typer.Option(
            "--stage",
            help="Run this stage only; may be given again. labels, ingest, validate, prepare, "
            "score, monitor, retrain, train or promote; promote takes the partition's newest "
            "training.",
        ),
    ] = None,
    trials: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Settings a training tries in all.")
    ] = None,
    seconds: Annotated[
        int | None, typer.Option(min=1, max=86400, help="Seconds a training's search may take.")
    ] = None,
    candidates: Annotated[
        list[str] | None,
        typer.Option(help="Model family a training searches; may be given again."),
    ] = None,
    downstream: Annotated[
        bool,
        typer.Option(
            "--downstream", help="Then run again what read something that was replaced by this."
        ),
    ] = False,
    renew: Annotated[
        bool,
        typer.Option(
            "--renew",
            help="Read sources without event times anew, instead of keeping them as they were "
            "seen; so lands a register that was corrected.",
        ),
    ] = False,
) -> None:
    """Run the whole cycle of a partition in this process, without Airflow.

    Data, predictions, monitoring, and a training where the policy asks for one: the same functions
    that the DAGs call.
    """
    from mlfactory.cli.check import tell_warnings
    from mlfactory.cli.cycle import run_partitions
    from mlfactory.cycle.job import Budget
    from mlfactory.product.loader import load_product

    found = load_product(product)
    tell_warnings(found, Console(stderr=True))
    run_partitions(
        found,
        _span(found, partition, to or partition),
        stage or [],
        Budget(trials, seconds, tuple(candidates) if candidates else None),
        Console(),
        renew=renew,
        downstream=downstream,
    )


@app.command()
def replay(
    product: ProductName,
    first: Annotated[
        str | None,
        typer.Argument(
            metavar="[FIRST]", help="Key of the first partition; a snapshot needs none."
        ),
    ] = None,
    last: Annotated[
        str | None, typer.Argument(metavar="[LAST]", help="Key of the last partition.")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds a single DAG run may take.")
    ] = 3600.0,
) -> None:
    """Send a span of partitions through the running Airflow, one after the other has come to rest.

    Ends with the product's timeline; exits with 1 if any run failed.
    """
    from mlfactory.cli.demo import replay_here
    from mlfactory.product.loader import load_product

    found = load_product(product)
    span = _span(found, first, last)
    if not replay_here(found, span[0], span[-1], Console(), to_finish=timeout):
        raise typer.Exit(1)


@app.command()
def status(
    product: OneOrAll = None,
    last: Annotated[int, typer.Option(min=1, help="How many partitions to show.")] = 20,
    everything: Annotated[bool, typer.Option("--all", help="Show every partition.")] = False,
) -> None:
    """Show how one product stands, or all: who serves, what is open, what became of partitions.

    One that cannot be looked at is told, and the others are shown; exits with 1 then.
    """
    from mlfactory.cli.status import show_status

    products, all_are_right = _one_or_all(product)
    if not (show_status(products, Console(), None if everything else last) and all_are_right):
        raise typer.Exit(1)


@app.command()
def predict(
    product: ProductName,
    file: Annotated[Path, typer.Argument(help="CSV or Parquet with rows of the source.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write, .csv or .parquet; shows some by default."),
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", help="Version of the model; the champion by default.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", help="Source the rows are of; the first with event times."),
    ] = None,
) -> None:
    """Predict new rows: a file like the source's, without what only the label is made of.

    The product's own function builds them, beside what the lake knows now. Every row is answered:
    with score, decision and the model's version, or with the reason why it has none.
    """
    from mlfactory.cli.predict import predict_file
    from mlfactory.product.loader import load_product

    predict_file(load_product(product), file, out, version, source, Console())


@app.command()
def reset(
    product: ProductName,
    source: Annotated[
        str | None, typer.Option("--source", help="Remove only what landed of this source.")
    ] = None,
    registry: Annotated[
        bool, typer.Option("--registry", help="Remove its versions and runs from MLflow, too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Although it is being worked on.")] = False,
) -> None:
    """Let a product, or one of its sources, start over: says what it would remove, and asks.

    Needed where a column that has landed changes its type or is gone for good.
    """
    from mlfactory.cli.reset import reset_product

    def ask(question: str) -> bool:
        return yes or typer.confirm(question)

    if not reset_product(product, source, Console(), ask, registry=registry, force=force):
        raise typer.Exit(1)


@app.command()
def release(
    product: ProductName,
    to: Annotated[
        str, typer.Option("--to", metavar="ENV", help="Environment that the version goes to.")
    ],
    version: Annotated[
        str | None, typer.Option("--version", help="Version of the model; the champion by default.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Although something newer was decided there.")
    ] = False,
) -> None:
    """Copy a version that was promoted here to another environment, and promote it there.

    With its files, their digest, its gates and where it comes from; nothing is trained. Killed in
    the middle, run it again.
    """
    from mlfactory.cli.output import say
    from mlfactory.product.loader import load_product
    from mlfactory.release import release as bring
    from mlfactory.settings import Settings, settings

    target = Settings(env=to, environments=settings().environments)
    done = bring(load_product(product), version, target, force=force)
    word = "serves already" if done.again else "now serves"
    say(
        Console(),
        f"{product}: version {done.came_as} of {done.source} {word} in {to} as version "
        f"{done.version} (training {done.training_id}, digest {done.digest[:16]}…)",
    )


@app.command()
def doctor() -> None:
    """Tell whether everything that the settings name answers, and what to do where it does not.

    Lake, MLflow, Airflow, databases, clock, versions, free space, products; exits with 1 if
    anything is wrong.
    """
    from mlfactory.cli.doctor import examine
    from mlfactory.settings import settings

    if not examine(settings(), Console()):
        raise typer.Exit(1)


@app.command()
def reconcile(
    product: OneOrAll = None,
    mend: Annotated[
        bool,
        typer.Option("--mend", help="Run what would close the first few gaps of each product."),
    ] = False,
) -> None:
    """Tell what is missing, stale, or was asked for and never came; exits with 1 if anything is.

    Asks the local Airflow what it is doing about it, and mends by its runs; without one it looks
    at the lake alone, and mends in this process. The DAG mlfactory.reconcile does it on schedule.
    """
    from mlfactory.cli.reconciling import show_gaps

    products, all_are_right = _one_or_all(product)
    if not (show_gaps(products, Console(), mend=mend) and all_are_right):
        raise typer.Exit(1)


@app.command()
def upkeep(
    product: OneOrAll = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would go, and change nothing.")
    ] = False,
) -> None:
    """Remove what is old and nobody points to: versions of tables, pages, logs, Airflow's past.

    Nothing goes that a registered model or an open training has pinned, and nothing of a product
    that is being worked on. The DAG mlfactory.upkeep does it once a day.
    """
    from mlfactory.cli.upkeep import do_upkeep

    if not do_upkeep(product, Console(), dry_run=dry_run):
        raise typer.Exit(1)


@app.command()
def backup(
    place: Annotated[str, typer.Argument(help="Folder to be made, or s3://bucket/prefix.")],
) -> None:
    """Copy the whole factory: the lake, and MLflow's database and files. Runs may go on."""
    from mlfactory.cli.backup import back_up

    back_up(place, Console())


@app.command()
def restore(
    place: Annotated[str, typer.Argument(help="Where mlfactory backup left it.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove first what this home has.")
    ] = False,
) -> None:
    """Make this factory what it was when a backup was made, in a home that has nothing."""
    from mlfactory.cli.backup import put_back

    put_back(place, Console(), replace=replace)


def _one_or_all(name: str | None) -> tuple[list[Product], bool]:
    """Return the product of that name, or all, and whether all are right; tells of the wrong."""
    from mlfactory.cli.output import say
    from mlfactory.product.loader import load_product, load_products

    if name:
        return [load_product(name)], True
    products, wrong = load_products()
    for error in wrong:
        say(Console(), str(error), "bold red")
    return products, not wrong


@app.command()
def up() -> None:
    """Start Airflow and MLflow on this machine, and tell where they are."""
    from mlfactory.cli.demo import tell_addresses
    from mlfactory.cli.output import say
    from mlfactory.cli.stack import up as start
    from mlfactory.settings import settings

    console = Console()
    tell_addresses(start(settings(), lambda line: say(console, line))[0], console)


@app.command()
def down() -> None:
    """Stop what `mlfactory up` started."""
    from mlfactory.cli.output import say
    from mlfactory.cli.stack import down as stop
    from mlfactory.settings import settings

    console = Console()
    stop(settings(), lambda line: say(console, line))


@app.command()
def demo(
    product: Annotated[str, typer.Option(help="Product to replay.")] = "flight_delay",
    first: Annotated[str, typer.Option(help="Key of the first partition.")] = "2013-01-01",
    last: Annotated[str, typer.Option(help="Key of the last partition.")] = "2013-06-01",
    leave: Annotated[
        bool, typer.Option("--exit/--no-exit", help="Stop everything when the replay has ended.")
    ] = False,
) -> None:
    """Start the stack, let a product live half a year in it, and show what became of it.

    Stays up until Ctrl-C, unless told to exit; exits with 1 if any run failed.
    """
    from mlfactory.cli.demo import run_demo
    from mlfactory.product.loader import load_product

    found = load_product(product)
    span = _span(found, first, last)
    if not run_demo(found, span[0], span[-1], Console(), leave=leave):
        raise typer.Exit(1)


def _span(product: Product, first: str | None, last: str | None) -> list[Partition]:
    from mlfactory.cycle.clock import refuse_unfinished
    from mlfactory.product.errors import UsageError

    start, end = _partition(product, first), _partition(product, last)
    if end < start:
        raise UsageError(
            f"the last partition, '{last}', is before the first, '{first}'",
            remedy="give them in the order of time",
        )
    refuse_unfinished(product, end)
    return product.calendar.span(start, end)


def _partition(product: Product, key: str | None) -> Partition:
    """Return the partition of a key; of a snapshot's only one it may be left out."""
    from mlfactory.product.errors import UsageError
    from mlfactory.product.partitions import SNAPSHOT

    calendar = product.calendar
    if key is None and not calendar.is_snapshot:
        example = calendar.containing(calendar.first or datetime(2026, 1, 1, tzinfo=UTC)).key
        raise UsageError(
            f"product {product.name} has a partition a {calendar.every}: say which one is meant",
            remedy=f"give its key, such as '{example}'",
        )
    return calendar.parse(key or SNAPSHOT)
