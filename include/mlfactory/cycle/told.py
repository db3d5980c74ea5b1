"""Labels that are told elsewhere, and of which more is known than when they were prepared."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from mlfactory.product.errors import FactoryError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_log = logging.getLogger(__name__)

_LOOKED_BACK = 31
"""Partitions whose labels without an event are looked at again."""

_NO_EVENT = "of_no_event"


def prepare_told_again(product: Product, partition: Partition) -> tuple[list[str], dict[str, str]]:
    """Prepare the earlier partitions again of whose labels more is known since they were.

    These are those within which people answered since, and those in which labels were told of no
    event that was there, if earlier partitions were prepared since: it may be there now.

    Returns:
        The keys that were, and why the others were not, by key.
    """
    from mlfactory import prepare

    if not product.spec.label.is_told:
        return [], {}
    again, failed = [], dict[str, str]()
    for key in sorted({*_with_answers(product, partition), *_with_events(product, partition)}):
        try:
            prepare.run(product, product.calendar.parse(key))
        except FactoryError as error:
            _log.warning("%s %s: new labels of it wait: %s", product.name, key, error)
            failed[key] = str(error)
        else:
            again.append(key)
    return again, failed


def _with_answers(product: Product, partition: Partition) -> list[str]:
    """Return the earlier partitions within which people answered since they were prepared."""
    from mlfactory.lake.answers import landings_with_answers
    from mlfactory.lake.manifests import read_manifests

    if product.spec.labelling is None:
        return []
    given = landings_with_answers(product.name)
    made = read_manifests(product.name, "prepare", [key for key in given if key < partition.key])
    return [key for key, one in made.items() if given[key] > _labels(one).get("answers", 0)]


def _with_events(product: Product, partition: Partition) -> list[str]:
    """Return the partitions whose labels of no event may be of one that has come since."""
    from mlfactory.lake.manifests import read_manifests

    if product.spec.label.source is None:
        return []
    slots = product.calendar.back(partition, _LOOKED_BACK + 1)[:-1]
    made = read_manifests(product.name, "prepare", [slot.key for slot in slots])
    lacking = [key for key, one in made.items() if _labels(one).get("left_out", {}).get(_NO_EVENT)]
    return [
        key
        for key in lacking
        if any(
            earlier < key and one["started_at"] > made[key]["started_at"]
            for earlier, one in made.items()
        )
    ]


def _labels(made: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = made.get("facts", {}).get("labels", {})
    return found
