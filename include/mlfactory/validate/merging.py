"""What Great Expectations measured of rules in each batch, merged, and its judgement of all rows.

Its rules are made of metrics, such as the number of unexpected rows, and judge these alone. So the
metrics of the batches are merged to what they would be of all rows, and given to the rule, whose
`mostly`, shares and examples are as ever.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from great_expectations.constants import MAX_RESULT_RECORDS
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.execution_engine import ExecutionEngine
from great_expectations.expectations.expectation import Expectation
from great_expectations.validator.exception_info import ExceptionInfo
from great_expectations.validator.metric_configuration import (
    MetricConfiguration,
    MetricConfigurationID,
)
from great_expectations.validator.validator import ValidationDependencies

from mlfactory.lake.marks import Marks
from mlfactory.validate.repeats import Repeated
from mlfactory.validate.rules import Rule
from mlfactory.validate.suite import FORMAT
from mlfactory.validate.ways import MEAN, PRESENT, STDEV, has_moments

SHOWN = MAX_RESULT_RECORDS
"""So many values that break a rule Great Expectations keeps."""

_COUNT, _VALUES, _ROWS = ".unexpected_count", ".unexpected_values", ".unexpected_index_list"
_PROPORTION = "column.non_null_proportion"


@dataclass
class _Moments:
    """The number, mean, and sum of squared differences from the mean, of the values so far."""

    count: int = 0
    mean: float = math.nan
    squares: float = 0.0

    def add(self, count: int, mean: float, deviation: float) -> None:
        """Add the values of a batch (Chan, Golub and LeVeque 1983).

        Args:
            deviation: their sample standard deviation, nan of fewer than two.
        """
        if not count:
            return
        squares = 0.0 if count < 2 else deviation**2 * (count - 1)
        if not self.count:
            self.count, self.mean, self.squares = count, mean, squares
            return
        both, apart = self.count + count, mean - self.mean
        self.squares += squares + apart**2 * self.count * count / both
        self.mean += apart * count / both
        self.count = both

    @property
    def deviation(self) -> float:
        """Return the sample standard deviation."""
        return math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else math.nan


@dataclass
class Merging:
    """One rule over batches.

    Attributes:
        marks: the places of the rows that break it.
        batches: how many were looked at.
        crashed: in how many of them it could not be measured.
    """

    rule: Rule
    expectation: Expectation
    marks: Marks = field(default_factory=Marks)
    batches: int = 0
    crashed: int = 0
    _engine: ExecutionEngine | None = None
    _needed: ValidationDependencies | None = None
    _asked: dict[str, MetricConfiguration] = field(default_factory=dict)
    _wanted: list[MetricConfiguration] = field(default_factory=list)
    _found: dict[MetricConfigurationID, Any] = field(default_factory=dict)
    _moments: _Moments = field(default_factory=_Moments)
    _rows: int = 0
    _present: int = 0

    def metrics(
        self, engine: ExecutionEngine, *, unique: bool = False
    ) -> list[MetricConfiguration]:
        """Return the metrics that are to be measured of the next batch.

        Args:
            unique: leave out what says which rows share values: a batch cannot tell.
        """
        # kept for as long as the batch that it holds; it is asked for the type of columns only
        self._engine = engine
        if self._wanted:
            return self._wanted
        needed = self.expectation.get_validation_dependencies(engine, {"result_format": FORMAT})
        self._needed = needed
        self._asked = dict(needed.metric_configurations)
        extra = [MEAN, STDEV, PRESENT] if has_moments(self.rule) else []
        extra += [PRESENT] if _PROPORTION in self._asked else []
        for name in extra:
            like = next(iter(self._asked.values()))
            self._asked.setdefault(name, MetricConfiguration(name, like.metric_domain_kwargs, {}))
        self._wanted = [
            metric for name, metric in self._asked.items() if not (unique and _of_others(name))
        ]
        return self._wanted

    def add_crash(self) -> None:
        """Note that a batch could not be measured."""
        self.batches += 1
        self.crashed += 1

    def add(self, found: Mapping[MetricConfigurationID, Any], start: int, rows: int) -> None:
        """Add what was measured of a batch.

        Args:
            start: the place of its first row.
        """
        self.batches += 1
        asked = {name: metric.id for name, metric in self._asked.items()}
        if not all(metric.id in found for metric in self._wanted):
            self.crashed += 1
            return
        values = {name: found[id_] for name, id_ in asked.items() if id_ in found}
        self._rows += rows
        self._present += int(values.get(PRESENT, 0))
        if has_moments(self.rule):
            self._moments.add(int(values[PRESENT]), _number(values[MEAN]), _number(values[STDEV]))
        for name, value in values.items():
            if name.endswith(_ROWS):
                places = np.asarray([] if value is None else value, dtype=np.int64) + start
                self.marks.add(places)
                value = places[:SHOWN].tolist()
            id_ = asked[name]
            known = id_ in self._found
            self._found[id_] = (
                _merged(name, self._found[id_], value) if known else _first(name, value)
            )

    def add_repeated(self, repeated: Repeated) -> None:
        """Add which rows share their values."""
        self.marks = repeated.marks
        rows = [place for place, _ in zip(repeated.marks, range(SHOWN), strict=False)]
        for name, metric in self._asked.items():
            if _of_others(name):
                told = {_COUNT: len(repeated.marks), _VALUES: repeated.first, _ROWS: rows}
                self._found[metric.id] = next(
                    (value for end, value in told.items() if name.endswith(end)), None
                )

    def judged(self) -> ExpectationValidationResult:
        """Return what Great Expectations says of all rows."""
        figures = {MEAN: self._moments.mean, STDEV: self._moments.deviation}
        if self._rows:
            figures[_PROPORTION] = self._present / self._rows
        for name, metric in self._asked.items():
            if name in figures:
                self._found[metric.id] = figures[name]
        try:
            return self._judge()(
                metrics=self._found,
                execution_engine=self._engine,
                runtime_configuration={"result_format": FORMAT},
            )
        except Exception as error:
            return ExpectationValidationResult(
                success=False,
                exception_info=ExceptionInfo("", str(error)),
                expectation_config=self.expectation.configuration,
            )

    def _judge(self) -> Callable[..., ExpectationValidationResult]:
        judge: Callable[..., ExpectationValidationResult] = self.expectation.metrics_validate
        own = type(self.expectation).metrics_validate is not Expectation.metrics_validate
        if own or self._needed is None:
            return judge
        return partial(Expectation.metrics_validate, _Asking(self.expectation, self._needed))


class _Asking:
    """An expectation that knows what it asks for: to find that out takes longer than to judge."""

    def __init__(self, expectation: Expectation, needed: ValidationDependencies) -> None:
        self._expectation, self._needed = expectation, needed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._expectation, name)

    def get_validation_dependencies(self, **_: Any) -> ValidationDependencies:
        """Return what it said before, when it was asked the same."""
        return self._needed


def _number(value: Any) -> float:
    return math.nan if pd.isna(value) else float(value)


def _of_others(name: str) -> bool:
    """Tell whether a metric says which rows share values with others."""
    return ".unique." in name and ".unexpected_" in name


def _first(name: str, value: Any) -> Any:
    return list(value)[:SHOWN] if name.endswith((_VALUES, _ROWS)) and value is not None else value


def _merged(name: str, so_far: Any, found: Any) -> Any:
    if so_far is None or found is None:
        return found if so_far is None else so_far
    if name.endswith((_COUNT, "row_count")) or name == "column.sum":
        return so_far + found
    if name.endswith((_VALUES, _ROWS)):
        return [*so_far, *found[:SHOWN]][:SHOWN]
    if name in ("column.min", "column.max"):
        ends: Sequence[Any] = [each for each in (so_far, found) if not pd.isna(each)]
        return (min if name == "column.min" else max)(ends) if ends else so_far
    # of the table, and the same in each batch
    return so_far
