"""Which prepared partitions a training may learn from: those that stand as they were prepared."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from mlfactory.lake.catalog import FEATURES, LABELS, RUN
from mlfactory.lake.manifests import read_manifests, run_name
from mlfactory.lake.staleness import CLEANED, CODE, stale_among
from mlfactory.lake.tables import Lake
from mlfactory.lake.vouched import faults_of
from mlfactory.product.loader import Product

_log = logging.getLogger(__name__)

_WHY = {
    "replaced": "another run of prepare is replacing its rows, or was killed",
    "gone": "rows that were prepared are gone",
    "older": "an older revision prepared it, which did not name its runs",
}


def not_usable(
    product: Product, keys: Sequence[str], versions: Mapping[str, int]
) -> dict[str, str]:
    """Return those of the partitions that were prepared and may not be learned from, and why.

    That is where the data was landed again since and stopped, where anything it was made from was
    replaced since, where it was built with other code of the product than there is now, and where
    its rows are not those that its manifest is about.

    Args:
        versions: of the tables `features` and `labels`.
    """
    prepared = read_manifests(product.name, "prepare", keys)
    read = sorted(
        {name.partition("/")[2] for one in prepared.values() for name in one.get("reads", {})}
    )
    judged = read_manifests(product.name, "validate", read)
    # a validation may wait for those of earlier partitions
    waited = {
        name.partition("/")[2]
        for one in judged.values()
        for name in one.get("reads", {})
        if name.startswith("validate/")
    }
    waited -= set(read)
    judged |= read_manifests(product.name, "validate", sorted(waited))
    landed = read_manifests(product.name, "ingest", [*read, *sorted(waited)])
    runs = stale_among([*landed.values(), *judged.values(), *prepared.values()], product)
    stale = {run.key: run.because for run in runs if run.stage == "prepare"}
    cleaned = {run_name(run.stage, run.key) for run in runs if CLEANED in run.because}
    lake, wrong = Lake(product.name), dict[str, str]()
    for table in (LABELS, FEATURES):
        marks = lake.marks(table, RUN, keys, version=versions[table])
        wrong |= faults_of(table, prepared, marks)
    found = {}
    for key in sorted({*stale, *wrong}):
        if judged.get(key, {}).get("facts", {}).get("verdict") == "stop":
            found[key] = "it was landed again, and its validation stopped"
        else:
            because = stale.get(key, ())
            found[key] = _WHY.get(wrong.get(key, "")) or _why_stale(because, cleaned)
    for key, why in found.items():
        _log.warning("%s: partition %s cannot be learned from: %s", product.name, key, why)
    return found


def _why_stale(because: tuple[str, ...], cleaned: set[str]) -> str:
    if cleaned & set(because):
        return f"what it was made from was cleaned by {CLEANED} than there are now"
    if because != (CODE,):
        return "what it was made from was replaced since"
    return f"it was built with {CODE} than there is now"
