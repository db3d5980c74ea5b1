"""Whether a product's features look ahead: newest events, built again without what came later."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass

import pandas as pd

from mlfactory.lake.kinds import times
from mlfactory.prepare.build import call_build
from mlfactory.prepare.cutting import load_shard
from mlfactory.prepare.peeking import Build, Peek, Sources, find_peeks
from mlfactory.prepare.sources import load_sources, stretch_of
from mlfactory.prepare.tables import where_of
from mlfactory.product.errors import LeakageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

ROWS = 10_000
"""Rows of a source that are built again and again, its newest; a feature that looks ahead does so
in few rows as well."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Looked:
    """What was found in the features of a partition.

    Attributes:
        rows: of the sources with event times, that were looked at.
        builds: how often the product's function was called.
    """

    peeks: tuple[Peek, ...]
    rows: int
    builds: int


def look_ahead(product: Product, partition: Partition) -> Looked:
    """Return which features of the newest events of a partition look ahead.

    Of a partition that is cut in shards the first one is looked at.

    Raises:
        UsageError: if it was not validated.
        ContractError: if its verdict is `stop`.
        BuildError: if the product's function fails on rows as they are.
    """
    stretch = stretch_of(product, partition)
    is_cut = product.spec.partition.shards > 1
    whole = (
        load_shard(product, partition, stretch, 0)
        if is_cut
        else load_sources(product, partition, stretch)
    )
    sources = _newest(product, whole)
    calls = 0

    def build(given: Sources) -> pd.DataFrame:
        nonlocal calls
        calls += 1
        copies = {name: rows.copy() for name, rows in given.items()}
        return call_build(product, where_of(product, partition), copies)

    found = find_peeks(product.spec, sources, _quiet(build))
    timed = [name for name, source in product.spec.sources.items() if source.event_time]
    return Looked(tuple(found), sum(len(sources[name]) for name in timed), calls)


def refuse_peeks(product: Product, partition: Partition) -> None:
    """Make sure that no feature of a partition looks ahead.

    Raises:
        LeakageError: naming every one that does.
    """
    found = look_ahead(product, partition)
    sure = [peek for peek in found.peeks if peek.is_sure]
    for peek in found.peeks:
        if not peek.is_sure:
            _log.warning("%s, partition %s: %s", product.name, partition, peek)
    if sure:
        raise LeakageError(
            f"{product.name}, partition {partition}: features look ahead: "
            + "; ".join(map(str, sure)),
            remedy="build them of what is known before the event only; of a column that makes the "
            "label and is known with the event say so: features.known_at_event",
        )
    _log.info(
        "%s, partition %s: no feature looks ahead, built %d times of %d rows",
        product.name,
        partition,
        found.builds,
        found.rows,
    )


def _newest(product: Product, sources: Sources) -> dict[str, pd.DataFrame]:
    """Return the newest rows of sources with event times, from one moment on for all of them."""
    timed = product.spec.sources.items()
    columns = {name: source.event_time for name, source in timed if source.event_time}
    starts = [
        times(sources[name][column]).nlargest(ROWS).min()
        for name, column in columns.items()
        if len(sources[name]) > ROWS
    ]
    if not starts:
        return dict(sources)
    since = max(starts)
    return {
        name: rows[(times(rows[columns[name]]) >= since)].reset_index(drop=True)
        if name in columns
        else rows
        for name, rows in sources.items()
    }


def _quiet(build: Build) -> Build:
    """Return a build whose warnings about rows that were exchanged nobody is shown."""

    def built(given: Sources) -> pd.DataFrame:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return build(given)

    return built
