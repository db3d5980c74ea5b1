"""What people are asked to label that is a subject's, by what it shows."""

from __future__ import annotations

import numpy as np

from mlfactory.ingest.subjects import Rows, Subjects
from mlfactory.lake.answers import Batch, read_batches
from mlfactory.lake.erased import Erasure
from mlfactory.lake.pii_key import pii_key
from mlfactory.product.loader import Product


def count_asked(product: Product, erasure: Erasure) -> int:
    """Return how many rows that people are asked to label show the subject."""
    batches = read_batches(product.name).values()
    return sum(int(np.sum(showing(product, erasure, batch))) for batch in batches)


def named_of(product: Product) -> list[str]:
    """Return the columns of which a row that is asked about has the values as its key."""
    features = product.spec.features
    return [name for name in features.key if name != features.event_time]


def showing(product: Product, erasure: Erasure, batch: Batch) -> Rows:
    """Return which rows of a batch show the subject."""
    names = named_of(product)
    shown = [{**row.shows, **dict(zip(names, row.key, strict=True))} for row in batch.rows]
    return Subjects(product.name, None, [erasure], pii_key(product.name)).in_records(shown)
