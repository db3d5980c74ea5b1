"""Monitoring and retraining as a spec asks for them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from mlfactory.product.base import Strict, keys_of
from mlfactory.product.quantities import (
    Allowance,
    Duration,
    Fraction,
    KOfN,
    Partitions,
    Times,
)


class Drift(Strict):
    """When a change of the data is an alarm."""

    false_alarm_rate: Fraction = Field(
        0.01, gt=0, lt=0.5, description="Share of partitions without drift that may alarm"
    )
    effect_at_least: float = Field(
        0.1, ge=0, le=1, description="Distance (0 to 1) below which a change is only a warning"
    )


class Performance(Strict):
    """The figure watched once labels have arrived, and where it becomes a warning or an alert."""

    metric: str | None = Field(
        None, description="By default cost with business, else the main one of the label's kind"
    )
    warn: float | None = None
    alert: float | None = None


class ServiceLevels(Strict):
    """What the product promises of its data."""

    freshness: Duration | None = Field(
        None, description="The newest event is at most this much older than the partition's end"
    )
    labels: Duration | None = Field(
        None,
        description="Labels missing so long after they were due are an alert; "
        "by default a quarter of label.arrives_after, and at least a day",
    )


class Monitor(Strict):
    """What is watched, and who is told."""

    drift: Drift = Drift()
    performance: Performance = Performance()
    slo: ServiceLevels = ServiceLevels()
    alerts: tuple[Literal["log"], ...] = ("log",)


class EveryTrigger(Strict):
    """Train again when so many partitions have passed since the last training."""

    every: Partitions = Field(ge=1)


class DriftTrigger(Strict):
    """Train again when drift reached a state in so many of the newest partitions."""

    drift: Literal["warn", "alert"]
    in_: Times = Field(KOfN(1, 1), alias="in")


class PerformanceTrigger(Strict):
    """Train again when measured performance reached a state in so many of the newest partitions."""

    performance: Literal["warn", "alert"]
    in_: Times = Field(KOfN(1, 1), alias="in")


def _kind_of_trigger(value: Any) -> str | None:
    keys = keys_of(value)
    if keys is None:
        return None
    if "drift" in keys:
        return "DriftTrigger"
    return "PerformanceTrigger" if "performance" in keys else "EveryTrigger"


Trigger = Annotated[
    Annotated[EveryTrigger, Tag("EveryTrigger")]
    | Annotated[DriftTrigger, Tag("DriftTrigger")]
    | Annotated[PerformanceTrigger, Tag("PerformanceTrigger")],
    Discriminator(_kind_of_trigger),
]

TRIGGERS_BY_FIGURES: tuple[Trigger, ...] = (
    DriftTrigger.model_validate({"drift": "alert", "in": "2 of 3"}),
    PerformanceTrigger(performance="alert"),
)
"""What asks for a training by default, beside the time that has passed."""


class Retrain(Strict):
    """When to train again, and how often that may happen."""

    when: tuple[Trigger, ...] | None = Field(
        None,
        description="By default: every so many partitions (by partition.every), drift in alert in "
        "2 of 3, performance in alert",
    )
    cooldown: Partitions | None = Field(
        None, ge=0, description="Partitions that pass after a training; by partition.every"
    )
    budget: Allowance | None = Field(
        None, description="Trainings the policy may ask for; by partition.every"
    )

    on_erasure: bool = Field(
        False,
        description="Ask for a training when a subject is erased on whose rows the champion was "
        "trained",
    )

    @model_validator(mode="after")
    def _budget_can_be_spent(self) -> Retrain:
        if self.budget is not None and min(self.budget.count, self.budget.partitions) < 1:
            raise ValueError(
                "the budget needs at least 1 training and 1 partition, like '6 per 12 partitions'"
            )
        return self
