"""Where a product's data comes from: one model for each kind of source."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from mlfactory.product.base import Name
from mlfactory.product.quantities import Watch
from mlfactory.product.services import HttpSource, SqlSource
from mlfactory.product.source import PER_PARTITION, BaseSource, ColumnType
from mlfactory.product.spelled import Decimal, Encoding, Thousands

__all__ = [
    "PER_PARTITION",
    "BaseSource",
    "ColumnType",
    "CsvSource",
    "FileSource",
    "HttpSource",
    "JsonlSource",
    "OwnSource",
    "ParquetSource",
    "PythonSource",
    "Source",
    "SqlSource",
]


class FileSource(BaseSource):
    """What lies at a path."""

    path: Name = Field(
        description="File path, relative to the product's folder, or a pattern (`data/*.csv`, "
        "`data/**/*.csv`), or `s3://<bucket>/<key, prefix or pattern>`; "
        "`package://<package>/<file>` reads a file of an installed package; `{partition}` is "
        "replaced by the partition's key"
    )
    watch: Watch = Field(
        None,
        description="true, or how long from one look to the next: what comes into the place is "
        "landed in the partitions that it touches, by runs of their own",
    )

    @property
    def per_partition(self) -> bool:
        """Tell whether each partition has a file of its own."""
        return PER_PARTITION in self.path


class CsvSource(FileSource):
    """A CSV file, plain or compressed, read in chunks."""

    kind: Literal["csv"]
    delimiter: str = ","
    encoding: Encoding = "utf-8"
    header: tuple[Name, ...] | None = Field(
        None, min_length=1, description="Names of the columns of a file that has no header line"
    )
    missing: tuple[str, ...] = Field(
        (), description="Words that mean no value, beside the empty cell: ['NA', '-']"
    )
    decimal: Decimal = "."
    thousands: Thousands = None

    @field_validator("delimiter")
    @classmethod
    def _one_character(cls, value: str) -> str:
        # unquoted, YAML reads a backslash and a t
        value = "\t" if value == "\\t" else value
        if len(value) != 1 or value in '"\r\n\0':
            raise ValueError("expected one character, like ';' or \\t for a tab")
        return value


class JsonlSource(FileSource):
    """A file of JSON lines (NDJSON), plain or compressed: an object a line."""

    kind: Literal["jsonl"]


class ParquetSource(FileSource):
    """A Parquet file or a folder of them."""

    kind: Literal["parquet"]


class PythonSource(BaseSource):
    """A function of the product that returns a DataFrame: for what has no other kind of source."""

    kind: Literal["python"]
    function: str = Field(
        pattern=r"^[A-Za-z_]\w*:[A-Za-z_]\w*$",
        description="`module:function` beside product.yaml; called as "
        "function(start, end) with the partition's bounds, or None and None for a snapshot",
    )


class OwnSource(BaseSource):
    """A kind of one's own: a class or generator of the product's folder that gives Arrow tables."""

    kind: Literal["own"]
    reads: str = Field(
        alias="class",
        pattern=r"^[A-Za-z_]\w*:[A-Za-z_]\w*$",
        description="`module:name` beside product.yaml, decorated with @source of "
        "mlfactory.product.own",
    )
    options: dict[Name, Any] = Field(
        default_factory=dict, description="What it is called with, by name; free"
    )


Source = Annotated[
    CsvSource | HttpSource | JsonlSource | OwnSource | ParquetSource | PythonSource | SqlSource,
    Field(discriminator="kind"),
]
