"""The typed spec of a product: all that `product.yaml` can say, with its defaults."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, field_validator

from mlfactory.product.base import Name, Strict
from mlfactory.product.defaults import DEFAULTS, HELD_OUT_OF, HOLDOUT_SHARE, Defaults
from mlfactory.product.gates import BeatsGate, BoundGate, Gate
from mlfactory.product.history import Joined, Windows
from mlfactory.product.label import Label
from mlfactory.product.labelling import Labelling
from mlfactory.product.metrics import DEFAULT_METRIC, LATENCY, LabelKind
from mlfactory.product.partitions import EARLIEST_YEAR, LATEST_YEAR, Calendar, Every, as_utc
from mlfactory.product.policy import (
    TRIGGERS_BY_FIGURES,
    EveryTrigger,
    Monitor,
    Retrain,
    Trigger,
)
from mlfactory.product.quantities import Duration, Fraction, Partitions, Quota
from mlfactory.product.sources import Source
from mlfactory.product.spread import spread

SourceName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,47}$")]
"""A plain word: tables and manifests are named for it."""

Candidate = Literal[
    "logistic_regression", "ridge", "hist_gradient_boosting", "extra_trees", "random_forest"
]

CANDIDATES: dict[LabelKind, tuple[Candidate, ...]] = {
    "binary": ("logistic_regression", "hist_gradient_boosting", "extra_trees", "random_forest"),
    "multiclass": ("logistic_regression", "hist_gradient_boosting", "extra_trees", "random_forest"),
    "regression": ("ridge", "hist_gradient_boosting", "extra_trees", "random_forest"),
}


class Owner(Strict):
    """Who answers for the product."""

    team: str = "unassigned"
    email: str | None = None


def _as_date(value: Any) -> Any:
    """Refuse numbers, which pydantic would take for seconds since 1970, and years without data."""
    if isinstance(value, str):
        for kind in (date, datetime):
            with suppress(ValueError):
                value = kind.fromisoformat(value)
                break
    if not isinstance(value, date):
        raise ValueError(f"expected a date, like 2026-01-01, got '{str(value)[:40]}'")
    if not EARLIEST_YEAR <= value.year <= LATEST_YEAR:
        raise ValueError(f"expected a year from {EARLIEST_YEAR} to {LATEST_YEAR}, got '{value}'")
    return value


Moment = Annotated[date | datetime, BeforeValidator(_as_date)]


class PartitionBy(Strict):
    """How event time is cut."""

    every: Every
    start: Moment | None = Field(None, description="Start of the oldest partition (UTC)")
    end: Moment | None = Field(
        None, description="Where the data ends (UTC); without it the schedule goes on for ever"
    )
    runs_after: Duration | None = Field(
        None,
        description="Time from a partition's end to its run on schedule, less than a partition; by "
        "default made of the product's name, within half an hour for hours and four for all else",
    )

    shards: int = Field(
        1, ge=1, le=256, description="Into how many parts the rows are cut that build is given"
    )
    by: tuple[Name, ...] = Field(
        (),
        description="Columns of the sources whose rows belong together: those with one value are "
        "in one shard, with their history; without it rows are cut in the order in which they lie",
    )

    @field_validator("by", mode="before")
    @classmethod
    def _as_list(cls, by: Any) -> Any:
        return (by,) if isinstance(by, str) else by

    @property
    def calendar(self) -> Calendar:
        """Return the calendar of the product's partitions."""
        return Calendar(self.every, as_utc(self.start) if self.start else None)


