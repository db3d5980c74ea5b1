"""Whether a product's features look ahead: newest events, built again without what came later."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass

import pandas as pd

from mlfactory.lake.kinds import times
from mlfactory.prepare.build import call_build
from mlfactory.prepare.cutting import load_shard
from mlfactory.prepare.peeking import Build, Sources, find_peeks
from mlfactory.prepare.peeks import Found
from mlfactory.prepare.sources import load_sources, stretch_of
from mlfactory.prepare.tables import where_of
from mlfactory.product.errors import BuildError, LeakageError
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
        found: what looks ahead, and what could not be tried.
        rows: of the sources with event times, that were looked at.
        builds: how often the product's function was called.
    """

    found: Found
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
    calls = 0

    def build(given: Sources) -> pd.DataFrame:
        nonlocal calls
        calls += 1
        copies = {name: rows.copy() for name, rows in given.items()}
        return call_build(product, where_of(product, partition), copies)

    try:
        sources = _newest(product, whole)
        found = find_peeks(product.spec, sources, _quiet(build))
    except BuildError:
        # some rows refer to older ones
        sources = whole
        found = find_peeks(product.spec, sources, _quiet(build))
    timed = [name for name, source in product.spec.events_from.items() if source.event_time]
    return Looked(found, sum(len(sources[name]) for name in timed), calls)


def refuse_peeks(product: Product, partition: Partition) -> bool:
    """Make sure that no feature of a partition looks ahead; tell whether there was an event.

    Raises:
        LeakageError: naming every one that does.
        BuildError: if the product's function fails on rows as they are.
    """
    where = f"{product.name}, partition {partition}"
    looked = look_ahead(product, partition)
    for note in looked.found.untried:
        _log.warning("%s: whether a feature looks ahead cannot be tried of %s", where, note)
    for peek in looked.found.peeks:
        if not peek.is_sure:
            _log.warning("%s: %s", where, peek)
    sure = [str(peek) for peek in looked.found.peeks if peek.is_sure]
    if sure:
        raise LeakageError(
            f"{where}: features look ahead: {'; '.join(sure)}",
            remedy="build them of what is known before the event only; what is known with it all "
            "the same (a column that makes the label, a source that is a timetable) name in "
            "features.known_at_event",
        )
    _log.info("%s: no feature looks ahead, built %d times", where, looked.builds)
    return looked.found.events > 0


def _newest(product: Product, sources: Sources) -> Sources:
    """Return the newest rows, from the moment on since when the first source has so many."""
    timed = product.spec.events_from.items()
    columns = {name: source.event_time for name, source in timed if source.event_time}
    driving = next(iter(columns), None)
    if driving is None or len(sources[driving]) <= ROWS:
        return sources
    since = times(sources[driving][columns[driving]]).nlargest(ROWS).min()
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
