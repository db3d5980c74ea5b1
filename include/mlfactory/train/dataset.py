"""The rows of a training: features with the labels known at its cut-off, split as was planned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.lake.catalog import AVAILABLE_AT, LABEL, PARTITION
from mlfactory.product.errors import ContractError, InsufficientData
from mlfactory.product.loader import Product
from mlfactory.product.metrics import LabelKind
from mlfactory.product.partitions import Partition
from mlfactory.product.spec import Features
from mlfactory.statistics.statistic import Floats, Ints
from mlfactory.trainings.blocks import days
from mlfactory.trainings.heldout import row_columns
from mlfactory.trainings.labelled import features_of, groups_of, labelled_rows
from mlfactory.trainings.split import Plan, parts


@dataclass(frozen=True, eq=False)
class Rows:
    """Labelled rows in the order of event time and key.

    Attributes:
        frame: the user's columns: key, event time, inputs, sensitive columns and the group.
        inputs: what a model is given: numbers as float64, categories as str.
        y: (rows,) 0 or 1, the value, or the name of the class.
        times: (rows,) event times in UTC, None for a snapshot.
        known_at: (rows,) when each label arrived, None for a snapshot.
        blocks: (rows,) number of the day of each row, None for a snapshot.
        groups: (rows,) number of the entity of each row, None if the spec names none.
        weights: (rows,) how many rows each stands for where rows were thinned; None is 1 each.
    """

    frame: pd.DataFrame
    inputs: pd.DataFrame
    y: npt.NDArray[np.generic]
    times: pd.Series | None
    known_at: pd.Series | None
    blocks: Ints | None
    groups: Ints | None = None
    weights: Floats | None = None

    def __len__(self) -> int:
        return len(self.y)

    def take(self, places: Ints) -> Rows:
        """Return the rows at some places only."""
        return Rows(
            frame=self.frame.iloc[places].reset_index(drop=True),
            inputs=self.inputs.iloc[places].reset_index(drop=True),
            y=self.y[places],
            times=_taken(self.times, places),
            known_at=_taken(self.known_at, places),
            blocks=None if self.blocks is None else self.blocks[places],
            groups=None if self.groups is None else self.groups[places],
            weights=None if self.weights is None else self.weights[places],
        )


@dataclass(frozen=True, eq=False)
class Split:
    """The rows a model is fitted on, and the rows it is judged by."""

    fit: Rows
    holdout: Rows


def read_split(product: Product, cutoff: Partition, chosen: Plan) -> Split:
    """Read a training's rows at the planned versions.

    Raises:
        InsufficientData: if a part has no rows.
        ContractError: if a binary label is something other than 0 and 1.
    """
    keys = sorted({*chosen.fit_partitions, *chosen.holdout_partitions})
    labels = labelled_rows(product, cutoff, keys, chosen)
    frame = _features_of(product, keys, labels, chosen)
    order = _in_time(product, frame)
    frame, labels = (one.iloc[order].reset_index(drop=True) for one in (frame, labels))
    made = [_rows(product, frame, labels, mask) for mask in parts(product, chosen, labels)]
    for what, rows in zip(("to fit on", "held out"), made, strict=True):
        if not len(rows):
            raise InsufficientData(
                f"product {product.name}, training at {cutoff}: there are no rows {what} whose "
                "label was known in time",
                remedy="wait for more data, or hold out fewer partitions (train.holdout)",
            )
    return Split(*made)


def model_inputs(frame: pd.DataFrame, features: Features) -> pd.DataFrame:
    """Return a model's inputs in the order and types it takes: float64 and str."""
    kinds = dict.fromkeys(features.numeric, "float64") | dict.fromkeys(features.categorical, "str")
    return frame[list(features.inputs)].astype(kinds)


def constant_inputs(rows: Rows) -> Iterator[str]:
    """Yield the inputs that have the same value, or none, in every row."""
    for name in rows.inputs.columns:
        if rows.inputs[name].nunique(dropna=False) <= 1:
            yield str(name)


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


def _features_of(
    product: Product, keys: list[str], labels: pd.DataFrame, chosen: Plan
) -> pd.DataFrame:
    """Return the user's columns of the labelled rows, in their order."""
    on = [PARTITION, *product.spec.features.key]
    columns = list(dict.fromkeys([*on, *row_columns(product.spec)]))
    built = features_of(product, keys, columns, labels, chosen)
    wanted = pd.MultiIndex.from_frame(labels[on])
    places = pd.MultiIndex.from_frame(built[on]).get_indexer(wanted)
    return built[row_columns(product.spec)].iloc[places].reset_index(drop=True)


def _in_time(product: Product, frame: pd.DataFrame) -> Ints:
    features = product.spec.features
    time = [features.event_time] if features.event_time else []
    ordered = frame.sort_values([*time, *features.key], kind="stable")
    return np.asarray(ordered.index, dtype=np.intp)


def _rows(
    product: Product, frame: pd.DataFrame, labels: pd.DataFrame, mask: npt.NDArray[np.bool_]
) -> Rows:
    frame, labels = (one[mask].reset_index(drop=True) for one in (frame, labels))
    spec, every = product.spec, product.calendar.every
    time = spec.features.event_time
    times = frame[time] if time and every != "snapshot" else None
    return Rows(
        frame=frame,
        inputs=model_inputs(frame, spec.features),
        y=label_values(labels[LABEL], spec.label.kind),
        times=times,
        known_at=None if times is None else labels[AVAILABLE_AT],
        blocks=None if times is None else days(times),
        groups=groups_of(product, labels),
    )


def _taken(values: pd.Series | None, places: Ints) -> pd.Series | None:
    return None if values is None else values.iloc[places].reset_index(drop=True)
