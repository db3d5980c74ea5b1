"""Kinds of sources of one's own, as a product writes them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.ingest.test_readers import SPEC, ids, request

from mlfactory.ingest.receiving import receive
from mlfactory.lake.store import product_store
from mlfactory.product.errors import BuildError, ContractError, LateSourceError, ServiceError
from mlfactory.product.loader import Product
from mlfactory.product.trial import code_mistakes

OWN = '{kind: own, class: "features:Orders", options: {days: 3}, event_time: at, key: [id]}'

FUNCTION = """
from mlfactory.product.own import source
import pyarrow as pa
def build(sources): ...
@source
def Orders(start, end, *, days):
    yield pa.table({"id": [1], "at": [start], "price": [1]})
    yield pa.table({"id": [2, 3], "at": [start, end], "price": [1.5, 2.5], "note": ["a", "b"]})
"""
CLASS = """
from mlfactory.product.own import source
import pandas as pd
def build(sources): ...
calls = []
@source
class Orders:
    def __init__(self, days):
        self.days = days
    def fingerprint(self):
        return "1"
    def rows(self, start, end):
        calls.append((start, end))
        for day in range(1, self.days + 1):
            at = pd.Timestamp(2026, 1, day, tz="UTC")
            yield pd.DataFrame({"id": [day], "at": [at], "price": [5]})
        print(len(calls), file=open(__file__ + ".calls", "w"))
"""


def test_a_function_gives_tables_of_the_partition(make_product: Callable[..., Product]) -> None:
    received = receive(request(make_product(SPEC.format(source=OWN), FUNCTION)))
    assert ids(received) == ["1", "2"]
    assert received.rows["price"].to_pylist() == [1.0, 1.5]
    assert received.rows["note"].to_pylist() == [None, "a"]


def test_a_class_with_a_fingerprint_is_read_once_for_all_partitions(
    make_product: Callable[..., Product], home: object
) -> None:
    product = make_product(SPEC.format(source=OWN), CLASS)
    for _ in range(2):
        assert ids(receive(request(product), product_store("shop"))) == ["1"]
    assert (product.folder / "features.py.calls").read_text() == "1\n"


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        ("yield 5", BuildError, "gave int"),
        ("return 5", BuildError, "gave int"),
        ("raise ValueError('no luck')", BuildError, "raised ValueError: no luck"),
        ("raise ConnectionError('refused')", ServiceError, "cannot reach its source"),
        ("raise FileNotFoundError('later')", LateSourceError, "does not find its data"),
        ("yield pa.table({'id': [1], 'price': [1]})", ContractError, "'at' (its event_time)"),
    ],
)
def test_what_fails_in_it_is_an_error_that_names_it(
    make_product: Callable[..., Product], body: str, error: type[Exception], says: str
) -> None:
    code = FUNCTION[: FUNCTION.index("    yield")] + f"    {body}\n"
    with pytest.raises(error) as caught:
        receive(request(make_product(SPEC.format(source=OWN), code)))
    assert says in str(caught.value)


def test_one_without_rows_is_a_partition_without_events(
    make_product: Callable[..., Product],
) -> None:
    code = FUNCTION[: FUNCTION.index("    yield")] + "    return iter(())\n"
    assert receive(request(make_product(SPEC.format(source=OWN), code))).rows.num_rows == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("@source\n", ""), "is not decorated with @source"),
        (("*, days", "*, weeks"), "cannot be called with its options"),
        (("@source\ndef Orders(start, end, *, days):", "@source\nclass Orders:\n  def x(self):"),
         "needs a method rows"),
    ],
)  # fmt: skip
def test_check_tells_what_cannot_work(
    make_product: Callable[..., Product], change: tuple[str, str], says: str
) -> None:
    product = make_product(SPEC.format(source=OWN), FUNCTION)
    (product.folder / "features.py").write_text(FUNCTION.replace(*change))
    (mistakes,) = code_mistakes([product])
    # that a module cannot be imported is told of each function that the spec names
    assert mistakes
    assert all(says in str(mistake) for mistake in mistakes), mistakes


def test_check_is_content_with_what_works(make_product: Callable[..., Product]) -> None:
    assert code_mistakes([make_product(SPEC.format(source=OWN), FUNCTION)]) == [[]]


@pytest.mark.parametrize(
    "table", ["pa.table([[1], [start], [1], [2]], names=['id', 'at', 'price', 'price'])"]
)
def test_a_column_that_comes_twice_is_told(
    make_product: Callable[..., Product], table: str
) -> None:
    code = FUNCTION[: FUNCTION.index("    yield")] + f"    yield {table}\n"
    with pytest.raises(BuildError, match="gave the column 'price' more than once"):
        receive(request(make_product(SPEC.format(source=OWN), code)))
