"""Labels that fell due after their partition was read: the partition is read again."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from mlfactory.product.errors import FactoryError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_log = logging.getLogger(__name__)


def read_due_again(product: Product, partition: Partition) -> dict[str, Any]:
    """Read the partitions again whose labels have come up to `partition`; tell which.

    What cannot be read again, or would be stopped, is told and left as it is: it must not keep
    today's data away, nor take away what passed. It stays owed: the next partition tries it again,
    and `mlfactory reconcile` names it.

    Returns:
        `again`, the keys that were read, and `failed`, why the others were not, by key.
    """
    from mlfactory import ingest, prepare, validate
    from mlfactory.lake.owed import begin_reading, due_again, end_reading

    again, failed = [], {}
    for due in due_again(product, partition):
        begin_reading(product, due.key)
        try:
            # landed first and judged then, a day that passed could be left stopped
            ingest.run(product, due, again=partial(validate.refuse_stopped, product, due))
            validate.run(product, due)
            prepare.run(product, due)
        except Exception as error:
            # an old file may be odd in a way that nobody foresaw
            unforeseen = not isinstance(error, FactoryError)
            _log.warning(
                "%s %s could not be read again: %s", product.name, due, error, exc_info=unforeseen
            )
            failed[due.key] = f"{type(error).__name__}: {error}" if unforeseen else str(error)
        else:
            end_reading(product, due.key)
            again.append(due.key)
            _tell_of_registers(product, due)
    return {"again": again, "failed": failed}


def _tell_of_registers(product: Product, due: Partition) -> None:
    """Say which registers were kept as they were seen, where no label came: it may be in one."""
    from mlfactory.lake.manifests import read_manifest

    counts = read_manifest(product.name, "prepare", due.key).get("counts", {})
    if not counts.get("rows") or counts["labelled"]:
        return
    sources = read_manifest(product.name, "ingest", due.key).get("facts", {}).get("sources", {})
    kept = [name for name, facts in sources.items() if "kept_from" in facts]
    if kept:
        _log.warning(
            "%s %s: none of its events has a label, though the last was due by now; %s: kept as "
            "seen with the events. If labels come in one of these, name it in label.registers of "
            "product.yaml, then: mlfactory run %s %s --renew --downstream",
            product.name,
            due,
            ", ".join(kept),
            product.name,
            due.key,
        )
