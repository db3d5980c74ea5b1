"""The rules of a source, asked of rows that come in batches: what they say of all together."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.validator.metric_configuration import (
    MetricConfiguration,
    MetricConfigurationID,
)
from great_expectations.validator.validator import Validator, calc_validation_statistics

from mlfactory.product.loader import Product
from mlfactory.validate.marks import Marks
from mlfactory.validate.merging import SHOWN, Merging
from mlfactory.validate.repeats import Among, Repeated, values_repeated
from mlfactory.validate.rules import Rule
from mlfactory.validate.shape import Shape, framed
from mlfactory.validate.spool import Spool
from mlfactory.validate.suite import (
    FORMAT,
    SuiteRun,
    about,
    build_suite,
    outcome_of,
    run_suite,
    validator_of,
)
from mlfactory.validate.ways import Way, way_of


class Batches(Protocol):
    """The rows of a source in a partition: batch after batch, as often as they are asked for."""

    def __call__(self, *, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows in the order in which they landed, with some columns or all."""


_LEFT_OUT: Mapping[str, Among] = {
    "all_values_are_missing": "all",
    "any_value_is_missing": "any",
    "never": "none",
}


class Survey:
    """What each rule says of a partition, gathered batch by batch.

    Args:
        shape: of the frame of all rows.
        batches: all of them, for rules that are asked of all values of a few columns.
        spools: gives what keeps the values of some columns of each row.
        nested: the columns of lists, structs and the like.
    """

    def __init__(
        self,
        product: Product,
        source: str,
        rules: Sequence[Rule],
        shape: Shape,
        batches: Batches,
        spools: Callable[[Sequence[str]], Spool],
        nested: Set[str],
    ) -> None:
        self._product, self._source = product, source
        self._rules, self._shape, self._batches = rules, shape, batches
        self._spools, self._nested = spools, nested
        self._ways: dict[int, Way] = {}
        self._merging: dict[int, Merging] = {}
        self._distinct: dict[str, pd.Series] = {}
        self._known: dict[int, ExpectationValidationResult] = {}
        self._about: Mapping[str, Any] = {}

    def look(self, frame: pd.DataFrame, start: int) -> None:
        """Look at a batch.

        Args:
            start: the place of its first row.
        """
        if not self._ways:
            self._begin(frame)
        validator = validator_of(self._product, self._source, frame)
        self._about = self._about or about(validator)
        asked = [
            metric
            for place, merging in self._merging.items()
            for metric in merging.metrics(
                validator.execution_engine, unique=self._ways[place] == "unique"
            )
        ]
        found = _measured(validator, asked)
        for place, merging in self._merging.items():
            merging.add(found, start, len(frame))
            if merging.crashed == 1 and merging.batches == 1:
                self._ask([place], frame)
        for name, seen in self._distinct.items():
            both = pd.concat([seen, frame[name]], ignore_index=True)
            self._distinct[name] = both.drop_duplicates(ignore_index=True)
        # what measures a frame refers to itself, and would keep one frame after the other
        del validator
        gc.collect()

    def found(self) -> SuiteRun:
        """Return what the rules found in all batches."""
        rows: dict[int, Marks] = {}
        for place, merging in self._merging.items():
            if not merging.crashed:
                if self._ways[place] == "unique":
                    merging.add_repeated(self._repeated(self._rules[place]))
                self._known[place] = merging.judged()
                rows[place] = merging.marks
            elif merging.crashed < merging.batches:
                # something in the other batches keeps it from being measured: as a whole it may be
                self._known.pop(place, None)
        for name, values in self._distinct.items():
            places = [
                place
                for place, way in self._ways.items()
                if way == "distinct" and self._rules[place].columns == (name,)
            ]
            self._ask(places, values.to_frame())
        for columns in dict.fromkeys(self._columns(place) for place in self._unknown()):
            places = [place for place in self._unknown() if self._columns(place) == columns]
            self._ask(places, self._whole(columns))
        results = [self._known[place] for place in range(len(self._rules))]
        outcomes = tuple(
            outcome_of(rule, results[place], rows.get(place))
            for place, rule in enumerate(self._rules)
        )
        return SuiteRun(outcomes, _suite_result(self._source, results, self._about))

    def _begin(self, frame: pd.DataFrame) -> None:
        self._ways = {
            place: way_of(rule, frame, self._nested) for place, rule in enumerate(self._rules)
        }
        expectations = build_suite(self._product, self._source, self._rules, frame).expectations
        for place, way in self._ways.items():
            rule = self._rules[place]
            if way in ("merged", "unique"):
                self._merging[place] = Merging(rule, expectations[place])
            if way == "unique":
                self._spools(rule.columns)
            if way == "distinct":
                self._distinct[rule.columns[0]] = frame[rule.columns[0]].iloc[:0]
        self._ask([place for place, way in self._ways.items() if way == "refused"], frame)

    def _unknown(self) -> list[int]:
        return [place for place in range(len(self._rules)) if place not in self._known]

    def _columns(self, place: int) -> tuple[str, ...]:
        return self._rules[place].columns

    def _ask(self, places: Sequence[int], frame: pd.DataFrame) -> None:
        """Ask rules of a frame, and keep what they say for good."""
        if not places:
            return
        run = run_suite(self._product, self._source, [self._rules[each] for each in places], frame)
        for each in run.result.results:
            self._known[places[each.expectation_config.meta["position"]]] = each

    def _whole(self, columns: Sequence[str]) -> pd.DataFrame:
        return framed(pa.concat_tables(self._batches(columns=list(columns))), self._shape)

    def _repeated(self, rule: Rule) -> Repeated:
        asked = str(rule.arguments.get("ignore_row_if", "all_values_are_missing"))
        left_out = _LEFT_OUT.get(asked, "all") if len(rule.columns) > 1 else "any"
        return values_repeated(self._spools(rule.columns), self._shape, left_out, SHOWN)


def _measured(
    validator: Validator, asked: list[MetricConfiguration]
) -> Mapping[MetricConfigurationID, Any]:
    """Return what could be measured."""
    found: Mapping[MetricConfigurationID, Any]
    found, _ = validator.metrics_calculator.compute_metrics(asked, {"result_format": FORMAT})
    return found


def _suite_result(
    source: str, results: list[ExpectationValidationResult], about: Mapping[str, Any]
) -> ExpectationSuiteValidationResult:
    counted = calc_validation_statistics(results)
    return ExpectationSuiteValidationResult(
        results=results,
        success=counted.success,
        suite_name=source,
        statistics={
            "evaluated_expectations": counted.evaluated_expectations,
            "successful_expectations": counted.successful_expectations,
            "unsuccessful_expectations": counted.unsuccessful_expectations,
            "success_percent": counted.success_percent,
        },
        meta=dict(about),
    )
