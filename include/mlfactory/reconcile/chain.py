"""Whether the chain of a partition, from its landing to the policy's decision, came to its end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from mlfactory.lake.catalog import MANIFESTS, validation_page
from mlfactory.lake.manifests import read_manifest, run_name
from mlfactory.lake.staleness import stale_runs
from mlfactory.lake.store import product_store
from mlfactory.product.loader import Product
from mlfactory.reconcile.gaps import DATA, MONITOR, PARTS, SCORE, STALE, STOPPED, UNCONSUMED, Gap

PATIENCE = timedelta(minutes=10)
"""How long the chain of a partition may take from one step to the next before it is missed."""

_FOLLOWS = (
    ("ingest", "validate", DATA),
    ("validate", "prepare", DATA),
    ("prepare", "score", SCORE),
    ("score", "monitor", MONITOR),
    ("monitor", "retrain", MONITOR),
)
_MENDED_BY = {"validate": DATA, "prepare": DATA, "score": SCORE, "monitor": MONITOR}


def broken_chains(product: Product, now: datetime) -> list[Gap]:
    """Return where the chain of a partition broke, the oldest partition first.

    Of each partition the first place only: the run that mends it brings what comes after.
    """
    found: dict[str, Gap] = {}
    for gap in (*_unfollowed(product, now), *_stale(product)):
        standing = found.get(gap.key)
        if standing is None or _place(gap) < _place(standing):
            found[gap.key] = gap
    return [found[key] for key in sorted(found)]


def keys_done(product: Product, stage: str) -> list[str]:
    """Return the partitions that a stage has done; keys sort as their times do."""
    folder = f"{MANIFESTS}/{stage}/"
    names = product_store(product.name).list(folder.rstrip("/"))
    return sorted(name.removeprefix(folder).removesuffix(".json") for name in names)


def ended_at(product: Product, stage: str, key: str) -> datetime | None:
    """Return when the run of a stage ended, None if it did not or was not."""
    manifest = read_manifest(product.name, stage, key)
    if not manifest:
        return None
    return datetime.fromisoformat(manifest["started_at"]) + timedelta(seconds=manifest["seconds"])


def _unfollowed(product: Product, now: datetime) -> Iterator[Gap]:
    for done, next_stage, part in _FOLLOWS:
        known = set(keys_done(product, next_stage))
        for key in keys_done(product, done):
            if key in known:
                continue
            ended = ended_at(product, done, key)
            if ended is None or now - ended <= PATIENCE:
                continue
            if done == "validate" and _is_stopped(product, key):
                yield _stopped(product, key, "nothing was prepared of it")
                continue
            words = f"{done} ended {ended:%Y-%m-%d %H:%M} UTC, and no {next_stage} followed"
            yield Gap(UNCONSUMED, key, part, words, landed=True)


def _stale(product: Product) -> Iterator[Gap]:
    """Give the stale runs; what is stale only through one that a person must mend is left out."""
    left = set[str]()
    for run in stale_runs(product.name):
        name = run_name(run.stage, run.key)
        because = [read for read in run.because if read not in left]
        if not because:
            left.add(name)
        elif because == [run_name("validate", run.key)] and _is_stopped(product, run.key):
            left.add(name)
            yield _stopped(product, run.key, "what was prepared before it still stands")
        else:
            words = f"{run.stage} read {', '.join(because)} before it was run again"
            yield Gap(STALE, run.key, _MENDED_BY[run.stage], words, landed=True)


def _stopped(product: Product, key: str, so: str) -> Gap:
    where = product_store(product.name).address(validation_page(key))
    words = f"its validation stopped it, and {so}: {where}"
    return Gap(
        STOPPED, key, DATA, words, hindrance="mend the data, or the rules in product.yaml; run it"
    )


def _is_stopped(product: Product, key: str) -> bool:
    """Tell whether the newest landing of a partition was validated, and refused."""
    validated = read_manifest(product.name, "validate", key)
    landed = read_manifest(product.name, "ingest", key)
    return (
        bool(validated)
        and validated["facts"]["verdict"] == "stop"
        and validated["reads"].get(run_name("ingest", key)) == landed.get("id")
    )


def _place(gap: Gap) -> int:
    return PARTS.index(gap.part)
