from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pandas as pd
import pytest
from tests.integration.validate.conftest import (
    BETWEEN,
    IN_SET,
    SPEC,
    VISITS,
    Judged,
    chips,
    file,
    html,
    page,
    quarantine,
    verdict,
)

from mlfactory import ingest, validate
from mlfactory.lake.catalog import DATA_DOCS, validation_page
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.store import product_store, write_json
from mlfactory.product.errors import ContractError, SpecError, UsageError
from mlfactory.product.loader import Product
from mlfactory.validate.rules import Rule
from mlfactory.validate.suite import Outcome
from mlfactory.validate.verdict import Count, judge

pytestmark = pytest.mark.usefixtures("home")


def test_good_rows_pass_and_leave_page_docs_and_manifest(judged: Judged) -> None:
    result = judged(IN_SET, BETWEEN)
    assert result == validate.ValidateResult("pass", 50, 0, "validation/2026-01-01.html")
    assert quarantine().empty
    # of what is usual a first partition tells nothing
    assert set(chips()) == {"pass", "insufficient"}
    assert "No row is in quarantine" in page()
    assert len([name for name in html() if name.startswith(DATA_DOCS)]) == 3
    assert "orders" in file(f"{DATA_DOCS}/index.html")
    manifest = read_manifest("shop", "validate", "2026-01-01")
    assert manifest["facts"]["verdict"] == "pass"
    assert manifest["counts"]["rows.orders"] == 50


def test_the_page_needs_nothing_from_outside(judged: Judged) -> None:
    judged(IN_SET)
    assert "http://" not in page()
    assert "https://" not in page()


def test_a_column_of_the_wrong_type_stops_the_partition(judged: Judged) -> None:
    judged(BETWEEN)
    spoiled = {i: f"{i},2026-01-01T10:00:00Z,red,free,4" for i in range(50)}
    with pytest.raises(ContractError, match=r"orders: 50 of 50 rows \(100.0%\) are bad"):
        judged(BETWEEN, change=spoiled)
    assert len(quarantine()) == 50


@pytest.mark.parametrize(("cell", "kind"), [("7.5", "float"), ("free", "string")])
def test_cells_over_budget_are_told_by_column_with_the_type_they_need(
    judged: Judged, cell: str, kind: str
) -> None:
    judged(key="2026-01-02", more=("90,2026-01-02T10:00:00Z,red,1,2",))
    spoiled = {i: f"{i},2026-01-01T10:00:00Z,red,{cell},4" for i in range(50)}
    spoiled[3] = f"3,2026-01-01T10:00:00Z,red,{cell},x"
    with pytest.raises(ContractError) as caught:
        judged(change=spoiled)
    said = str(caught.value)
    assert f"50 cells of 'price' cannot be read as a whole number, such as '{cell}'" in said
    assert "1 cells of 'paid' cannot be read as a whole number, such as 'x'" in said
    assert f"declare sources.orders.types: {{price: {kind}}} and land it anew" in said
    assert "(mlfactory reset shop --source orders)" in said


