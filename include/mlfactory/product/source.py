"""What every source of a product says, of whatever kind it is."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Literal

from pydantic import Field

from mlfactory.product.base import Name, Strict
from mlfactory.product.cleaning import Step, read_from_text
from mlfactory.product.quantities import Duration

ColumnType = Literal["integer", "float", "string", "boolean", "datetime"]

Guard = Literal["hash", "drop"]

PER_PARTITION = "{partition}"
"""What stands in a source's path for the key of the partition."""


class BaseSource(Strict):
    """What every kind of source has; `kind` tells which it is."""

    kind: str
    event_time: Name | None = Field(
        None, description="Column with the time of the event; without it the source is a snapshot"
    )
    key: tuple[Name, ...] = Field(
        (), description="Columns that name a row; a second row of the same key is quarantined"
    )
    types: dict[Name, ColumnType] = Field(
        default_factory=dict,
        description="Types of columns; those not named keep the type of the first landing",
    )
    arrives_within: Duration = Field(
        timedelta(hours=12),
        description="How long after a partition's end its data is waited for, where it is late",
    )
    formats: dict[Name, str] = Field(
        default_factory=dict,
        description="How times are written as text, by column, as strptime has it: '%d/%m/%Y'; "
        "ISO 8601 by default",
    )

    pii: dict[Name, Guard] = Field(
        default_factory=dict,
        description="Columns with personal data, which never land as they are: hash (with the key "
        "MLFACTORY_PII_KEY; equal values stay equal) or drop",
    )
    clean: tuple[Step, ...] = Field(
        (),
        description="Steps that clean the rows between landing and validation, in this order: "
        "[{do: trim}, {do: map, columns: origin, values: {N.Y.: NY}}]",
    )
    columns: Literal["any", "strict"] = Field(
        "any",
        description="strict refuses a source with a column that is declared nowhere: not in key, "
        "types, formats or pii, and not the event_time",
    )

    @property
    def declared(self) -> frozenset[str]:
        """Return the columns that the source itself says something of."""
        times = (self.event_time,) if self.event_time else ()
        return frozenset((*times, *self.key, *self.types, *self.formats, *self.pii))

    @property
    def cleaned_as(self) -> str:
        """Return what tells one way of cleaning the rows from another; nothing if none is asked."""
        if not self.clean:
            return ""
        said = self.model_dump(mode="json", by_alias=True, include={"clean", "types", "key"})
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def landed_as_text(self) -> frozenset[str]:
        """Return the columns that land as text, for cleaning makes something else of it."""
        return read_from_text(self.clean)

    @property
    def per_partition(self) -> bool:
        """Tell whether each partition has a delivery of its own."""
        return False
