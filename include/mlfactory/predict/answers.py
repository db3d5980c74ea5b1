"""Answers as the content of a file, CSV or Parquet by its name."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from mlfactory.product.errors import UsageError

_SUFFIXES = (".csv", ".parquet")


def check_suffix(name: str) -> None:
    """Make sure that a file's name says how it is to be written.

    Raises:
        UsageError: if it ends in neither .csv nor .parquet.
    """
    if Path(name).suffix.lower() not in _SUFFIXES:
        raise UsageError(
            f"'{name}' does not say how it is to be written",
            remedy="let its name end in .csv or .parquet",
        )


def as_bytes(table: pd.DataFrame, name: str) -> bytes:
    """Return `table` as the content of a file called `name`."""
    if Path(name).suffix.lower() == ".csv":
        return table.to_csv(index=False).encode()
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    return content.getvalue()
