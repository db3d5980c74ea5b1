"""What is predicted: the label's name and kind, where it comes from, and when it is known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from pydantic import Field

from mlfactory.product.base import Name, Strict
from mlfactory.product.labelling import LABELLING
from mlfactory.product.metrics import LabelKind
from mlfactory.product.quantities import Duration, Fraction

USUALLY_COVERED = 0.8
"""Share of a partition's events whose label must have come once labels are overdue. Some events
never get one, such as a flight that was cancelled."""


class LabelSource(Strict):
    """Labels that are rows of a source of their own, each with the moment at which it was told."""

    source: Name = Field(description="The source; its event_time is when a label was told")
    key: dict[Name, Name] = Field(
        default_factory=dict,
        description="Which of its columns is which of features.key: `{flight_id: id}`; those not "
        "named have the same name",
    )
    value: Name | None = Field(
        None, description="Its column with the label; by default named as label.column"
    )
    observed_at: Name | None = Field(
        None, description="Its column with when the label was told: the event_time of the source"
    )
    event_time: Name | None = Field(
        None,
        description="Its column with the time of the event; without one events are looked up by "
        "their key, which must then name an event among all partitions",
    )
    by: Name | None = Field(
        None, description="Its column with who told the label, where several people may"
    )
    within: Duration = Field(
        timedelta(days=365), description="How far back events are looked up by their key"
    )
    covers: Fraction = Field(
        USUALLY_COVERED,
        description="Share of events that get a label: fewer are an alert once they are overdue",
    )


class Label(Strict):
    """What is predicted, and when its truth is known."""

    column: Name
    kind: LabelKind
    arrives_after: Duration = Field(timedelta(0), description="Time from the event to its label")
    registers: tuple[Name, ...] = Field(
        (),
        description="Sources without event_time that labels come in, under another name than "
        "column: they are read anew with the labels of a partition",
    )
    told: LabelSource | Literal["labelling"] | None = Field(
        None,
        alias="from",
        description="Where labels come from, each when it is told: a source, or labelling, which "
        "are answers of people; without it build makes them, as a column of its frame",
    )

    @property
    def source(self) -> LabelSource | None:
        """Return the source that labels come from, None if they do not come from one."""
        return self.told if isinstance(self.told, LabelSource) else None

    @property
    def is_told(self) -> bool:
        """Tell whether labels come one by one when they are told, and not of build."""
        return self.told is not None

    @property
    def value(self) -> str:
        """Return the column of the label's source that has its value."""
        return (self.source.value if self.source else None) or self.column

    @property
    def covers(self) -> float:
        """Return the share of events that are expected to get a label; of people's, any."""
        if self.told == LABELLING:
            return 0.0
        return self.source.covers if self.source else USUALLY_COVERED

    @property
    def told_as(self) -> str:
        """Return a hash of how labels are read from their source, and of nothing else."""
        if self.source is None:
            return ""
        said = self.source.model_dump_json(exclude={"within", "covers"})
        return hashlib.sha256(f"{self.kind} {self.value} {said}".encode()).hexdigest()[:16]

    def needs(self, key: Sequence[str], event_time: str | None) -> dict[str, str]:
        """Return the columns that the labels' source must have, by what each is in `from`.

        Args:
            key: `features.key`.
            event_time: `features.event_time`.
        """
        told = self.source
        if told is None:
            return {}
        named = [name for name in key if name != event_time or told.event_time is None]
        found = {f"key.{name}": told.key.get(name, name) for name in named}
        found["value"] = self.value
        found |= {"event_time": told.event_time} if told.event_time else {}
        return found | ({"by": told.by} if told.by else {})
