"""The commands below `data`: a product's tables and their versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from mlfactory.cli.output import say
from mlfactory.cli.row_files import write_rows
from mlfactory.lake.catalog import FEATURES, LABELS, PREDICTIONS, source_of
from mlfactory.lake.difference import Columns, Difference, columns_between, differences
from mlfactory.lake.history import Change, history, no_table
from mlfactory.lake.old_versions import tables_of
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.trainings.files import trainings_of

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_KEYS = 4
_WIDTH_OF_A_FILE = 120


def show_history(
    product: Product, table: str | None, partition: str | None, newest: int, console: Console
) -> None:
    """Print the versions of a table, the newest first, or, without one, what tables there are.

    Raises:
        UsageError: if there is no such table.
    """
    lake = Lake(product.name)
    if table is None:
        _show_tables(lake, console)
        return
    changes = [each for each in history(lake, table) if partition is None or partition in each.rows]
    pinned = _pinned(product.name, table)
    shown = Table(title=f"{product.name}.{table}", title_justify="left", title_style="bold")
    for name in ("version", "committed, UTC", "what", "rows of partition", "run", "pinned by"):
        shown.add_column(name, overflow="fold")
    for change in changes[:newest]:
        shown.add_row(
            str(change.version),
            f"{change.at:%Y-%m-%d %H:%M:%S}",
            change.what,
            _in_words(change),
            ", ".join(change.runs),
            ", ".join(pinned.get(change.version, ())),
        )
    _wide(console).print(shown)
    if len(changes) > newest:
        say(console, f"the newest {newest} of {len(changes):,}; --last shows more")


def show_difference(
    product: Product,
    table: str,
    old: int,
    new: int | None,
    partition: str | None,
    console: Console,
) -> None:
    """Print what differs between two versions of a table, partition by partition.

    Raises:
        UsageError: if there is no such table.
        IntegrityError: if a version does not exist, or no longer.
    """
    lake = Lake(product.name)
    newest = _version(lake, table, new)
    if partition is not None and partition not in lake.partitions(table):
        raise UsageError(
            f"{table} of {product.name} has no rows of partition '{partition}'",
            remedy=f"mlfactory data history {product.name} {table} names those that it has",
        )
    for line in _columns_in_words(columns_between(lake, table, old, newest)):
        say(console, line)
    is_same = True
    wanted = [partition] if partition else None
    for found in differences(lake, table, _key(product, table), old, newest, wanted):
        is_same = is_same and found.is_same
        for line in _difference_in_words(found):
            say(console, line)
    if is_same:
        say(console, f"versions {old} and {newest} of {table} have the same rows")


def show_rows(
    product: Product,
    table: str,
    partition: str | None,
    version: int | None,
    limit: int,
    out: Path | None,
    console: Console,
) -> None:
    """Print the first rows of a version of a table, or write all of them to a file.

    Raises:
        UsageError: if there is no such table, or the file cannot be written.
        IntegrityError: if the version does not exist, or no longer.
    """
    lake = Lake(product.name)
    asked = _version(lake, table, version)
    rows = lake.batches(table, [partition] if partition else None, version=asked)
    if out is not None:
        count = write_rows(rows, out)
        say(console, f"{count:,} rows of {table}, version {asked}; written to {out}")
        return
    first, count = _first(rows, limit)
    if first is not None:
        say(console, first.to_pandas().to_string(index=False, na_rep=""))
    say(console, f"{count:,} rows of {table}, version {asked}, {len(first or ())} shown")


def _show_tables(lake: Lake, console: Console) -> None:
    shown = Table(title=lake.product, title_justify="left", title_style="bold")
    for name in ("table", "version", "partitions", "newest commit, UTC"):
        shown.add_column(name)
    for table in tables_of(lake.product):
        changes = history(lake, table)
        newest = f"{changes[0].at:%Y-%m-%d %H:%M:%S}"
        shown.add_row(table, str(changes[0].version), str(len(lake.partitions(table))), newest)
    if shown.row_count:
        _wide(console).print(shown)
    else:
        say(console, f"{lake.product}: nothing has run yet")


def _pinned(product: str, table: str) -> Mapping[int, Sequence[str]]:
    """Return the trainings that have pinned each version of a table."""
    found: dict[int, list[str]] = {}
    for training in trainings_of(product):
        versions = {FEATURES: training.features_version, LABELS: training.labels_version}
        if table in versions:
            found.setdefault(versions[table], []).append(training.training_id)
    return found


def _in_words(change: Change) -> str:
    keys = sorted(change.rows)
    told = [f"{key}: {change.rows[key]:,}" for key in keys[:_MOST_KEYS]]
    more = [f"{len(keys) - _MOST_KEYS} more"] if len(keys) > _MOST_KEYS else []
    return ", ".join([*told, *more])


def _columns_in_words(columns: Columns) -> Iterator[str]:
    for name, kind in columns.new.items():
        yield f"new column {name} ({kind})"
    for name, kind in columns.gone.items():
        yield f"column {name} ({kind}) is gone"
    for name, (old, new) in columns.retyped.items():
        yield f"column {name} was {old}, is {new}"


def _difference_in_words(found: Difference) -> Iterator[str]:
    if found.is_same:
        yield f"{found.partition}: written anew, the same {found.after:,} rows"
        return
    yield (
        f"{found.partition}: {found.before:,} rows, then {found.after:,}: {found.added:,} came, "
        f"{found.removed:,} went, {found.changed:,} changed"
    )
    for name, count in found.columns.items():
        yield f"    {name}: {count:,} rows"
    for example in found.examples:
        key = ", ".join(f"{name}={value}" for name, value in example.key.items())
        cells = (f"{name} {old} -> {new}" for name, (old, new) in example.cells.items())
        yield f"    {key}: {', '.join(cells)}"


def _key(product: Product, table: str) -> tuple[str, ...]:
    source = source_of(table, cleaned=True)
    if source in product.spec.sources:
        return product.spec.sources[source].key
    if table == LABELS and product.spec.label.is_told:
        # of an event there are as many rows as were told
        return ()
    return product.spec.features.key if table in (FEATURES, LABELS, PREDICTIONS) else ()


def _version(lake: Lake, table: str, asked: int | None) -> int:
    newest = lake.version(table)
    if newest is None:
        raise no_table(lake, table)
    return newest if asked is None else asked


def _first(rows: Iterator[pa.Table], limit: int) -> tuple[pa.Table | None, int]:
    """Return the first rows, and how many there are."""
    first, count = None, 0
    for batch in rows:
        if first is None:
            first = batch.slice(0, limit)
        count += batch.num_rows
    return first, count


def _wide(console: Console) -> Console:
    return console if console.is_terminal else Console(file=console.file, width=_WIDTH_OF_A_FILE)
