"""A corrected number is read as its source writes numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from tests.integration.quarantine.test_released import KEY, again, correct, orders, rows

from mlfactory import ingest
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.quarantine.spreadsheet import as_csv

NUMBERS = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources:
  orders: {kind: csv, path: orders.csv, event_time: at, key: [id], decimal: ",", thousands: ".",
           types: {price: float, pieces: integer, colour: string}}
expect: {quarantine_budget: 50%}
features: {key: [id], event_time: at, numeric: [price]}
label: {column: bad, kind: binary}
"""


@pytest.fixture
def german(home: Any, make_product: Callable[..., Product]) -> None:
    lines = [f'{row},{KEY}T10:00:00Z,"1.{row}00,5",1.000,"2,5"' for row in range(8)]
    lines += [f'8,{KEY}T10:00:00Z,"7,25",12.34,"2,5"', f"9,{KEY}T10:00:00Z,12.34,3,1.5"]
    text = "\n".join(["id,at,price,pieces,colour", *lines]) + "\n"
    product = make_product(NUMBERS, files={"orders.csv": text})
    ingest.run(product, product.calendar.parse(KEY))
    again()


@pytest.mark.parametrize(
    ("given", "price"),
    [("1.234", 1234.0), ("1.234,5", 1234.5), (" 1234,5 ", 1234.5), ("0,5", 0.5), ("-3", -3.0)],
)
@pytest.mark.usefixtures("german")
def test_a_correction_is_read_as_the_source_writes_numbers(given: str, price: float) -> None:
    correct((9, "price", given), (9, "colour", "0.5"), (8, "pieces", "1.234"))
    assert again().verdict == "pass"
    found = orders()
    assert found.loc[9, "price"] == price
    # a text is no number, and what was not touched is what landed
    assert (found.loc[9, "colour"], found.loc[9, "pieces"]) == ("0.5", 3)
    assert (found.loc[8, "pieces"], found.loc[8, "price"]) == (1234, 7.25)
    # nobody changes a number by giving the same CSV back, nor by another cell of its row
    lines = list(csv.DictReader(io.StringIO(as_csv(rows()))))
    assert lines[0]["price"] == "7,25"
    with pytest.raises(UsageError, match="nothing is changed"):
        correct()
    correct((9, "colour", "twice"))
    assert again().verdict == "pass"
    assert (orders().loc[9, "price"], orders().loc[9, "colour"]) == (price, "twice")


@pytest.mark.parametrize("given", ["1.5", "0.500", "12.34.5", "1,2,3"])
@pytest.mark.usefixtures("german")
def test_a_correction_that_the_source_could_not_mean_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match=r"line 3: price=.* is no number") as caught:
        correct((9, "price", given))
    assert "as their source writes them" in str(caught.value.remedy)
