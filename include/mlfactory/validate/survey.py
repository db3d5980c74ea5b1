"""The rules of a source, asked of rows that come in batches: what they say of all together."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.validator.metric_configuration import (
    MetricConfiguration,
    MetricConfigurationID,
)

from mlfactory.lake.marks import Marks
from mlfactory.lake.spool import Spool
from mlfactory.product.conditions import Condition
from mlfactory.product.loader import Product
from mlfactory.validate.conditions import ConditionError, rows_where
from mlfactory.validate.measures import engine_of, measured
from mlfactory.validate.merging import SHOWN, Merging
from mlfactory.validate.repeats import Among, Repeated, values_repeated
from mlfactory.validate.rules import Rule
from mlfactory.validate.shape import Shape, framed
from mlfactory.validate.suite import (
    FORMAT,
    SuiteRun,
    about,
    build_suite,
    outcome_of,
    run_suite,
    suite_result,
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
        spools: gives what keeps the values of some columns of each row that meets a condition; None
            where there is one batch, which tells by itself what its rows share.
        nested: the columns of lists, structs and the like.
    """

    def __init__(
        self,
        product: Product,
        source: str,
        rules: Sequence[Rule],
        shape: Shape,
        batches: Batches,
        spools: Callable[[Sequence[str], Condition | None], Spool] | None,
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
            self._about = about(validator_of(self._product, self._source, frame.iloc[:1]))
            self._begin(frame)
        for condition in dict.fromkeys(self._rules[place].where for place in self._merging):
            self._measure(condition, frame, start)
        for name, seen in self._distinct.items():
            both = pd.concat([seen, frame[name]], ignore_index=True)
            self._distinct[name] = both.drop_duplicates(ignore_index=True)

    def _measure(self, condition: Condition | None, frame: pd.DataFrame, start: int) -> None:
        """Measure the rows of a batch that meet a condition, for the rules about these."""
        wanted = {
            place: merging
            for place, merging in self._merging.items()
            if self._rules[place].where == condition
        }
        try:
            # the index of the frame says where in the batch they are
            rows = frame if condition is None else frame[rows_where(condition, frame)]
        except ConditionError:
            # of all rows together it may be answered, as a column has a type there
            for place, merging in wanted.items():
                merging.add_crash()
                if merging.batches == 1:
                    self._ask([place], frame)
            return
        types = engine_of(rows.iloc[:1])
        asked = [
            metric
            for place, merging in wanted.items()
            for metric in merging.metrics(types, unique=self._ways[place] == "unique")
        ]
        found, rest = measured(rows, asked)
        if rest:
            found |= self._asked_of_gx(rows, rest)
        for place, merging in wanted.items():
            merging.add(found, start, len(rows))
            if merging.crashed == 1 and merging.batches == 1:
                self._ask([place], frame)

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
        return SuiteRun(outcomes, suite_result(self._source, results, self._about))

    def _asked_of_gx(
        self, frame: pd.DataFrame, asked: list[MetricConfiguration]
    ) -> dict[MetricConfigurationID, Any]:
        """Return what could be measured by Great Expectations itself."""
        validator = validator_of(self._product, self._source, frame)
        found, _ = validator.metrics_calculator.compute_metrics(asked, {"result_format": FORMAT})
        # what measures a frame refers to itself, and would keep one frame after the other
        del validator
        gc.collect()
        return dict(found)

    def _begin(self, frame: pd.DataFrame) -> None:
        self._ways = {place: self._way_of(rule, frame) for place, rule in enumerate(self._rules)}
        expectations = build_suite(self._product, self._source, self._rules, frame).expectations
        for place, way in self._ways.items():
            rule = self._rules[place]
            if way in ("merged", "unique"):
                self._merging[place] = Merging(rule, expectations[place])
            if way == "unique" and self._spools:
                self._spools(rule.columns, rule.where)
            if way == "distinct":
                self._distinct[rule.columns[0]] = frame[rule.columns[0]].iloc[:0]
        self._ask([place for place, way in self._ways.items() if way == "refused"], frame)

    def _way_of(self, rule: Rule, frame: pd.DataFrame) -> Way:
        way = way_of(rule, frame, self._nested)
        if self._spools is not None or way not in ("unique", "distinct"):
            return way
        return "merged" if way == "unique" and len(rule.columns) == 1 else "whole"

    def _unknown(self) -> list[int]:
        return [place for place in range(len(self._rules)) if place not in self._known]

    def _columns(self, place: int) -> tuple[str, ...]:
        return self._rules[place].needs

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
        assert self._spools
        return values_repeated(self._spools(rule.columns, rule.where), self._shape, left_out, SHOWN)
