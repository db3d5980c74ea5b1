"""How a timeline is shown: a table that stays readable in a terminal of 120 columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mlfactory.cli.output import say
from mlfactory.cli.summary import summary
from mlfactory.cli.timeline import Row, keys_run, last_profile, last_report, timeline
from mlfactory.lake.catalog import profile_page, report_page
from mlfactory.lake.removal_note import shut_by
from mlfactory.lake.store import product_store
from mlfactory.product.errors import FactoryError, UsageError
from mlfactory.product.loader import Product
from mlfactory.settings import settings, without_login

_WIDTH_OF_A_FILE = 120
"""Columns of a table that is written to a file or a pipe, which have no width of their own."""

_STYLES = {"ok": "green", "warn": "yellow", "alert": "bold red"}


def show_status(products: Sequence[Product], console: Console, newest: int | None) -> bool:
    """Print how each product stands, its timeline, and whether the local stack is up.

    One that cannot be looked at is told, and hides no other.

    Args:
        newest: how many partitions of the timeline are shown; None for all.

    Returns:
        Whether every product was looked at.

    Raises:
        UsageError: if there is no product.
    """
    from mlfactory.cli import record

    if not products:
        raise UsageError(
            f"there is no product in {settings().products} that can be used",
            remedy="see what is wrong: mlfactory check",
        )
    readable = []
    for product in products:
        try:
            show_timeline(product, console, newest=newest)
        except FactoryError as error:
            say(console, f"{product.name}: {error}", "bold red")
        else:
            readable.append(product)
    is_whole = len(readable) == len(products)
    running = record.running(settings())
    if running is None:
        _tell_of_server(readable, console)
        return is_whole
    say(console, f"stack: Airflow {running.airflow_url}, MLflow {running.mlflow_url}")
    wrong = record.ailments(running)
    for ailment in wrong:
        say(console, f"{ailment.problem}; {ailment.remedy}", "bold red")
    if not any(ailment.service == "airflow" for ailment in wrong):
        _tell_waiting(readable, console)
    return is_whole


def _tell_of_server(products: Sequence[Product], console: Console) -> None:
    """Tell of the Airflow that the settings name, where no stack was started here."""
    chosen = settings()
    if chosen.airflow_address is None:
        say(console, "stack: down")
        return
    say(
        console,
        f"stack: Airflow {without_login(chosen.airflow_ui or chosen.airflow_url)}, "
        f"MLflow {without_login(chosen.mlflow_url)}",
    )
    try:
        _tell_waiting(products, console)
    except FactoryError as error:
        say(console, str(error), "bold red")


def _tell_waiting(products: Sequence[Product], console: Console) -> None:
    """Tell what only Airflow knows: runs that wait on a paused DAG, landings that never came."""
    from mlfactory.cli.demo import connect
    from mlfactory.reconcile.page import in_words
    from mlfactory.reconcile.runs import seen_by_airflow

    with connect() as api:
        for product in products:
            for gap in seen_by_airflow(product, [], api, datetime.now(UTC)):
                say(console, in_words(product, gap), "yellow")


def show_timeline(
    product: Product,
    console: Console,
    *,
    newest: int | None = None,
    keys: Sequence[str] | None = None,
) -> None:
    """Print how a product stands, what became of its partitions, and where the last report is.

    Args:
        newest: how many partitions are shown; None for all.
        keys: only these partitions, and the report of the last of them.
    """
    if (shut := shut_by(product.name)) is not None:
        say(console, f"{product.name}: {shut}", "bold red")
    run = keys_run(product)
    chosen = [key for key in run if keys is None or key in set(keys)]
    shown = chosen[-newest:] if newest else chosen
    if not shown:
        say(console, f"{product.name}: nothing has run yet")
        return
    rows = timeline(product, shown)
    for line in summary(product, rows):
        say(console, line)
    wide = console if console.is_terminal else Console(file=console.file, width=_WIDTH_OF_A_FILE)
    wide.print(timeline_table(product, rows))
    if len(shown) < len(chosen):
        say(console, f"the newest {len(shown)} of {len(chosen):,} partitions; --all shows all")
    report = last_report(product, until=max(keys) if keys else None)
    if report is not None:
        say(console, f"last report: {product_store(product.name).address(report_page(report))}")
    profile = last_profile(product, until=max(keys) if keys else None)
    if profile is not None:
        say(console, f"last profile: {product_store(product.name).address(profile_page(profile))}")


def timeline_table(product: Product, rows: Sequence[Row]) -> Table:
    """Return the timeline as a table."""
    table = Table(title=product.name, title_justify="left", title_style="bold", padding=(0, 1))
    table.add_column("partition", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("quar-\nantined", justify="right", no_wrap=True)
    table.add_column("drift", max_width=18, overflow="fold")
    table.add_column(_header(product.spec.performance_metric), max_width=12, overflow="fold")
    table.add_column("decision and reason", ratio=1, overflow="fold")
    table.add_column("cham-\npion", justify="right", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.partition,
            f"{row.rows:,}",
            f"{row.quarantined:,}" + (f"\n{row.released:,} released" if row.released else ""),
            _state(row.drift, row.drift_feature),
            _performance(row),
            _decision(row),
            f"v{row.champion}" if row.champion else "",
            f"{row.seconds:,.1f}",
        )
    return table


def _header(metric: str) -> str:
    return "_\n".join(metric.rsplit("_", 1)) if len(metric) > 12 else metric


def _state(state: str, more: str = "") -> Text:
    return Text(f"{state} {more}".strip(), style=_STYLES.get(state, ""))


def _performance(row: Row) -> Text:
    if row.value is None:
        return _state(row.performance)
    return Text(f"{row.value:.3g} ").append_text(_state(row.performance))


def _decision(row: Row) -> Text:
    text = Text(row.decision, style="bold")
    if row.reason:
        text.append(f"{': ' if row.decision else ''}{row.reason}", style="not bold")
    return text
