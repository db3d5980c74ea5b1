"""The ids of trainings: one training each, and fit for a file's name."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

from mlfactory.lake.catalog import OF_A_COMMAND
from mlfactory.product.partitions import Partition


def training_id(partition: str, run_id: str) -> str:
    """Return the id of the training that a DAG run makes: the same for every retry of it."""
    return f"{partition}.{re.sub(r'[^A-Za-z0-9_-]+', '-', run_id).strip('-')}".replace(":", "-")


def new_training_id(partition: Partition) -> str:
    """Return an id for a training asked for now; no two are the same, not even in one second."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return training_id(partition.key, f"{OF_A_COMMAND}{moment}-{secrets.token_hex(3)}")
