"""What the build function is given: the validated rows of each source, without the bad ones."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd

from mlfactory.lake.catalog import PARTITION, QUARANTINE, RESCUED, ROW, raw
from mlfactory.lake.manifests import read_manifest, stands_on
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_log = logging.getLogger(__name__)

_HELPERS = (PARTITION, ROW, RESCUED)


def check_validated(product: Product, partition: Partition) -> Mapping[str, Any]:
    """Return the manifest of the partition's validation.

    Raises:
        UsageError: if it was not validated since it was last landed.
        ContractError: if the verdict is `stop`.
    """
    validation = read_manifest(product.name, "validate", partition.key)
    where = f"{product.name}, partition {partition}"
    if not _is_current(product, partition.key, validation):
        raise UsageError(
            f"{where}: it was not validated since it was last landed",
            remedy="run the stage validate first",
        )
    if validation["facts"]["verdict"] == "stop":
        raise ContractError(
            f"{where}: nothing is built from data that breaks its contract: "
            + "; ".join(validation["facts"]["reasons"]),
            remedy="mend the data, then run ingest and validate again",
        )
    return validation


def load_sources(product: Product, partition: Partition) -> dict[str, pd.DataFrame]:
    """Return the rows of each source that the build function may see, by the source's name.

    Of a source with event times these are the rows from `features.history` before the partition
    to its end; of a snapshot, those landed last. Quarantined rows are not among them, nor is
    history that was stopped or never validated.
    """
    lake = Lake(product.name)
    usable = _usable_keys(product, partition)
    bad = lake.read(QUARANTINE, usable, columns=[PARTITION, "source", "row"])
    return {
        name: _load(product, lake, name, partition, usable, bad) for name in product.spec.sources
    }


def _load(
    product: Product,
    lake: Lake,
    name: str,
    partition: Partition,
    usable: list[str],
    bad: pd.DataFrame,
) -> pd.DataFrame:
    source = product.spec.sources[name]
    landed = set(lake.partitions(raw(name)))
    keys = [key for key in usable if key in landed]
    if source.event_time is None:
        keys = _newest_landed(partition, landed)
        if keys != [partition.key]:
            bad = lake.read(QUARANTINE, keys, columns=[PARTITION, "source", "row"])
    rows = lake.read(raw(name), keys)
    if len(bad):
        rows = _without(rows, bad[bad["source"] == name])
    if source.event_time is not None and len(rows):
        start = partition.start - product.spec.features.history
        rows = rows[rows[source.event_time] >= start]
    if ROW in rows:
        rows = rows.sort_values([PARTITION, ROW], kind="stable")
    helpers = [column for column in _HELPERS if column in rows]
    return rows.drop(columns=helpers).reset_index(drop=True)


def _usable_keys(product: Product, partition: Partition) -> list[str]:
    if product.calendar.is_snapshot:
        return [partition.key]
    first = product.calendar.containing(partition.start - product.spec.features.history)
    keys = [slot.key for slot in product.calendar.span(first, partition)]
    usable: list[str] = []
    refused: list[str] = []
    for key in keys:
        if not read_manifest(product.name, "ingest", key):
            continue
        validation = read_manifest(product.name, "validate", key)
        good = _is_current(product, key, validation) and validation["facts"]["verdict"] != "stop"
        (usable if good else refused).append(key)
    if refused:
        _log.warning(
            "%s %s: built without the history of %s, which did not pass validation",
            product.name,
            partition,
            refused,
        )
    return usable


def _newest_landed(partition: Partition, landed: set[str]) -> list[str]:
    # the keys of a product sort as their times do
    return sorted(key for key in landed if key <= partition.key)[-1:]


def _without(rows: pd.DataFrame, bad: pd.DataFrame) -> pd.DataFrame:
    marked = pd.MultiIndex.from_frame(bad[[PARTITION, "row"]])
    return rows[~pd.MultiIndex.from_frame(rows[[PARTITION, ROW]]).isin(marked)]


def _is_current(product: Product, key: str, validation: Mapping[str, Any]) -> bool:
    """Tell whether a validation read what was landed last."""
    return stands_on(validation, read_manifest(product.name, "ingest", key))
