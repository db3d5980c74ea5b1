"""What people answered within a partition, as rows of the table `labels`."""

from __future__ import annotations

import pandas as pd

from mlfactory.lake.answers import read_answers, read_batches
from mlfactory.lake.catalog import AVAILABLE_AT, DRAWN, LABEL, TOLD_AS, TOLD_BY, WEIGHT
from mlfactory.lake.settled import PEOPLE
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition


def answered(product: Product, partition: Partition) -> tuple[int, pd.DataFrame]:
    """Return how often people answered within a partition, and the labels that they told.

    Each comes with the event that it is of.
    """
    if product.spec.labelling is None:
        return 0, pd.DataFrame()
    given = read_answers(product.name, partition.key)
    keys = sorted({one.partition for each in given for one in each.answers})
    batches = read_batches(product.name, keys)
    asked = {row.row: row for batch in batches.values() for row in batch.rows}
    features = product.spec.features
    named = [name for name in features.key if name != features.event_time]
    lines = [
        {
            **dict(zip(named, asked[one.row].key, strict=True)),
            str(features.event_time): asked[one.row].at,
            LABEL: one.label,
            AVAILABLE_AT: each.at,
            TOLD_BY: each.who,
            TOLD_AS: PEOPLE,
            DRAWN: asked[one.row].drawn,
            WEIGHT: asked[one.row].weight,
        }
        for each in given
        for one in each.answers
        if one.row in asked
    ]
    found = pd.DataFrame(lines)
    for name in (str(features.event_time), AVAILABLE_AT) if lines else ():
        moments = pd.to_datetime(found[name], utc=True, format="ISO8601")
        found[name] = moments.astype("datetime64[us, UTC]")
    return len(given), found
