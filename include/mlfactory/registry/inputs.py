"""From any frame that has a model's inputs to the columns and types it was trained with."""

from __future__ import annotations

import pandas as pd

from mlfactory.lake.kinds import as_float, words
from mlfactory.product.errors import ContractError


def as_inputs(frame: pd.DataFrame, example: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of `example` as they are there: numbers as float64, categories as text.

    What a product's build function returns is enough: whole numbers, truth values, categories,
    None and further columns are all taken.

    Raises:
        ContractError: if a column is missing, or has something that is no number for a number.
    """
    columns = {str(name): name for name in frame.columns}
    lacking = [str(name) for name in example.columns if str(name) not in columns]
    if lacking:
        raise ContractError(
            f"the model's inputs {', '.join(lacking)} are missing; there are {sorted(columns)}",
            remedy="give it what the product's build function returns",
        )
    made = {str(name): _typed(frame[columns[str(name)]], example[name]) for name in example.columns}
    return pd.DataFrame(made, index=frame.index)


def _typed(values: pd.Series, example: pd.Series) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(example):
        return words(values)
    found = as_float(values)
    wrong = values.notna() & found.isna()
    if wrong.any():
        raise ContractError(
            f"the model's input '{values.name}' is a number, and {int(wrong.sum()):,} of "
            f"{len(values):,} rows have something else, such as {values[wrong].iloc[0]!r}",
            remedy="make it a number, or null where it is not known",
        )
    return found
