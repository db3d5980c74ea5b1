"""The rows of a training: features with the labels known at its cut-off, split so that what is
held out could not have been known to what is fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.lake.catalog import PARTITION
from mlfactory.lake.labels import AVAILABLE_AT, LABEL, known_labels
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, InsufficientData
from mlfactory.product.loader import Product
from mlfactory.product.metrics import LabelKind
from mlfactory.product.partitions import Partition
from mlfactory.product.spec import Features
from mlfactory.statistics.statistic import Ints


@dataclass(frozen=True, eq=False)
class Rows:
    """Labelled rows in the order of event time and key.

    Attributes:
        frame: key, event time, inputs, sensitive columns, `label` and `available_at`.
        inputs: what a model is given: numbers as float64, categories as str.
        y: (rows,) 0 or 1, the value, or the name of the class.
        times: (rows,) event times in UTC, None for a snapshot.
        blocks: (rows,) code of the day of each row; of a snapshot, of the row itself.
    """

    frame: pd.DataFrame
    inputs: pd.DataFrame
    y: npt.NDArray[np.generic]
    times: pd.Series | None
    blocks: Ints

    def __len__(self) -> int:
        return len(self.y)

    def take(self, places: Ints) -> Rows:
        """Return the rows at some places only."""
        return Rows(
            frame=self.frame.iloc[places].reset_index(drop=True),
            inputs=self.inputs.iloc[places].reset_index(drop=True),
            y=self.y[places],
            times=None if self.times is None else self.times.iloc[places].reset_index(drop=True),
            blocks=self.blocks[places],
        )


@dataclass(frozen=True, eq=False)
class Split:
    """The rows a model is fitted on, and the rows it is judged by."""

    fit: Rows
    holdout: Rows


@dataclass(frozen=True)
class Pinned:
    """Which versions of the tables and which of their partitions a training reads."""

    features_version: int
    labels_version: int
    fit_partitions: tuple[str, ...]
    holdout_partitions: tuple[str, ...]


def pin(product: Product, partition: Partition) -> Pinned:
    """Choose what a training with the cut-off `partition` reads, as the lake is now.

    Raises:
        InsufficientData: if there are too few labelled rows or partitions.
    """
    lake = Lake(product.name)
    versions = lake.versions("features", "labels")
    if len(versions) < 2:
        raise _too_little(product, partition, "nothing was prepared yet", "run stage prepare first")
    window = [slot.key for slot in product.calendar.back(partition, product.spec.window)]
    labels = known_labels(product, window, partition.end, versions["labels"])
    labelled = labels[PARTITION].value_counts().to_dict()
    least = product.spec.train.min_rows
    if (rows := sum(labelled.values())) < least:
        raise _too_little(
            product,
            partition,
            f"{rows:,} labelled rows are known, and train.min_rows is {least:,}",
            "wait for more data, or lower train.min_rows",
        )
    keys = [key for key in window if labelled.get(key)]
    fit, holdout = choose_partitions(product, partition, keys)
    return Pinned(versions["features"], versions["labels"], fit, holdout)


def choose_partitions(
    product: Product, partition: Partition, labelled: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the partitions to fit on and those to hold out, out of the `labelled` ones.

    The newest are held out. One that is only half over by the time its labels take does not count
    as one of the spec's number, as it may have a handful of rows, but is held out with the others.

    Raises:
        InsufficientData: if there are fewer than 2.
    """
    if product.calendar.is_snapshot:
        return tuple(labelled), tuple(labelled)
    wanted = product.spec.holdout_partitions
    if len(labelled) <= wanted:
        raise _too_little(
            product,
            partition,
            f"{wanted + 1} partitions with labelled rows are needed, "
            f"{wanted} of them to hold out, and there are {len(labelled)}: {list(labelled)}",
            "wait for the next partition, or for its labels",
        )
    full = 0
    for place in range(len(labelled) - 1, 0, -1):
        full += _mostly_known(product, partition, labelled[place])
        if full == wanted:
            return tuple(labelled[:place]), tuple(labelled[place:])
    return tuple(labelled[:-wanted]), tuple(labelled[-wanted:])


def read_split(product: Product, partition: Partition, pinned: Pinned) -> Split:
    """Read a training's rows at the pinned versions.

    Of the rows before the hold-out, those whose label was not known when it began are left out,
    as they could not have been learned from then.

    Raises:
        InsufficientData: if a part has no rows, or only one of the classes.
        ContractError: if a binary label is something other than 0 and 1.
    """
    joined = _join(product, partition, pinned)
    if product.calendar.is_snapshot:
        key = list(product.spec.features.key)
        held_out = held_out_by_key(joined[key], product.spec.holdout_fraction)
        known = ~held_out
    else:
        start = product.calendar.parse(pinned.holdout_partitions[0]).start
        held_out = joined[PARTITION].isin(pinned.holdout_partitions).to_numpy()
        known = ~held_out & (joined[AVAILABLE_AT] <= start).to_numpy()
    split = Split(_rows(product, joined[known]), _rows(product, joined[held_out]))
    for what, rows in (("to fit on", split.fit), ("held out", split.holdout)):
        _check(product, partition, what, rows)
    return split


