"""The rows of table `predictions`, made from features and one model's answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.product.spec import ProductSpec
from mlfactory.registry.models import LoadedModel

_PREDICTION = {"binary": pa.float64(), "regression": pa.float64(), "multiclass": pa.string()}


def carried_columns(spec: ProductSpec) -> list[str]:
    """Return the columns that predictions take over from the features: key and event time."""
    time = [spec.features.event_time] if spec.features.event_time else []
    return list(dict.fromkeys([*spec.features.key, *time]))


def predictions_schema(spec: ProductSpec, features: Mapping[str, pa.DataType]) -> pa.Schema:
    """Return the schema of the table, whether or not it has rows.

    Args:
        features: the types of the features' columns.
    """
    carried = [(name, features[name]) for name in carried_columns(spec)]
    fields = [
        *carried,
        ("role", pa.string()),
        ("model_version", pa.string()),
        ("score", pa.float64()),
        ("prediction", _PREDICTION[spec.label.kind]),
    ]
    if spec.label.kind == "multiclass":
        fields.append(("probabilities", pa.list_(pa.float64())))
    if spec.partition.calendar.is_snapshot:
        fields.append(("held_out", pa.bool_()))
    return pa.schema(fields)


def predict(
    product: Product,
    partition: Partition,
    features: pd.DataFrame,
    types: Mapping[str, pa.DataType],
    role: str,
    model: LoadedModel,
    held_out: npt.NDArray[np.bool_] | None = None,
) -> pa.Table:
    """Return what a model predicts for each row.

    Args:
        role: `champion` or `challenger`.
        held_out: (rows,) of a snapshot, which rows the model was judged by.

    Raises:
        ContractError: the features lack what the model takes, or have it in another type.
    """
    where = f"product {product.name}, partition {partition.key}"
    answers = model.answer(inputs_of(where, features, model))
    made: dict[str, Any] = {name: features[name].array for name in carried_columns(product.spec)}
    several = product.spec.label.kind == "multiclass"
    made["role"] = role
    made["model_version"] = model.version
    made["score"] = np.max(answers.scores, axis=1) if several else answers.scores
    made["prediction"] = answers.decisions
    if several:
        made["probabilities"] = list(answers.scores)
    if held_out is not None:
        made["held_out"] = held_out
    schema = predictions_schema(product.spec, types)
    return pa.Table.from_pandas(pd.DataFrame(made), schema=schema, preserve_index=False)


def inputs_of(where: str, features: pd.DataFrame, model: LoadedModel) -> pd.DataFrame:
    """Return the columns a model takes, in its types.

    Args:
        where: what an error begins with.

    Raises:
        ContractError: if one is missing, or holds text where the model takes numbers or the other
            way round.
    """
    example = model.input_example
    lacking = [name for name in model.inputs if name not in features.columns]
    other = [
        f"{name} (the model takes {example[name].dtype}, they hold {features[name].dtype})"
        for name in model.inputs
        if name not in lacking and _is_text(features[name]) != _is_text(example[name])
    ]
    if lacking or other:
        problems = [f"columns {', '.join(lacking)} are missing"] if lacking else []
        problems += [f"columns {', '.join(other)} have another type"] if other else []
        raise ContractError(
            f"{where}: the features do not fit version {model.version} of the model: "
            f"{'; '.join(problems)}",
            remedy="prepare the partition with the columns the model was trained with, or train "
            "and promote a model of the new ones",
        )
    return features[list(model.inputs)].astype({name: example[name].dtype for name in model.inputs})


def _is_text(column: pd.Series) -> bool:
    if column.isna().all() and column.dtype == object:
        return False
    return not pd.api.types.is_numeric_dtype(column)
