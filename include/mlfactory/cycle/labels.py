"""Labels that fell due after their partition was read: the partition is read again."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

from mlfactory.cycle.told import prepare_told_again
from mlfactory.product.errors import FactoryError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)


def read_due_again(product: Product, partition: Partition) -> dict[str, Any]:
    """Read the partitions again whose labels have come up to `partition`; tell which.

    Of labels that are told elsewhere the partitions are prepared again of which more is known now,
    see `prepare_told_again`.

    What cannot be read again, or would be stopped, is told and left as it is: it must not keep
    today's data away, nor take away what passed. It stays owed: the next partition tries it again,
    and `mlfactory reconcile` names it.

    Returns:
        `again`, the keys that were read, and `failed`, why the others were not, by key.
    """
    from mlfactory import ingest, prepare, validate
    from mlfactory.cycle.profiles import leave_profile
    from mlfactory.lake.owed import begin_reading, due_again, end_reading

    again, failed = prepare_told_again(product, partition)
    for due in due_again(product, partition):
        begin_reading(product, due.key)
        try:
            before = _labels(product, due)
            # landed first and judged then, a day that passed could be left stopped
            ingest.run(product, due, again=partial(validate.refuse_stopped, product, due))
            validate.run(product, due)
            prepare.run(product, due)
            leave_profile(product, due)
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
            _tell_of_registers(product, due, before)
    return {"again": again, "failed": failed}


def _labels(product: Product, due: Partition) -> pd.Series:
    """Return the labels that landed in a partition, in the order of their events."""
    from mlfactory.lake.catalog import LABEL, LABELS
    from mlfactory.lake.labels import label_columns
    from mlfactory.lake.vouched import completed_rows

    columns = label_columns(product)
    rows = completed_rows(product.name, LABELS, [due.key]).reindex(columns=columns)
    found: pd.Series = rows.sort_values(columns[: columns.index(LABEL)], ignore_index=True)[LABEL]
    return found


def _tell_of_registers(product: Product, due: Partition, before: pd.Series) -> None:
    """Say which registers were kept as they were seen, where no label came: it may be in one.

    A label that `build` makes of a list of what happened is there from the first, and wrong: that
    none of a partition's labels became another one is told as well.
    """
    from mlfactory.lake.manifests import read_manifest

    counts = read_manifest(product.name, "prepare", due.key).get("counts", {})
    if not counts.get("rows"):
        return
    sources = read_manifest(product.name, "ingest", due.key).get("facts", {}).get("sources", {})
    registers = {name for name, one in product.spec.sources.items() if one.event_time is None}
    kept = [name for name, facts in sources.items() if "kept_from" in facts]
    all_kept = registers == set(kept) and counts["labelled"] == counts["rows"]
    if not counts["labelled"]:
        found = "none of its events has a label"
    elif all_kept and _labels(product, due).equals(before):
        found = "every label is what it was when its events were read"
    else:
        return
    if kept:
        _log.warning(
            "%s %s: %s, though the last was due by now; %s: kept as seen with the events. If "
            "labels come in one of these, name it in label.registers of product.yaml, then: "
            "mlfactory run %s %s --renew --downstream",
            product.name,
            due,
            found,
            ", ".join(kept),
            product.name,
            due.key,
        )
