"""Great Expectations at work: a suite from a source's rules, run, and what each rule found.

A rule that crashed comes back from Great Expectations as one that failed; here the two are told
apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import great_expectations as gx
import pandas as pd
from great_expectations.compatibility.pydantic import ValidationError
from great_expectations.core import ExpectationSuite
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.data_context import EphemeralDataContext
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)
from great_expectations.datasource.fluent.interfaces import Batch
from great_expectations.expectations.registry import get_expectation_impl
from great_expectations.util import convert_to_json_serializable
from great_expectations.validator.validator import Validator, calc_validation_statistics

from mlfactory.product.document import read_document
from mlfactory.product.errors import Mistake, SpecError
from mlfactory.product.expectations import CONDITION, CONDITIONS
from mlfactory.product.loader import SPEC_FILE, Product
from mlfactory.product.partitions import as_utc
from mlfactory.validate.conditions import ConditionError, rows_where
from mlfactory.validate.rules import Rule

FORMAT = {
    # with a plain range index, COMPLETE gives the whole list of bad rows; naming index columns or
    # asking for the query makes it many times slower
    "result_format": "COMPLETE",
    "return_unexpected_index_query": False,
}

_EXAMPLES = 3
_NO_PARAMETER = "value is not a valid dict"

State = Literal["pass", "fail", "error", "insufficient"]


@dataclass(frozen=True)
class Outcome:
    """What one rule found.

    Attributes:
        state: `error` where the rule could not be evaluated, `insufficient` where there is too
            little history to tell, or some of it is not validated yet.
        observed: the figure a table rule looked at, or examples of the values that broke a rule.
        rows: the places in the frame of the rows that break the rule; none for a table rule.
        unexpected: how many rows break the rule; None for a table rule.
        message: why it could not be evaluated.
        change: of a rule about columns, how they changed, as a manifest has it.
        unsettled: what could not be looked at yet, in words: a warning, whatever was found.
    """

    rule: Rule
    state: State
    observed: str = ""
    rows: Collection[int] = ()
    unexpected: int | None = None
    message: str = ""
    change: Mapping[str, Any] | None = None
    unsettled: str = ""


@dataclass(frozen=True)
class SuiteRun:
    """The outcome of each rule, in the rules' order, and Great Expectations' own result."""

    outcomes: tuple[Outcome, ...]
    result: ExpectationSuiteValidationResult


def build_suite(
    product: Product,
    source: str,
    rules: Sequence[Rule],
    frame: pd.DataFrame,
    places: Sequence[int] | None = None,
) -> ExpectationSuite:
    """Return the suite of a source; times in arguments become UTC where the column is one.

    Which rows a rule is about is not told to it: it is asked of these.

    Args:
        places: of the rules, where they are some of others.

    Raises:
        SpecError: if arguments do not suit their expectation; names every one.
    """
    suite = ExpectationSuite(source)
    mistakes: list[Mistake] = []
    for position, rule in zip(places or range(len(rules)), rules, strict=True):
        try:
            suite.expectations.append(
                get_expectation_impl(rule.type)(
                    severity=rule.severity,
                    meta={"position": position, **_notes(rule)},
                    **_arguments(rule, frame),
                )
            )
        except (ValueError, TypeError) as error:
            mistakes += _mistakes(product, rule, error)
    if mistakes:
        raise SpecError(product.name, mistakes)
    return suite


def run_suite(
    product: Product, source: str, rules: Sequence[Rule], frame: pd.DataFrame
) -> SuiteRun:
    """Run the rules of a source on `frame`, whose index must be a plain range.

    Each is asked of the rows that it is about; those about the same rows together.
    """
    found: dict[int, ExpectationValidationResult] = {}
    about: Mapping[str, Any] = {}
    for condition in dict.fromkeys(rule.where for rule in rules) or [None]:
        places = [place for place, rule in enumerate(rules) if rule.where == condition]
        asked = [rules[place] for place in places]
        try:
            # a frame of some rows has their places as its index, by which they are told
            rows = frame if condition is None else frame[rows_where(condition, frame)]
        except ConditionError as error:
            suite = build_suite(product, source, asked, frame, places)
            found |= dict(zip(places, _unanswered(suite, error), strict=True))
            continue
        _, batch = _opened(product, source, rows)
        suite = build_suite(product, source, asked, rows, places)
        result = batch.validate(suite, result_format=FORMAT)
        about = result.meta
        found |= {each.expectation_config.meta["position"]: each for each in result.results}
    outcomes = tuple(outcome_of(rule, found[place]) for place, rule in enumerate(rules))
    return SuiteRun(outcomes, suite_result(source, [found[each] for each in sorted(found)], about))


def suite_result(
    source: str, results: list[ExpectationValidationResult], about: Mapping[str, Any]
) -> ExpectationSuiteValidationResult:
    """Return what Great Expectations says of all rules together, in their order."""
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


def _unanswered(
    suite: ExpectationSuite, error: ConditionError
) -> list[ExpectationValidationResult]:
    return [
        ExpectationValidationResult(
            success=False,
            exception_info={
                "raised_exception": True,
                "exception_message": str(error),
                "exception_traceback": "",
            },
            expectation_config=each.configuration,
        )
        for each in suite.expectations
    ]


def _notes(rule: Rule) -> dict[str, Any]:
    """Return what Great Expectations' own pages tell of the rows that a rule is about."""
    if rule.where is None:
        return {}
    return {"notes": [f"of rows where {rule.arguments[CONDITION]}"]}


