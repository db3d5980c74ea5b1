"""All that does not fit together in a spec that is well typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mlfactory.product.mistakes import Found
from mlfactory.product.rules.cleaning import cleaning_mistakes
from mlfactory.product.rules.expectations import expectation_mistakes
from mlfactory.product.rules.features import feature_mistakes
from mlfactory.product.rules.functions import function_mistakes
from mlfactory.product.rules.history import history_mistakes
from mlfactory.product.rules.labels import label_mistakes
from mlfactory.product.rules.measures import measure_mistakes
from mlfactory.product.rules.services import service_mistakes
from mlfactory.product.rules.shards import shard_mistakes
from mlfactory.product.rules.sources import source_mistakes
from mlfactory.product.rules.time import time_mistakes
from mlfactory.product.rules.training import training_mistakes
from mlfactory.product.spec import ProductSpec


def inconsistencies(spec: ProductSpec, folder: Path) -> Iterator[Found]:
    """Yield every place where parts of a well-typed spec do not fit each other or the folder."""
    if spec.name != folder.name:
        yield ("name",), f"expected the name of its folder, '{folder.name}', got '{spec.name}'"
    yield from time_mistakes(spec)
    yield from source_mistakes(spec)
    yield from cleaning_mistakes(spec)
    yield from service_mistakes(spec)
    yield from shard_mistakes(spec)
    yield from expectation_mistakes(spec)
    yield from feature_mistakes(spec)
    yield from label_mistakes(spec)
    yield from history_mistakes(spec)
    yield from measure_mistakes(spec)
    yield from training_mistakes(spec)
    yield from function_mistakes(spec, folder)
