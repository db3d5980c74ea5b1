"""How fresh each partition's parts are: what landed when and from where, and what came since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from rich.console import Console
from rich.table import Table

from mlfactory.arrivals.looking import look, tellable
from mlfactory.arrivals.new import new_of
from mlfactory.arrivals.taking import noted
from mlfactory.cli.output import say
from mlfactory.cli.timeline import keys_run
from mlfactory.ingest.versions import files_of
from mlfactory.lake.catalog import raw
from mlfactory.lake.manifests import read_manifests
from mlfactory.lake.staleness import stale_runs
from mlfactory.product.errors import FactoryError, UsageError
from mlfactory.product.loader import Product

MADE = ("prepare", "score", "monitor")
"""The stages that make something of what landed."""

_WIDTH_OF_A_FILE = 140
_NAMED = 2


@dataclass(frozen=True)
class Fresh:
    """How fresh a partition's part is that is of one source.

    Attributes:
        newest: time of its newest event; None where its rows have no times.
        landed: when it landed, in words; so are the others.
        files: what it landed from.
        made: when each of `MADE` was run, with `stale` where it is to be run again.
        newer: what has come since, by what was looked into.
    """

    key: str
    source: str
    newest: datetime | None
    landed: str
    files: str
    made: Mapping[str, str]
    newer: str


def freshness(product: Product, keys: Sequence[str]) -> Iterator[Fresh]:
    """Yield how fresh each part of some partitions is, in their order."""
    landings = read_manifests(product.name, "ingest", keys)
    made = {stage: read_manifests(product.name, stage, keys) for stage in MADE}
    stale = {(run.stage, run.key) for run in stale_runs(product)}
    newer = {
        (lack.key, lack.source): "; ".join(lack.words.values())
        for name in tellable(product)
        for lack in noted(product, name).lacks
    }
    for key in keys:
        landed = landings.get(key, {})
        when = {
            stage: _at(made[stage].get(key, {})) + (" stale" if (stage, key) in stale else "")
            for stage in MADE
        }
        for name in product.spec.sources:
            facts = landed.get("facts", {}).get("sources", {}).get(name, {})
            yield Fresh(
                key,
                name,
                _newest(product, name, key) if landed else None,
                _at(landed),
                _files(facts),
                when,
                newer.get((key, name), ""),
            )


def show_freshness(product: Product, key: str | None, newest: int, console: Console) -> None:
    """Print how fresh a partition is, or the newest of those that were run, and what is newer.

    Raises:
        UsageError: if the partition was never run.
    """
    run = keys_run(product)
    if key is not None and product.calendar.parse(key).key not in run:
        raise UsageError(
            f"{product.name}, partition {key}: nothing of it was ever run",
            remedy=f"mlfactory run {product.name} {key}",
        )
    keys = [key] if key is not None else run[-newest:]
    if not keys:
        say(console, f"{product.name}: nothing has run yet")
    else:
        wide = (
            console if console.is_terminal else Console(file=console.file, width=_WIDTH_OF_A_FILE)
        )
        wide.print(_table(product, list(freshness(product, keys))))
    for line in _not_looked_into(product):
        say(console, line, "yellow")


def _not_looked_into(product: Product) -> Iterator[str]:
    """Yield of each source the files that came, or changed, and that nobody has looked into."""
    for name in tellable(product):
        try:
            new = new_of(product, name, look(product, name), datetime.now(UTC), 0)
        except FactoryError as error:
            yield str(error)
            continue
        if new:
            names = [PurePosixPath(each.address).name for each in new[:_NAMED]]
            more = f" and {len(new) - _NAMED:,} more" if len(new) > _NAMED else ""
            yield (
                f"{name}: nobody has looked into {', '.join(names)}{more}; "
                f"mlfactory reconcile {product.name} does"
            )


def _table(product: Product, rows: Sequence[Fresh]) -> Table:
    table = Table(title=product.name, title_justify="left", title_style="bold", padding=(0, 1))
    for name in ("partition", "source", "newest event", "landed"):
        table.add_column(name, no_wrap=True)
    table.add_column("from", overflow="fold", ratio=1)
    for name in ("prepared", "scored", "monitored"):
        table.add_column(name, max_width=12, overflow="fold")
    table.add_column("newer", overflow="fold", ratio=1, style="yellow")
    for row in rows:
        event = f"{row.newest:%Y-%m-%d %H:%M}" if row.newest else ""
        told = (row.key, row.source, event, row.landed, row.files)
        table.add_row(*told, *(row.made[stage] for stage in MADE), row.newer)
    return table


def _newest(product: Product, name: str, key: str) -> datetime | None:
    import pyarrow.compute as pc

    from mlfactory.lake.tables import Lake

    column, lake = product.spec.sources[name].event_time, Lake(product.name)
    if column is None or lake.version(raw(name)) is None:
        return None
    found = [
        pc.max(batch[column]).as_py() for batch in lake.batches(raw(name), [key], columns=[column])
    ]
    return max((moment for moment in found if moment is not None), default=None)


def _files(facts: Mapping[str, Any]) -> str:
    if facts.get("kept_from"):
        return f"as seen at {str(facts['seen_at'])[:16].replace('T', ' ')}"
    names = [PurePosixPath(path).name for path in files_of(facts)]
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _at(run: Mapping[str, Any]) -> str:
    return str(run["started_at"])[:16].replace("T", " ") if run else ""