class Expectation(Strict):
    """A Great Expectations expectation: its own name, severity and arguments."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: str
    severity: Literal["critical", "warning", "info"] = "critical"

    @property
    def arguments(self) -> dict[str, Any]:
        """Return the arguments the expectation is made with, but its severity."""
        return dict(self.model_extra or {})


class Expect(Strict):
    """What each source must be like; its other keys are the names of sources."""

    model_config = ConfigDict(frozen=True, extra="allow")
    __pydantic_extra__: dict[str, tuple[Expectation, ...]] = Field(init=False)

    quarantine_budget: Fraction = Field(
        0.02, description="Share of a source's rows that may be bad before the partition stops"
    )

    @property
    def sources(self) -> dict[str, tuple[Expectation, ...]]:
        """Return the expectations of each source that has any."""
        return dict(self.__pydantic_extra__ or {})


class Features(Strict):
    """What the model is given, and the function that makes it."""

    build: str = Field("features:build", pattern=r"^[A-Za-z_]\w*:[A-Za-z_]\w*$")
    key: tuple[Name, ...] = Field(min_length=1, description="Columns that name an event")
    event_time: Name | None = None
    numeric: tuple[Name, ...] = ()
    categorical: tuple[Name, ...] = ()
    sensitive: tuple[Name, ...] = Field(
        (), description="Never given to a model; figures are reported for each of their values"
    )
    history: Duration = Field(
        timedelta(0), description="How far before the partition the build function may look"
    )
    history_required: bool = Field(
        False, description="Refuse a partition whose history was not all ingested, instead of warn"
    )
    known_at_event: tuple[Name, ...] = Field(
        (),
        description="What is known with the event all the same, so that features may look at it: "
        "columns that the label is made of; sources whose rows are known before, as a timetable's",
    )
    joined: tuple[Joined, ...] = Field(
        (), description="Columns of the newest row of a source that was known at each event"
    )
    windows: tuple[Windows, ...] = Field(
        (), description="Figures of the rows of a source before each event, by key"
    )
    describe: dict[Name, str] = Field(
        default_factory=dict, description="What a feature is, in words, for the index of features"
    )
    group: Name | None = Field(
        None,
        description="Column of the built frame with the entity (customer, machine) whose rows "
        "belong together: held out as a whole, and counted as one where chance is judged",
    )

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the columns a model is given, in the order it is given them."""
        return self.numeric + self.categorical

    @property
    def declared(self) -> tuple[str, ...]:
        """Return the columns that are made of `joined` and `windows`, as often as they are."""
        joined = (name for each in self.joined for name in each.make)
        windows = (name for each in self.windows for name in each.features)
        return (*joined, *windows)

    @property
    def columns(self) -> tuple[str, ...]:
        """Return every column the built frame must have but the label, each once."""
        named = (self.event_time, self.group)
        rest = tuple(name for name in named if name is not None)
        return tuple(dict.fromkeys(self.key + rest + self.inputs + self.sensitive))


class Search(Strict):
    """The budget of one training's search, shared by its candidates."""

    trials: int = Field(12, ge=1, le=1000)
    seconds: int = Field(60, ge=1, le=86400)
    metric: str | None = Field(None, description="As monitor.performance.metric")


Holdout = Annotated[
    str,
    BeforeValidator(lambda value: str(value).strip()),
    Field(
        pattern=r"^([0-9]{1,6} partitions?|[0-9]{1,3}(\.[0-9]{1,9})?\s*%)$",
        examples=["1 partition", "25%"],
    ),
]


class Train(Strict):
    """How models are made."""

    window: Partitions | None = Field(
        None,
        ge=2,
        description="Newest partitions a training sees; by default 2016 hours, 84 days, 26 weeks "
        "or 6 months",
    )
    holdout: Holdout | None = Field(
        None,
        description="Newest labelled data, never trained on: by default a third of the window, "
        "at most 672 hours, 28 days, 4 weeks or 1 month; a share for a snapshot, 25%",
    )
    min_rows: int = Field(100, ge=20, description="Labelled rows below which nothing is trained")
    min_holdout: int = Field(
        100, ge=20, description="Labelled held-out rows below which nothing is judged"
    )
    max_rows: int = Field(
        2_000_000,
        ge=1000,
        description="Labelled rows, fitted and held out together, above which a training has a "
        "sample of them, chosen by a hash of key and event time",
    )
    candidates: tuple[Candidate, ...] | Literal["auto"] = "auto"
    search: Search = Search()
    queue: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$",
        description="Queue whose workers search and fit, where tasks run on workers; the "
        "executor's own by default, as for all else",
    )
    seed: int = Field(7, ge=0, lt=2**31)

    @field_validator("candidates")
    @classmethod
    def _some_candidate(cls, value: Any) -> Any:
        if not value:
            raise ValueError("name at least one candidate, or write auto")
        return value


class Business(Strict):
    """What an error costs; decides the threshold and is reported as value."""

    false_negative: float = Field(gt=0)
    false_positive: float = Field(gt=0)
    currency: str = "EUR"


class Promote(Strict):
    """What a candidate must pass."""

    gates: tuple[Gate, ...] | None = Field(
        None, description="By default: beat the champion on the watched metric, answer in 100 ms"
    )
    approval: Literal["auto"] = "auto"
    rollout: Literal["immediate"] = "immediate"


