"""What stands on what: the stage runs that read something which has been replaced since.

What a product's functions built is replaced with their code as well, and a validation by what
people decide about the rows that it put into quarantine, and by other steps of cleaning.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlfactory.lake.manifests import run_name
from mlfactory.lake.row_decisions import newest_about_rows, newest_heeded, read_as
from mlfactory.lake.steps import has_other_steps, is_of_steps
from mlfactory.lake.summaries import summaries
from mlfactory.product.loader import Product

STAGES = ("ingest", "validate", "prepare", "score", "monitor")
"""The stages whose runs are named by their partition, in the order of the river."""

CODE = "other code of the product"
"""Why a run is stale that built features and labels with other code than the product has now."""

DECIDED = "other decisions about its quarantined rows"
"""Why a validation is stale since which somebody released or discarded rows of its partition."""

CLEANED = "other steps of clean"
"""Why a validation is stale whose rows were cleaned by other steps than the product has now."""

_JUDGES = "validate"
_BUILDS = "prepare"
"""The stage that calls the product's functions on what has landed. What they read themselves, as a
source, was landed once and stays."""


@dataclass(frozen=True)
class StaleRun:
    """A stage run to be made again.

    Attributes:
        because: the runs it read that were replaced since, are being replaced, or are stale
            themselves, as `<stage>/<key>`; `CODE` where its code was changed since; `DECIDED`;
            `CLEANED`.
    """

    stage: str
    key: str
    because: tuple[str, ...]


def stale_runs(product: Product) -> list[StaleRun]:
    """Return the stale runs of a product, in the order in which to make them again.

    Keys of a product sort as their times do. What was never run is not stale: it is not there.
    """
    known = [summaries(product.name, stage) for stage in STAGES]
    return stale_among([each for of_stage in known for each in of_stage.values()], product)


def _is_replaced(
    manifest: Mapping[str, Any],
    read: str,
    known: str,
    ids: Mapping[str, str],
    stale: Collection[str],
) -> bool:
    """Tell whether what a run read is another by now, or is to be made again."""
    now = ids.get(read, "")
    if manifest["stage"] == _JUDGES and read.startswith(f"{_JUDGES}/"):
        # a validation notes those of earlier partitions that did not stand when it looked, and used
        # nothing of them: until another one stands there, it would find the same again
        return now not in ("", known)
    return now != known or read in stale


def stale_among(manifests: Sequence[Mapping[str, Any]], product: Product) -> list[StaleRun]:
    """Return the stale ones among runs given by their manifests or summaries, see `stale_runs`."""
    ids = {
        run_name(manifest["stage"], manifest["name"]): str(manifest.get("id", ""))
        for manifest in manifests
    }
    decided = newest_about_rows(product.name)
    order = {stage: place for place, stage in enumerate(STAGES)}
    stale: dict[str, StaleRun] = {}
    for manifest in sorted(manifests, key=lambda each: (order[each["stage"]], each["name"])):
        because = tuple(
            read
            for read, known in sorted(manifest.get("reads", {}).items())
            # what was not there when it was looked for is noted with an empty id
            if not (read == read_as(manifest["name"]) or is_of_steps(read))
            and _is_replaced(manifest, read, known, ids, stale)
        )
        newest = int(decided.get(read_as(manifest["name"]), 0))
        if manifest["stage"] == _JUDGES and newest_heeded(manifest) != newest:
            because = (*because, DECIDED)
        if manifest["stage"] == _JUDGES and has_other_steps(manifest, product):
            because = (*because, CLEANED)
        if manifest["stage"] == _BUILDS and manifest.get("code_hash") != product.code_hash:
            because = (*because, CODE)
        if because:
            stage, key = str(manifest["stage"]), str(manifest["name"])
            stale[run_name(stage, key)] = StaleRun(stage, key, because)
    return list(stale.values())