def validator_of(product: Product, source: str, frame: pd.DataFrame) -> Validator:
    """Return what measures a frame, whose index must be a plain range."""
    context, batch = _opened(product, source, frame)
    return context.get_validator(batch_list=[batch])


def about(validator: Validator) -> dict[str, Any]:
    """Return what Great Expectations tells of a batch on its own pages."""
    return {
        "great_expectations_version": gx.__version__,
        "batch_spec": convert_to_json_serializable(validator.active_batch_spec),
        "active_batch_definition": convert_to_json_serializable(validator.active_batch_definition),
    }


def outcome_of(
    rule: Rule, result: ExpectationValidationResult, rows: Collection[int] | None = None
) -> Outcome:
    """Return what a rule found.

    Args:
        rows: those that break it, where the result does not name them all.
    """
    crash = crash_of(result)
    if crash:
        return Outcome(rule, "error", message=crash)
    found = result.result
    is_about_rows = "element_count" in found
    named = tuple(int(row) for row in found.get("unexpected_index_list") or ())
    return Outcome(
        rule,
        state="pass" if result.success else "fail",
        observed=_observed(found),
        rows=named if rows is None else rows,
        unexpected=int(found["unexpected_count"]) if is_about_rows else None,
    )


def crash_of(result: ExpectationValidationResult) -> str:
    """Return why a rule could not be evaluated, empty if it could."""
    info: Mapping[str, Any] = result.exception_info or {}
    # of a crash within a metric, the keys are the metrics' ids and not those of the documentation
    details = [info] if "raised_exception" in info else list(info.values())
    for detail in details:
        if detail.get("raised_exception"):
            return str(detail.get("exception_message") or "it raised an exception")
    return ""


def _opened(
    product: Product, source: str, frame: pd.DataFrame
) -> tuple[EphemeralDataContext, Batch]:
    context = gx.get_context(
        mode="ephemeral",
        # the default makes a temporary folder for Data Docs each time, and shows progress bars
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(),
            progress_bars=ProgressBarsConfig(globally=False),
        ),
    )
    batch = (
        context.data_sources.add_pandas(product.name)
        .add_dataframe_asset(source)
        .add_batch_definition_whole_dataframe("partition")
        .get_batch({"dataframe": frame})
    )
    return context, batch


def _mistakes(product: Product, rule: Rule, error: Exception) -> Iterator[Mistake]:
    document = read_document(product.folder / SPEC_FILE)
    for argument, text in _explained(rule, error):
        path = (*rule.path, *([argument] if argument else []))
        yield Mistake(document.file, document.line(path), document.key(path), text)


def _explained(rule: Rule, error: Exception) -> Iterator[tuple[str, str]]:
    """Yield each argument that does not suit, empty for all of them together, and why."""
    if not isinstance(error, ValidationError):
        yield "", f"{rule.type}: {' '.join(str(error).split())}"
        return
    # of an argument of several types, there is a detail for each type that it is not
    details: dict[str, list[str]] = {}
    for detail in error.errors():
        details.setdefault(str(detail["loc"][0]), []).append(detail["msg"])
    together = details.pop("__root__", [])
    for argument, texts in details.items():
        if argument in rule.arguments:
            given = f"{rule.type} cannot take {rule.arguments[argument]!r} as {argument}"
            # a dict would stand for a parameter that is given at run time, which a spec has not
            found = [text for text in dict.fromkeys(texts) if text != _NO_PARAMETER]
            yield argument, f"{given}: {'; '.join(found or texts)}"
        else:
            yield "", f"{rule.type} needs the argument '{argument}'"
    if together and not details:
        yield "", f"{rule.type}: {'; '.join(together)}"


def _observed(found: Mapping[str, Any]) -> str:
    if found.get("observed_value") is not None:
        value = found["observed_value"]
        return f"{value:g}" if isinstance(value, float) else str(value)
    examples = list(dict.fromkeys(map(_shown, found.get("partial_unexpected_list") or ())))
    more = ", …" if len(examples) > _EXAMPLES else ""
    return ", ".join(examples[:_EXAMPLES]) + more


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _arguments(rule: Rule, frame: pd.DataFrame) -> dict[str, Any]:
    given = {name: value for name, value in rule.arguments.items() if name not in CONDITIONS}
    column = given.get("column")
    if column not in frame or not isinstance(frame[column].dtype, pd.DatetimeTZDtype):
        return given
    return {name: _in_utc(name, value) for name, value in given.items()}


def _in_utc(name: str, value: Any) -> Any:
    if name not in ("min_value", "max_value"):
        return value
    if isinstance(value, str):
        return pd.to_datetime(value, utc=True, format="ISO8601").to_pydatetime()
    return as_utc(value) if isinstance(value, date) else value
