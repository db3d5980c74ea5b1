"""Where a product's data comes from: one model for each kind of source."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from mlfactory.product.base import Strict
from mlfactory.product.quantities import Duration

ColumnType = Literal["integer", "float", "string", "boolean", "datetime"]


class _Source(Strict):
    event_time: str | None = Field(
        None, description="Column with the time of the event; without it the source is a snapshot"
    )
    key: tuple[str, ...] = Field(
        (), description="Columns that name a row; a second row of the same key is quarantined"
    )
    types: dict[str, ColumnType] = Field(
        default_factory=dict,
        description="Types of columns; those not named keep the type of the first landing",
    )
    arrives_within: Duration = Field(
        timedelta(hours=12),
        description="How long after a partition's end its data is waited for, where it is late",
    )


class CsvSource(_Source):
    """A CSV file, plain or compressed, read in chunks."""

    kind: Literal["csv"]
    path: str = Field(
        description="File path, relative to the product's folder; `package://<package>/<file>` "
        "reads a file of an installed package; `{partition}` is replaced by the partition's key"
    )
    delimiter: str = ","
    encoding: str = "utf-8"
    header: tuple[str, ...] | None = Field(
        None, min_length=1, description="Names of the columns of a file that has no header line"
    )
    formats: dict[str, str] = Field(
        default_factory=dict,
        description="How times are written, by column, as strptime has it: '%d/%m/%Y'; "
        "ISO 8601 by default",
    )
    missing: tuple[str, ...] = Field(
        (), description="Words that mean no value, beside the empty cell: ['NA', '-']"
    )


class ParquetSource(_Source):
    """A Parquet file or a folder of them."""

    kind: Literal["parquet"]
    path: str = Field(description="As for csv")


class PythonSource(_Source):
    """A function of the product that returns a DataFrame: for what has no other kind of source."""

    kind: Literal["python"]
    function: str = Field(
        pattern=r"^[A-Za-z_]\w*:[A-Za-z_]\w*$",
        description="`module:function` beside product.yaml; called as "
        "function(start, end) with the partition's bounds, or None and None for a snapshot",
    )


Source = Annotated[CsvSource | ParquetSource | PythonSource, Field(discriminator="kind")]