class ProductSpec(Strict):
    """One ML product, as its team wrote it."""

    apiVersion: Literal["mlfactory/v1"]
    name: str = Field(pattern=r"^[a-z][a-z0-9_]{1,47}$")
    title: str = ""
    owner: Owner = Owner()
    partition: PartitionBy
    sources: dict[SourceName, Source] = Field(min_length=1)
    expect: Expect = Expect()
    features: Features
    label: Label
    labelling: Labelling | None = Field(
        None, description="Rows that people are asked to label; their answers are labels"
    )
    train: Train = Train()
    business: Business | None = None
    promote: Promote = Promote()
    monitor: Monitor = Monitor()
    retrain: Retrain = Retrain()

    @property
    def events_from(self) -> dict[str, Source]:
        """Return the sources that build is given: all but the one that labels come from."""
        return {name: one for name, one in self.sources.items() if not self.tells_labels(name)}

    def tells_labels(self, source: str) -> bool:
        """Tell whether the labels come from a source; it has no row before the first is told."""
        return self.label.source is not None and self.label.source.source == source

    @property
    def runs_after(self) -> timedelta:
        """Return how long after the end of a partition its run on schedule begins."""
        given = self.partition.runs_after
        return spread(self.name, self.partition.every) if given is None else given

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Return the candidate families a training searches."""
        if self.train.candidates == "auto":
            return CANDIDATES[self.label.kind][:3]
        return self.train.candidates

    @property
    def main_metric(self) -> str:
        """Return what counts where nothing is named: the cost where errors have one."""
        return "cost" if self.business is not None else DEFAULT_METRIC[self.label.kind]

    @property
    def search_metric(self) -> str:
        """Return the metric by which the search compares trials."""
        return self.train.search.metric or self.main_metric

    @property
    def performance_metric(self) -> str:
        """Return the metric the monitor watches."""
        return self.monitor.performance.metric or self.main_metric

    @property
    def gates(self) -> tuple[Gate, ...]:
        """Return the gates a candidate must pass, the defaults where none are named."""
        if self.promote.gates is not None:
            return self.promote.gates
        return (
            BeatsGate(metric=self.main_metric, beats="champion", confidence=0.9),
            BoundGate(metric=LATENCY, at_most=100),
        )

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        """Return what asks for a training, the defaults where nothing is named."""
        if self.retrain.when is not None:
            return self.retrain.when
        every = self._defaults.every
        passed = (EveryTrigger.model_validate({"every": f"{every} partitions"}),) if every else ()
        return (*passed, *TRIGGERS_BY_FIGURES)

    @property
    def cooldown(self) -> int:
        """Return how many partitions pass after a training before another is asked for."""
        given = self.retrain.cooldown
        return self._defaults.cooldown if given is None else given

    @property
    def budget(self) -> Quota:
        """Return how many trainings the policy may ask for."""
        return self.retrain.budget or self._defaults.budget

    @property
    def labels_overdue_after(self) -> timedelta:
        """Return how long after they were due missing labels become an alert."""
        quarter = self.label.arrives_after / 4
        return self.monitor.slo.labels or max(quarter, timedelta(days=1))

    @property
    def window(self) -> int:
        """Return how many of the newest partitions a training sees, its hold-out included."""
        if self.train.window is not None:
            return self.train.window
        held_out = self._named_holdout
        return max(self._defaults.window, HELD_OUT_OF * held_out if held_out else 0)

    @property
    def holdout_partitions(self) -> int:
        """Return how many of the window's partitions are held out; 0 for a snapshot."""
        if self.partition.every == "snapshot":
            return 0
        if (named := self._named_holdout) is not None:
            return named
        return max(1, min(self._defaults.holdout, self.window // HELD_OUT_OF))

    @property
    def holdout_fraction(self) -> float:
        """Return the share of a snapshot's rows that is held out; 0 where partitions are."""
        if self.partition.every != "snapshot":
            return 0.0
        named = self.train.holdout
        return float(named.rstrip("% ")) / 100 if named else HOLDOUT_SHARE

    @property
    def _named_holdout(self) -> int | None:
        """Return the hold-out in partitions where the spec has one, as `consistency` made sure."""
        named = self.train.holdout
        return int(named.split()[0]) if named and "partition" in named else None

    @property
    def _defaults(self) -> Defaults:
        return DEFAULTS[self.partition.every]
