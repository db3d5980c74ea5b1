"""What the build function is given: the accepted rows of each source, from its history on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.rows import Standing, accepted_of, standings
from mlfactory.product.errors import ContractError, ServiceError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_log = logging.getLogger(__name__)

_SHOWN = 5


@dataclass(frozen=True)
class Stretch:
    """The partition that is built, and those that its history lies in.

    Attributes:
        own: the partition's own standing.
        history: those of the earlier partitions, oldest first.
    """

    own: Standing
    history: tuple[Standing, ...]

    @property
    def usable(self) -> tuple[Standing, ...]:
        """Return the partitions whose rows are used."""
        return (*(each for each in self.history if each.state == "accepted"), self.own)

    @property
    def absent(self) -> tuple[str, ...]:
        """Return the partitions of the history that were never ingested."""
        return tuple(each.key for each in self.history if each.state == "absent")

    @property
    def refused(self) -> tuple[str, ...]:
        """Return the partitions of the history that did not pass validation, or await it."""
        return tuple(each.key for each in self.history if each.state in ("stopped", "unvalidated"))


def stretch_of(product: Product, partition: Partition) -> Stretch:
    """Return which partitions are read to build `partition`.

    Raises:
        UsageError: if it was not validated since it was last landed, or part of its history was
            not ingested, or did not pass, and `features.history_required` is set.
        ContractError: if its verdict is `stop`.
    """
    keys = _keys(product, partition)
    found = standings(product, keys)
    own = found.pop(partition.key)
    where = f"{product.name}, partition {partition}"
    if own.state in ("absent", "unvalidated"):
        raise UsageError(
            f"{where}: it was not validated since it was last landed",
            remedy="run the stage validate first",
        )
    if own.state == "stopped":
        raise ContractError(
            f"{where}: nothing is built from data that breaks its contract: "
            + "; ".join(own.validation["facts"]["reasons"]),
            remedy="mend the data, then run ingest and validate again",
        )
    stretch = Stretch(own, _since_the_first(product, list(found.values())))
    _tell_of_gaps(product, where, stretch)
    return stretch


def load_sources(
    product: Product, partition: Partition, stretch: Stretch
) -> dict[str, pd.DataFrame]:
    """Return the rows of each source that the build function may see, by the source's name.

    Of a source with event times these are the accepted rows from `features.history` before the
    partition to its end; of one without, those that were seen when the partition was landed.
    """
    return {name: _load(product, name, partition, stretch) for name in product.spec.events_from}


def told_later(product: Product) -> bool:
    """Tell whether labels of earlier events fall due in a partition without events of its own."""
    if product.spec.label.is_told:
        return False
    return bool(product.spec.features.history and product.spec.label.arrives_after)


def read_at(product: Product, own: Standing, where: str) -> datetime:
    """Return when the partition's own rows began to be read from their sources.

    Raises:
        ServiceError: if they are being landed anew.
    """
    landed = read_manifest(product.name, "ingest", own.key)
    if landed.get("id") != own.landing:
        raise ServiceError(
            f"{where}: it is being landed anew", remedy="run it again when that has ended"
        )
    return datetime.fromisoformat(landed["started_at"])


def _load(product: Product, name: str, partition: Partition, stretch: Stretch) -> pd.DataFrame:
    time = product.spec.sources[name].event_time
    if time is None:
        return accepted_of(product, name, [stretch.own])
    rows = accepted_of(product, name, stretch.usable)
    if len(rows) and not product.calendar.is_snapshot:
        start = partition.start - product.spec.features.history
        rows = rows[rows[time] >= start].reset_index(drop=True)
    return rows


def _keys(product: Product, partition: Partition) -> list[str]:
    if product.calendar.is_snapshot:
        return [partition.key]
    first = product.calendar.containing(partition.start - product.spec.features.history)
    return [slot.key for slot in product.calendar.span(first, partition)]


def _since_the_first(product: Product, history: list[Standing]) -> tuple[Standing, ...]:
    """Leave out what is before the product's first partition, or before the first ever landed."""
    first = product.calendar.first
    if first is not None:
        start = product.calendar.containing(first).key
        return tuple(each for each in history if each.key >= start)
    there = [place for place, each in enumerate(history) if each.state != "absent"]
    return tuple(history[there[0] :]) if there else ()


def _tell_of_gaps(product: Product, where: str, stretch: Stretch) -> None:
    gaps: Mapping[str, tuple[str, ...]] = {
        "was never ingested": stretch.absent,
        "did not pass validation, or was not validated since it was landed": stretch.refused,
    }
    told = [
        f"{len(keys)} of the {len(stretch.history)} partitions of its history {why}: {_few(keys)}"
        for why, keys in gaps.items()
        if keys
    ]
    if not told:
        return
    if product.spec.features.history_required:
        raise UsageError(
            f"{where}: {'; '.join(told)}",
            remedy="run those partitions first; or build without them, by leaving "
            "features.history_required out of product.yaml",
        )
    _log.warning("%s: built without a part of its history: %s", where, "; ".join(told))


def _few(keys: tuple[str, ...]) -> str:
    return ", ".join(keys[:_SHOWN]) + (", …" if len(keys) > _SHOWN else "")