def model_inputs(frame: pd.DataFrame, features: Features) -> pd.DataFrame:
    """Return a model's inputs in the order and types it takes: float64 and str."""
    kinds = dict.fromkeys(features.numeric, "float64") | dict.fromkeys(features.categorical, "str")
    return frame[list(features.inputs)].astype(kinds)


def held_out_by_key(key: pd.DataFrame, fraction: float) -> npt.NDArray[np.bool_]:
    """Tell for each row whether its key is among the share that is held out.

    It rests on the key alone, so that a row held out once is held out by every training.
    """
    hashed = pd.util.hash_pandas_object(key.astype("str"), index=False).to_numpy(np.uint64)
    return np.asarray(hashed < np.uint64(fraction * 2**64))


def _join(product: Product, partition: Partition, pinned: Pinned) -> pd.DataFrame:
    lake, features = Lake(product.name), product.spec.features
    on = [PARTITION, *features.key]
    time = [features.event_time] if features.event_time else []
    traits = [name for name in features.sensitive if name not in features.key]
    columns = list(dict.fromkeys([*on, *time, *features.inputs, *traits]))
    keys = sorted({*pinned.fit_partitions, *pinned.holdout_partitions})
    built = lake.read("features", keys, columns=columns, version=pinned.features_version)
    labels = known_labels(product, keys, partition.end, pinned.labels_version)
    known = labels[[*on, LABEL, AVAILABLE_AT]]
    joined = built.merge(known, on=on, validate="one_to_one")
    return joined.sort_values([*time, *features.key], kind="stable", ignore_index=True)


def _rows(product: Product, frame: pd.DataFrame) -> Rows:
    frame = frame.reset_index(drop=True)
    time = product.spec.features.event_time
    times = frame[time] if time else None
    return Rows(
        frame=frame,
        inputs=model_inputs(frame, product.spec.features),
        y=label_values(frame[LABEL], product.spec.label.kind),
        times=times,
        blocks=_days(times) if times is not None else _each(frame),
    )


def label_values(labels: pd.Series, kind: LabelKind) -> npt.NDArray[np.generic]:
    """Return labels as models take them: integers 0 and 1, floats, or names of classes.

    Raises:
        ContractError: if a binary label is something other than 0 and 1.
    """
    if kind == "multiclass":
        return labels.astype("str").to_numpy(dtype=np.str_)
    if kind == "regression":
        return labels.to_numpy(dtype=np.float64)
    strange = labels[~labels.isin([0, 1])]
    if len(strange):
        raise ContractError(
            f"column 'label': a binary label is 0 or 1, and {len(strange):,} rows have another, "
            f"such as {strange.iloc[0]!r}",
            remedy="let the build function return 0 and 1, or choose label.kind: multiclass",
        )
    return labels.to_numpy(dtype=np.int64)


def _days(times: pd.Series) -> Ints:
    stamps = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    codes: Ints = stamps.astype("datetime64[D]").astype(np.intp)
    return codes


def _each(frame: pd.DataFrame) -> Ints:
    return np.arange(len(frame), dtype=np.intp)


def _mostly_known(product: Product, partition: Partition, key: str) -> bool:
    """Tell whether the labels of the first half of a partition are known at the cut-off."""
    slot = product.calendar.parse(key)
    middle = slot.start + (slot.end - slot.start) / 2
    return middle + product.spec.label.arrives_after <= partition.end


def _check(product: Product, partition: Partition, what: str, rows: Rows) -> None:
    if not len(rows):
        raise _too_little(
            product,
            partition,
            f"there are no rows {what} whose label was known in time",
            "wait for more data, or hold out fewer partitions (train.holdout)",
        )
    if product.spec.label.kind == "regression":
        return
    classes, counts = np.unique(rows.y, return_counts=True)
    if len(classes) < 2:
        raise _too_little(
            product,
            partition,
            f"all {counts[0]:,} rows {what} have the label {classes[0]!s}",
            "a classifier needs rows of at least 2 classes; widen train.window or train.holdout",
        )


def _too_little(
    product: Product, partition: Partition, problem: str, remedy: str
) -> InsufficientData:
    return InsufficientData(
        f"product {product.name}, training at {partition}: {problem}", remedy=remedy
    )
