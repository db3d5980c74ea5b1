"""Manifests: what every stage run leaves behind, so that anyone can tell what it did and from what.

A manifest is written when its stage has done all its other writes: where there is one, the stage
is complete.
"""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from mlfactory.lake.catalog import manifest_file
from mlfactory.lake.store import find_json, product_store, write_json
from mlfactory.product.loader import Product
from mlfactory.settings import REPOSITORY


@dataclass
class Manifest:
    """What one run of a stage read and wrote.

    Attributes:
        inputs: the version of each table read.
        outputs: the version of each table written.
        counts: numbers worth comparing between partitions, such as rows.
        facts: anything else worth knowing, such as a verdict or a state.
        seconds: wall time of the run.
    """

    product: str
    stage: str
    partition: str
    name: str
    spec_hash: str
    code_revision: str
    lock_hash: str
    seed: int
    started_at: str
    inputs: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


@contextmanager
def manifest(product: Product, stage: str, partition: str, name: str = "") -> Iterator[Manifest]:
    """Give the manifest of a stage run to fill in, and write it if the run ends well.

    Args:
        name: the manifest's own name where a partition can have several, as trainings do.
    """
    record = Manifest(
        product=product.name,
        stage=stage,
        partition=partition,
        name=name or partition,
        spec_hash=product.spec_hash,
        code_revision=code_revision(),
        lock_hash=lock_hash(),
        seed=product.spec.train.seed,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    start = time.perf_counter()
    yield record
    record.seconds = round(time.perf_counter() - start, 3)
    write_json(product_store(product.name), manifest_file(stage, record.name), asdict(record))


def read_manifest(product: str, stage: str, name: str) -> Mapping[str, Any]:
    """Return the manifest of a stage run by its name (its partition), empty if there is none."""
    return find_json(product_store(product), manifest_file(stage, name)) or {}


@lru_cache(maxsize=1)
def code_revision() -> str:
    """Return the git commit the code is at, with `+` where files were changed since."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit}+" if changed else commit


@lru_cache(maxsize=1)
def lock_hash() -> str:
    """Return a digest of requirements.txt, which names every package and version."""
    lock = REPOSITORY / "requirements.txt"
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:16] if lock.is_file() else "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - the arguments are our own
        ["git", *arguments],  # noqa: S607 - whichever git the user has
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    return done.stdout.strip()
