"""Which labelled rows a training fits and which it holds out, and whether they are enough.

The one place where this is said: a training pins what `plan` returns, and the retraining policy
asks for none that it could not carry out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.lake.catalog import AVAILABLE_AT, FEATURES, LABEL, LABELS, PARTITION
from mlfactory.lake.due import landings_of
from mlfactory.lake.known import count_known_in
from mlfactory.lake.labels import judged
from mlfactory.lake.sampling import rows_of, share_of
from mlfactory.lake.tables import Lake
from mlfactory.product.gates import BeatsGate, SliceGate
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Every, Partition
from mlfactory.trainings.blocks import entity_hashes, hashes
from mlfactory.trainings.labelled import GROUP, labelled_rows
from mlfactory.trainings.usable import not_usable

Mask = npt.NDArray[np.bool_]

_SHOWN = 3

_OF_THE_RAREST = 20
"""Rows of the rarer class that a hold-out needs to tell a model from a constant."""

_A_WEEK: Mapping[Every, int] = {"hour": 168, "day": 7}
"""Partitions of a week where one is shorter: of fewer days held out hardly any difference can be
told from chance, of a week one of two standard deviations of a day."""

_SHARE_OF_THE_RAREST = 5
"""Where fewer held-out rows will do (train.min_holdout), so will fewer of the rarer class."""


@dataclass(frozen=True)
class Part:
    """How many rows a part has, and of a classifier's label how many of each class."""

    rows: int = 0
    classes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What a training with a cut-off would read.

    Attributes:
        labelled: rows whose label was known at the cut-off, by partition looked at.
        left_out: partitions looked at whose rows and labels may not be learned from, and why.
        share: of the labelled rows, chosen by a hash of their event, that `fit` and `holdout` have;
            1 is all. `labelled` is reckoned for all rows.
        of_rows: how many labelled rows that is a share of; 0 where it is all.
        problem: why it cannot be carried out; nothing if it can.
    """

    features_version: int
    labels_version: int
    fit_partitions: tuple[str, ...] = ()
    holdout_partitions: tuple[str, ...] = ()
    fit: Part = Part()
    holdout: Part = Part()
    labelled: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    share: float = 1.0
    of_rows: int = 0
    problem: str = ""
    remedy: str = ""


def plan(product: Product, cutoff: Partition) -> Plan:
    """Return what a training with the cut-off `cutoff` would read, as the lake is now.

    The newest partitions with labels known at the end of `cutoff` are held out, as far as a model
    may be judged by their labels (see `lake.labels.judged_by`). Before them, the
    newest with labels known when the hold-out began are fitted on, until the window is full. Both
    are counted among partitions that have labels, so that a window reaches further back where
    labels come late. While there are fewer than the window wants, the hold-out is the same share
    of them, or a week where a gate compares and as much remains to fit on. Partitions that do not
    stand as they were prepared are left out, and told.
    """
    lake = Lake(product.name)
    versions = lake.versions(FEATURES, LABELS)
    if FEATURES in versions and product.spec.label.is_told and LABELS not in versions:
        return Plan(
            versions[FEATURES], 0, problem="no label was told yet", remedy="wait for labels"
        )
    if len(versions) < 2:
        return Plan(0, 0, problem="nothing was prepared yet", remedy="run stage prepare first")
    empty = Plan(versions[FEATURES], versions[LABELS])
    empty, rows = _labelled(product, cutoff, empty)
    counts = rows[PARTITION].value_counts()
    labelled = {str(key): round(count / empty.share) for key, count in counts.items()}
    found = replace(empty, labelled=labelled)
    if product.calendar.is_snapshot:
        found = replace(found, fit_partitions=(cutoff.key,), holdout_partitions=(cutoff.key,))
    else:
        fit, holdout, rows = _choose(product, cutoff, found, rows)
        found = replace(found, fit_partitions=fit, holdout_partitions=holdout)
        found, rows = _as_many_as_may_be(product, cutoff, found, rows)
    fitted, held_out = parts(product, found, rows)
    found = replace(
        found,
        fit=_counted(product, rows[fitted]),
        holdout=_counted(product, rows[held_out]),
    )
    problem, remedy = _problem(product, found)
    if problem and product.spec.labelling and found.holdout.rows < product.spec.train.min_holdout:
        remedy = f"{remedy}; of rows that people label only those drawn at random are held out"
    if problem and found.left_out:
        told = "; ".join(f"{key}: {why}" for key, why in list(found.left_out.items())[:_SHOWN])
        problem = f"{problem}. {len(found.left_out)} partitions are left out ({told})"
        again = f"mlfactory run {product.name} {cutoff} --stage prepare --downstream"
        remedy = f"{again}; or {remedy}"
    return replace(found, problem=problem, remedy=remedy)


def parts(product: Product, chosen: Plan, rows: pd.DataFrame) -> tuple[Mask, Mask]:
    """Return which of the labelled rows are fitted and which are held out.

    Of the rows before the hold-out, those whose label was not known when it began are in neither,
    as they could not have been learned from then; nor are those since then that were chosen for
    what a model said of them: a gate would judge on rows chosen against the champion. Of a snapshot
    a share is held out by a hash of the key, or of the group whose rows belong together.

    Args:
        rows: as `labelled_rows` returns them.
    """
    if product.calendar.is_snapshot:
        key = rows[list(product.spec.features.key)]
        group = rows.get(GROUP)
        held_out = held_out_by_key(key, product.spec.holdout_fraction, group)
        return ~held_out, held_out
    if not chosen.holdout_partitions:
        nothing = np.zeros(len(rows), dtype=np.bool_)
        return nothing, nothing
    held_out = rows[PARTITION].isin(chosen.holdout_partitions).to_numpy()
    start = product.calendar.parse(chosen.holdout_partitions[0]).start
    fitted = rows[PARTITION].isin(chosen.fit_partitions).to_numpy() & ~held_out
    fitted &= (rows[AVAILABLE_AT] <= start).to_numpy()
    return fitted, held_out & judged(product, rows)


def held_out_by_key(key: pd.DataFrame, fraction: float, group: pd.Series | None = None) -> Mask:
    """Tell for each row whether its key is among the share that is held out.

    It rests on the key alone, so that a row held out once is held out by every training.

    Args:
        group: the entity of each row, if rows of one belong together; it counts then, and the key
            of rows that name none.
    """
    hashed = hashes(key) if group is None else entity_hashes(group, key)
    return np.asarray(hashed < np.uint64(fraction * 2**64))


def least_of_the_rarest(product: Product) -> int:
    """Return how many rows of its rarer class a hold-out needs."""
    return min(_OF_THE_RAREST, product.spec.train.min_holdout // _SHARE_OF_THE_RAREST)


def _labelled(product: Product, cutoff: Partition, versions: Plan) -> tuple[Plan, pd.DataFrame]:
    """Return the labelled rows among which the window is chosen, and the plan with what is not.

    It is looked for beyond the time that labels take, once before the hold-out and once after it.
    Where partitions without data make that too short, it is looked for as far back again.
    """
    calendar, spec = product.calendar, product.spec
    if calendar.is_snapshot:
        return _usable(product, cutoff, [cutoff.key], versions)
    late = int(spec.label.arrives_after / (cutoff.end - cutoff.start)) + 2
    count = spec.window + 2 * late
    keys = [slot.key for slot in calendar.back(cutoff, count)]
    found, rows = _usable(product, cutoff, keys, versions)
    if rows[PARTITION].nunique() < spec.window + late and len(keys) == count:
        keys = [slot.key for slot in calendar.back(cutoff, 2 * count)]
        found, rows = _usable(product, cutoff, keys, versions)
    return found, rows


def _usable(
    product: Product, cutoff: Partition, keys: Sequence[str], versions: Plan
) -> tuple[Plan, pd.DataFrame]:
    # keys sort as times do, and what lands after the cut-off is not known at it
    looked_at = [key for key in landings_of(product, keys, cutoff.end) if key <= cutoff.key]
    at = {FEATURES: versions.features_version, LABELS: versions.labels_version}
    found = replace(versions, left_out=not_usable(product, looked_at, at))
    found = _shared(product, cutoff, found, keys)
    return found, labelled_rows(product, cutoff, keys, found)


def _shared(product: Product, cutoff: Partition, found: Plan, keys: Sequence[str]) -> Plan:
    """Return a plan with the share of the labels of some partitions that a training may have."""
    keys = [key for key in keys if key not in found.left_out]
    lake, most = Lake(product.name), product.spec.train.max_rows
    landings = landings_of(product, keys, cutoff.end)
    landings = [key for key in landings if key not in found.left_out]
    if rows_of(lake, LABELS, landings, found.labels_version) <= most:
        return replace(found, of_rows=0, share=1.0)
    rows = count_known_in(product, keys, cutoff.end, found.labels_version, left_out=found.left_out)
    share = share_of(rows, most)
    return replace(found, of_rows=rows if share < 1 else 0, share=share)


def _as_many_as_may_be(
    product: Product, cutoff: Partition, found: Plan, rows: pd.DataFrame
) -> tuple[Plan, pd.DataFrame]:
    """Return a plan with the rows that its own partitions may have, where more were looked at."""
    if found.share >= 1:
        return found, rows
    keys = sorted({*found.fit_partitions, *found.holdout_partitions})
    found = _shared(product, cutoff, found, keys)
    return found, labelled_rows(product, cutoff, keys, found)


def _choose(
    product: Product, cutoff: Partition, found: Plan, rows: pd.DataFrame
) -> tuple[tuple[str, ...], tuple[str, ...], pd.DataFrame]:
    """Return the partitions to fit on and those to hold out, and the rows with labels of either.

    A partition that is only half over by the time its labels take does not count as one of the
    spec's number, as it may have a handful of rows, but is held out with the others.
    """
    keys, spec = sorted(set(rows[PARTITION])), product.spec
    able = sorted(set(rows.loc[judged(product, rows), PARTITION]))
    whole = [key for key in able if _mostly_known(product, key, cutoff.end)]
    held = _held(product, len(whole))
    first = able.index(whole[-held]) if len(whole) > held else max(len(able) - held, 0)
    holdout = able[first:]
    if holdout and holdout[0] == keys[0]:
        # one is left to fit on
        holdout = holdout[1:]
    if not holdout:
        return tuple(keys), (), rows
    start = product.calendar.parse(holdout[0])
    if spec.label.is_told:
        before = product.calendar.span(product.calendar.parse(keys[0]), start)
        looked_at = [*(slot.key for slot in before if slot != start), *holdout]
        found = replace(found, holdout_partitions=tuple(holdout))
        rows = labelled_rows(product, cutoff, looked_at, found)
    known = set(rows.loc[rows[AVAILABLE_AT] <= start.start, PARTITION])
    fit = sorted(key for key in known if key < holdout[0])
    return tuple(fit[-max(spec.window - held, 1) :]), tuple(holdout), rows


def _held(product: Product, whole: int) -> int:
    """Return how many partitions are held out of so many; while the window fills, its share.

    Half of them at most make up what a gate that compares needs.
    """
    spec = product.spec
    filled = min(whole, spec.window)
    share = spec.holdout_partitions * filled // spec.window
    return max(share, min(_least_held(product), filled // 2), 1)


def _least_held(product: Product) -> int:
    """Return how many partitions a gate that compares needs held out, as far as the spec lets."""
    spec = product.spec
    compared = any(isinstance(gate, BeatsGate | SliceGate) for gate in spec.gates)
    return min(spec.holdout_partitions, _A_WEEK.get(spec.partition.every, 1)) if compared else 1


def _mostly_known(product: Product, key: str, moment: datetime) -> bool:
    """Tell whether the labels of the first half of a partition are known at a moment."""
    slot = product.calendar.parse(key)
    middle = slot.start + (slot.end - slot.start) / 2
    return middle + product.spec.label.arrives_after <= moment


def _counted(product: Product, rows: pd.DataFrame) -> Part:
    if product.spec.label.kind == "regression":
        return Part(len(rows))
    counts = rows[LABEL].value_counts()
    return Part(len(rows), {_class_name(one): int(count) for one, count in counts.items()})


def _class_name(value: object) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _problem(product: Product, found: Plan) -> tuple[str, str]:
    """Return why a plan cannot be carried out and what helps; nothing if it can."""
    if not found.labelled:
        return "there is no row whose label was known", "wait for labels, or run prepare again"
    if not found.holdout_partitions or not found.fit_partitions:
        return (
            "2 partitions with labelled rows are needed, one to fit on and one to hold out, whose "
            f"labels do not come too late for both; {len(found.labelled)} have any",
            "wait for more data",
        )
    held, least = len(found.holdout_partitions), _least_held(product)
    if not product.calendar.is_snapshot and held < least:
        return (
            f"{held} of {len(found.labelled)} {product.calendar.every}s could be held out: too few "
            f"to tell a better model from a lucky one, for which {least} are needed",
            "wait for more data",
        )
    problem, remedy = _too_few(product, found)
    if problem and found.share < 1:
        sampled = f"of {found.of_rows:,} labelled rows only a sample was looked at"
        remedy = f"raise train.max_rows: {sampled}; or {remedy}"
    return problem, remedy


def _too_few(product: Product, found: Plan) -> tuple[str, str]:
    train, total = product.spec.train, sum(found.labelled.values())
    if found.fit.rows < train.min_rows:
        return (
            f"{found.fit.rows:,} rows could be fitted on, of {total:,} labelled ones, and "
            f"train.min_rows is {train.min_rows:,}; {found.holdout.rows:,} would be held out",
            "wait for more data, widen train.window, or lower train.min_rows",
        )
    if found.holdout.rows < train.min_holdout:
        return (
            f"{found.holdout.rows:,} rows would be held out, and train.min_holdout is "
            f"{train.min_holdout:,}: fewer could tell no good model from a bad one",
            "hold out more (train.holdout), wait for more data, or lower train.min_holdout",
        )
    return _problem_of_classes(product, found)


def _problem_of_classes(product: Product, found: Plan) -> tuple[str, str]:
    if product.spec.label.kind == "regression":
        return "", ""
    column = product.spec.label.column
    for what, part in (("to fit on", found.fit), ("held out", found.holdout)):
        if len(part.classes) == 1:
            (only,) = part.classes
            return (
                f"all {part.rows:,} rows {what} have the label {only}: "
                f"'{column}' is constant there",
                "look whether build returns the label right; a classifier needs rows of 2 classes "
                "or more, perhaps of a wider train.window or train.holdout",
            )
    least = least_of_the_rarest(product)
    common = sorted(found.holdout.classes.items(), key=lambda one: -one[1])
    # where there are several classes, a rare one is measured with the others
    name, rows = common[1]
    if rows < least:
        return (
            f"of {found.holdout.rows:,} rows held out {rows:,} have the label {name}, and {least} "
            "are needed to tell a model from one that always says the other",
            "hold out more (train.holdout), or lower train.min_holdout",
        )
    return "", ""
