"""Whether the chain of a partition, from its landing to the policy's decision, came to its end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any

from mlfactory.lake.catalog import MANIFESTS, clean, mark_of, raw, validation_page
from mlfactory.lake.manifests import read_manifest, run_name
from mlfactory.lake.staleness import CLEANED, CODE, DECIDED, STAGES, stale_among
from mlfactory.lake.store import product_store
from mlfactory.lake.summaries import Summaries, summaries
from mlfactory.lake.tables import Lake
from mlfactory.lake.vouched import WRITERS
from mlfactory.product.loader import Product
from mlfactory.reconcile.gaps import (
    DATA,
    MONITOR,
    OTHER_CODE,
    PARTS,
    REPLACED,
    SCORE,
    STALE,
    STOPPED,
    UNCONSUMED,
    Gap,
)

PATIENCE = timedelta(minutes=10)
"""How long the chain of a partition may take from one step to the next before it is missed."""

_AT_A_TIME = 3

_FOLLOWS = (
    ("ingest", "validate", DATA),
    ("validate", "prepare", DATA),
    ("prepare", "score", SCORE),
    ("score", "monitor", MONITOR),
    ("monitor", "retrain", MONITOR),
)
Done = Mapping[str, Summaries]
"""Of each stage a summary of its run of each partition; keys sort as their times do."""

_MENDED_BY = {"ingest": DATA, "validate": DATA, "prepare": DATA, "score": SCORE, "monitor": MONITOR}


def all_done(product: Product) -> Done:
    """Return what was done, of all stages that are named by their partition."""
    return {stage: summaries(product.name, stage) for stage in (*STAGES, "retrain")}


def broken_chains(product: Product, done: Done, now: datetime) -> list[Gap]:
    """Return where the chain of a partition broke, the oldest partition first.

    Of each partition the first place only: the run that mends it brings what comes after.
    """
    found: dict[str, Gap] = {}
    gaps = (_replaced(product, done, now), _unfollowed(product, done, now), _stale(product, done))
    for gap in chain.from_iterable(gaps):
        standing = found.get(gap.key)
        if standing is None or _place(gap) < _place(standing):
            found[gap.key] = gap
    return [found[key] for key in sorted(found)]


def built_with_other_code(product: Product, done: Done) -> list[Gap]:
    """Return what was prepared with other code: a few to be mended, and the rest as one gap.

    A comment changes the code as well, and a long history is not run anew all at once for it.
    """
    now = product.code_hash
    keys = [key for key, run in done["prepare"].items() if run.get("code_hash") != now]
    # what a person must mend anyway waits for that; the others are not looked at that closely
    few = list(islice((key for key in keys if not _is_stopped(product, key)), _AT_A_TIME))
    words = f"prepared with {CODE} than there is now, and left out of trainings"
    found = [Gap(OTHER_CODE, key, DATA, words, landed=key in done["ingest"]) for key in few]
    rest = [key for key in keys if key not in few]
    if rest and few:
        more = f"{len(rest):,} more of {rest[0]} to {rest[-1]} {words}"
        all_at_once = f"mlfactory run {product.name} {keys[0]} --stage prepare --downstream"
        by = f"a few are run at a time; all at once: {all_at_once}"
        found.append(Gap(OTHER_CODE, "", "", more, hindrance=by, partitions=len(rest)))
    return found


def keys_done(product: Product, stage: str) -> list[str]:
    """Return the partitions that a stage has done; keys sort as their times do."""
    folder = f"{MANIFESTS}/{stage}/"
    names = product_store(product.name).list(folder.rstrip("/"))
    return sorted(name.removeprefix(folder).removesuffix(".json") for name in names)


def ended_at(run: Mapping[str, Any]) -> datetime:
    """Return when a run of a stage ended, by its manifest or summary."""
    return datetime.fromisoformat(run["started_at"]) + timedelta(seconds=run["seconds"])


def _replaced(product: Product, done: Done, now: datetime) -> Iterator[Gap]:
    """Give the partitions whose rows are not those of the run that left the manifest."""
    lake = Lake(product.name)
    sources = product.spec.sources
    tables = {raw(name): "ingest" for name in sources} | dict(WRITERS)
    tables |= {clean(name): "validate" for name, source in sources.items() if source.clean}
    for table, stage in tables.items():
        for key, run in lake.newest(table, mark_of(table)).items():
            known = done[stage].get(key)
            if known is None or known["id"] == run or now - ended_at(known) <= PATIENCE:
                continue
            if read_manifest(product.name, stage, key).get("id") != known["id"]:
                continue  # it is being replaced at this moment
            words = f"its rows in {table} are not those of the {stage} that its manifest is of"
            # what is known of a landing is about rows that are gone
            landed = stage != "ingest" and key in done["ingest"]
            yield Gap(REPLACED, key, _MENDED_BY[stage], words, landed=landed)


def _unfollowed(product: Product, done: Done, now: datetime) -> Iterator[Gap]:
    for stage, next_stage, part in _FOLLOWS:
        for key, run in done[stage].items():
            ended = ended_at(run)
            if key in done[next_stage] or now - ended <= PATIENCE:
                continue
            if stage == "validate" and _is_stopped(product, key):
                yield _stopped(product, key, "nothing was prepared of it")
                continue
            words = f"{stage} ended {ended:%Y-%m-%d %H:%M} UTC, and no {next_stage} followed"
            yield Gap(UNCONSUMED, key, part, words, landed=key in done["ingest"])


def _stale(product: Product, done: Done) -> Iterator[Gap]:
    """Give the stale runs.

    What is stale only through one that a person must mend, or through code, is left out.
    """
    left = set[str]()
    runs = [run for stage in STAGES for run in done[stage].values()]
    for run in stale_among(runs, product):
        name = run_name(run.stage, run.key)
        because = [read for read in run.because if read not in left and read != CODE]
        if not because:
            left.add(name)
        elif because == [run_name("validate", run.key)] and _is_stopped(product, run.key):
            left.add(name)
            yield _stopped(product, run.key, "what was prepared before it still stands")
        else:
            # a landing that was reset, or begun anew and cut off, took its manifest away: it is
            # landed again
            landed = run.key in done["ingest"]
            gone = run_name("ingest", run.key) in because and not landed
            told = "what was landed then is there no more" if gone else "that was run again since"
            known = [read for read in because if read in (DECIDED, CLEANED)]
            replaced = [read for read in because if read not in known]
            words = f"{run.stage} read {', '.join(replaced)}, and {told}"
            if not replaced:
                words = f"{run.stage} knew of {' and '.join(known)} than there are now"
            yield Gap(STALE, run.key, _MENDED_BY[run.stage], words, landed=landed)


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