def test_rules_that_are_not_critical_are_reported_and_keep_their_rows(
    judged: Judged, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        result = judged(
            IN_SET.replace("}", ", severity: warning}"),
            "{type: expect_column_mean_to_be_between, column: price, max_value: 1, severity: info}",
            change={3: "3,2026-01-01T10:00:00Z,pink,3,4"},
        )
    assert (result.verdict, result.quarantined) == ("pass", 0)
    assert "colour: expect_column_values_to_be_in_set" in caplog.text
    assert (
        "price: expect_column_mean_to_be_between(max_value=1) (info): observed 24.5" in caplog.text
    )
    assert (verdict(), chips().count("warning"), chips().count("fail")) == ("pass", 2, 0)


def test_more_bad_rows_than_the_budget_stop_the_partition_after_all_is_written(
    judged: Judged,
) -> None:
    pink = {i: f"{i},2026-01-01T10:00:00Z,pink,{i},4" for i in range(10)}
    with pytest.raises(ContractError) as caught:
        judged(IN_SET, change=pink)
    assert "orders: 10 of 50 rows (20.0%) are bad" in str(caught.value)
    assert "10 break colour: expect_column_values_to_be_in_set" in str(caught.value)
    assert "validation/2026-01-01.html" in str(caught.value)
    assert len(quarantine()) == 10
    assert verdict() == "stop"
    assert read_manifest("shop", "validate", "2026-01-01")["facts"]["verdict"] == "stop"


def test_a_critical_rule_about_the_whole_table_stops_the_partition(judged: Judged) -> None:
    mean = "{type: expect_column_mean_to_be_between, column: price, max_value: 1}"
    with pytest.raises(
        ContractError, match=r"mean_to_be_between\(max_value=1\) fails: observed 24\.5"
    ):
        judged(mean)
    assert quarantine().empty


def test_a_critical_rule_that_cannot_be_evaluated_stops_with_its_message(judged: Judged) -> None:
    with pytest.raises(ContractError, match="cannot be evaluated: Column values"):
        judged(BETWEEN.replace("price", "colour"))
    assert (verdict(), chips().count("error")) == ("stop", 1)


def test_a_rule_that_cannot_be_evaluated_and_is_not_critical_is_reported(judged: Judged) -> None:
    rule = BETWEEN.replace("price", "colour").replace("}", ", severity: warning}")
    assert judged(rule).verdict == "pass"


def test_arguments_that_do_not_suit_a_rule_are_told_before_it_runs(judged: Judged) -> None:
    with pytest.raises(SpecError) as caught:
        judged(IN_SET.replace("[red, blue]", "red"), BETWEEN.replace("0", "low"))
    said = str(caught.value)
    place = "product.yaml:10: expect.orders"
    assert f"{place}[0].value_set: expected a list, got 'red'" in said
    assert f"{place}[1].min_value: expected a number or a date, got 'low'" in said


def test_arguments_that_do_not_suit_each_other_are_a_mistake_of_the_spec(judged: Judged) -> None:
    with pytest.raises(SpecError) as caught:
        judged(BETWEEN.replace(", min_value: 0", ""))
    said = str(caught.value)
    place = "product.yaml:10: expect.orders"
    assert f"{place}[0]: expect_column_values_to_be_between: min_value and max_value" in said
    assert "type_error" not in said


def test_bounds_of_times_are_read_as_times(judged: Judged) -> None:
    rule = BETWEEN.replace("price, min_value: 0", "at, min_value: 2026-01-01T09:00:00")
    late = rule.replace("T09", "T10")
    assert judged(rule, late).verdict == "pass"
    result = judged(rule, change={3: "3,2026-01-01T08:00:00Z,red,3,4"})
    assert (result.verdict, result.quarantined) == ("pass_with_quarantine", 1)


def test_a_partition_without_events_passes_with_no_rows(judged: Judged) -> None:
    result = judged(IN_SET, key="2026-03-01")
    assert (result.verdict, result.rows, result.quarantined) == ("pass", 0, 0)
    assert "There are no rows in this partition" in file(validation_page("2026-03-01"))


def test_a_source_that_is_silent_while_there_are_events_stops_the_partition(
    judged: Judged,
) -> None:
    more = ("90,2026-01-05T10:00:00Z,red,1,2",)
    with pytest.raises(
        ContractError, match="visits: expect_table_row_count_to_be_between"
    ) as caught:
        judged(more=more, key="2026-01-05")
    assert "cannot be evaluated" not in str(caught.value)


def test_the_same_partition_twice_leaves_the_same_rows_and_no_more_pages(judged: Judged) -> None:
    judged(IN_SET, change={3: "3,2026-01-01T10:00:00Z,pink,3,4"})
    before, shown, files = quarantine(), page(), html()
    judged(IN_SET, change={3: "3,2026-01-01T10:00:00Z,pink,3,4"})
    again = quarantine()
    assert again["landing"].iloc[0] != before["landing"].iloc[0]
    same = [name for name in before if name not in ("landing", "_run")]
    pd.testing.assert_frame_equal(again[same], before[same])
    assert page() == shown
    assert html() == files
    judged(IN_SET)
    assert quarantine().empty


def test_the_index_of_data_docs_lists_every_partition(judged: Judged) -> None:
    judged(more=("90,2026-01-02T10:00:00Z,red,1,2",))
    judged(more=("90,2026-01-02T10:00:00Z,red,1,2",), key="2026-01-02")
    index = file(f"{DATA_DOCS}/index.html")
    assert "validations/orders/2026-01-01/" in index
    assert "validations/orders/2026-01-02/" in index


def outcome(state: str = "fail", severity: str = "critical", rows: tuple[int, ...] = ()) -> Outcome:
    return Outcome(Rule("expect_x", severity, {"column": "a"}), state, rows=rows)


@pytest.mark.parametrize(
    ("count", "found", "verdict"),
    [
        (Count(100, 0), outcome("pass"), "pass"),
        (Count(100, 2), outcome(rows=(1, 2)), "pass_with_quarantine"),
        (Count(100, 3), outcome(rows=(1, 2, 3)), "stop"),
        (Count(100, 0), outcome(), "stop"),
        (Count(100, 0), outcome("error"), "stop"),
        (Count(100, 0), outcome(severity="warning"), "pass"),
        (Count(100, 0), outcome("error", "info"), "pass"),
        (Count(0, 0), outcome("pass"), "pass"),
    ],
)
def test_the_verdict_follows_from_counts_and_outcomes(
    count: Count, found: Outcome, verdict: str
) -> None:
    judgement = judge({"orders": count}, {"orders": [found]}, budget=0.02)
    assert judgement.verdict == verdict
    assert bool(judgement.reasons) == (verdict == "stop")


def test_pages_hold_no_live_markup_of_what_the_file_or_the_spec_says(
    judged: Judged, make_product: Callable[..., Product]
) -> None:
    cell, name = "<img src=x onerror=alert(1)>", "<svg onload=alert(2)>"
    rules = [
        IN_SET.replace("[red, blue]", f"[red, '{name}']"),
        f"{{type: expect_column_values_to_not_be_null, column: '{name}'}}",
        "{type: expect_column_values_to_match_regex, column: colour, regex: '^[a-z$_]*$'}",
    ]
    spec = SPEC.format(budget=90, rules=", ".join(rules))
    rows = [f"{i},2026-01-01T10:00:00Z,{cell if i < 9 else 'cash_$_$'},1,x" for i in range(20)]
    text = "\n".join([f"id,at,colour,price,{name}", *rows]) + "\n"
    product = make_product(spec, files={"orders.csv": text, "visits.csv": VISITS})
    partition = product.calendar.parse("2026-01-01")
    ingest.run(product, partition)
    with pytest.raises(ContractError):
        validate.run(product, partition)
    pages = {name.split("/")[-1]: file(name) for name in html()}
    assert set(pages) == {"2026-01-01.html", "orders.html", "visits.html", "index.html"}
    for content in pages.values():
        assert cell not in content
        assert name not in content
    assert "&lt;img src=x onerror=alert(1)&gt;" in pages["orders.html"]
    assert "&lt;svg onload=alert(2)&gt;" in pages["orders.html"]
    assert "cash_$_$" in pages["2026-01-01.html"]


def test_the_index_is_made_of_one_file_and_lists_the_partitions_before(judged: Judged) -> None:
    judged(IN_SET)
    judged(IN_SET, more=("90,2026-01-02T10:00:00Z,red,1,2",), key="2026-01-02")
    kept = f"{DATA_DOCS}/partitions.json"
    assert set(json.loads(file(kept))) == {"2026-01-01", "2026-01-02"}
    # another run at the same time overwrote it
    write_json(product_store("shop"), kept, {"2025-12-01": {}})
    judged(IN_SET, more=("90,2026-01-02T10:00:00Z,red,1,2",), key="2026-01-02")
    assert set(json.loads(file(kept))) == {"2026-01-01", "2026-01-02"}
    index = file(f"{DATA_DOCS}/index.html")
    assert "2026-01-01" in index and "2026-01-02" in index


def test_what_was_not_ingested_to_the_end_is_not_judged(
    make_product: Callable[..., Product],
) -> None:
    product = make_product(SPEC.format(budget=2, rules=""), files={})
    with pytest.raises(UsageError, match="was not ingested, or not to the end"):
        validate.run(product, product.calendar.parse("2026-01-01"))
