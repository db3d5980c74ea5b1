"""Run partitions, here or through Airflow, and predict with what serves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlfactory.cli.commands.arguments import Key, ProductName

commands = typer.Typer()


@commands.command()
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
    from mlfactory.cycle.spans import span_of
    from mlfactory.product.loader import load_product

    found = load_product(product)
    tell_warnings(found, Console(stderr=True))
    run_partitions(
        found,
        span_of(found, partition, to or partition),
        stage or [],
        Budget(trials, seconds, tuple(candidates) if candidates else None),
        Console(),
        renew=renew,
        downstream=downstream,
    )


@commands.command()
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
    from mlfactory.cycle.spans import span_of
    from mlfactory.product.loader import load_product

    found = load_product(product)
    span = span_of(found, first, last)
    if not replay_here(found, span[0], span[-1], Console(), to_finish=timeout):
        raise typer.Exit(1)


@commands.command()
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
