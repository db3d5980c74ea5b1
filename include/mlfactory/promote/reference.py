"""Whom a candidate must beat: the champion on the same rows, or a naive baseline in its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from mlfactory.lake import ledger
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import IntegrityError, UsageError
from mlfactory.product.loader import Product
from mlfactory.promote.heldout import Said, asked, recorded
from mlfactory.promote.training import HOLDOUT_FILE, Trained, find_trained
from mlfactory.registry.models import LoadedModel, load_version
from mlfactory.registry.runs import read_frame


@dataclass(frozen=True, eq=False)
class Reference:
    """Whom the candidate is compared with.

    Attributes:
        name: for people.
        said: what it says about the held-out rows; None if no fair comparison can be made.
        problem: why there is no fair comparison.
    """

    name: str
    said: Said | None
    problem: str = ""


def champion_beside(product: Product, version: str) -> ledger.Entry | None:
    """Return the newest promotion of another version than this one.

    A version's own promotion is left out, so that judging it again compares it with the same one.
    """
    others = [
        entry
        for entry in ledger.entries(product.name, "promoted")
        if str(entry.details["version"]) != version
    ]
    return others[-1] if others else None


def reference_for(
    product: Product,
    trained: Trained,
    champion: ledger.Entry | None,
    held_out: pd.DataFrame,
    classes: Sequence[str],
) -> Reference:
    """Return whom the candidate is compared with, and what that one says.

    A champion that can no longer serve, for its files or its columns, makes way for the baseline.

    Args:
        classes: of the recorded scores, where there are several.
    """
    baseline = recorded(held_out, "baseline", classes)
    if champion is None:
        return Reference("the naive baseline", baseline)
    name = f"champion {champion.details['version']}"
    try:
        model = load_version(product.name, str(champion.details["version"]))
    except UsageError as error:
        return Reference(name, None, f"{name} cannot be asked: {error.problem}")
    except IntegrityError as error:
        return _in_its_place(baseline, f"{name} cannot be asked: {error.problem}")
    lacking = [column for column in model.inputs if column not in held_out.columns]
    if lacking:
        return _in_its_place(baseline, f"{name} needs columns that are gone: {', '.join(lacking)}")
    problem = _seen_by(product, champion, model, trained, held_out)
    if problem:
        return Reference(name, None, f"{name} has {problem}, so no comparison would be fair")
    return Reference(name, asked(model, held_out))


def _in_its_place(baseline: Said, why: str) -> Reference:
    # such a champion can no longer serve; to insist on it would let no model in ever again
    return Reference(f"the naive baseline ({why})", baseline)


def _seen_by(
    product: Product,
    champion: ledger.Entry,
    model: LoadedModel,
    trained: Trained,
    held_out: pd.DataFrame,
) -> str:
    """Return which held-out rows the champion was fitted on, in words; nothing if none."""
    pinned = Trained(*find_trained(product.name, champion.subject))
    if not pinned.snapshot or not pinned.fit:
        return f"left no record of what it was fitted on (training {champion.subject})"
    if product.calendar.is_snapshot:
        rows = _fitted_rows(product, pinned, held_out)
        return f"been fitted on {rows:,} of the held-out rows" if rows else ""
    seen = sorted(set(pinned.fit_partitions) & set(trained.holdout_partitions))
    return f"been fitted on the held-out {', '.join(seen)}" if seen else ""


def _fitted_rows(product: Product, pinned: Trained, held_out: pd.DataFrame) -> int:
    """Count the rows of a snapshot that a training knew and did not hold out."""
    key = list(product.spec.features.key)
    version = int(pinned.snapshot["features_version"])
    known = Lake(product.name).read("features", columns=key, version=version)
    spared = read_frame(pinned.run_id, HOLDOUT_FILE)
    rows = pd.MultiIndex.from_frame(held_out[key].astype("str"))
    was_known = rows.isin(pd.MultiIndex.from_frame(known[key].astype("str")))
    was_spared = rows.isin(pd.MultiIndex.from_frame(spared[key].astype("str")))
    return int((was_known & ~was_spared).sum())
