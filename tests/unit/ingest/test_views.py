"""Arrow keeps text and lists in views as well, which other tools write into Parquet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.ingest.test_readers import PARQUET, PYTHON, SPEC, ids, request

from mlfactory.ingest.landing import land
from mlfactory.ingest.receiving import receive
from mlfactory.product.loader import Product

VIEWS = {
    "price": pa.array(["a", None, "c"], pa.string_view()),
    "bytes": pa.array([b"a", b"b", b"c"], pa.binary_view()),
    "words": pa.array([["a"], ["b"], None], pa.list_view(pa.string_view())),
    "parts": pa.array([{"q": "x"}, {"q": None}, None], pa.struct([("q", pa.string_view())])),
}


@pytest.mark.parametrize("folder", [False, True])
@pytest.mark.parametrize(
    "at",
    [
        pa.array(["2025-12-31", "2026-01-01", "2026-01-02"], pa.string_view()),
        pa.array([datetime(2025, 12, 31), datetime(2026, 1, 1), datetime(2026, 1, 2)]),
        pa.array([datetime(2025, 12, 31), None, datetime(2026, 1, 2)]),
    ],
    ids=["text", "times", "a time missing"],
)
def test_parquet_in_arrows_views_is_read_as_what_it_holds(
    make_product: Callable[..., Product], at: pa.Array, folder: bool
) -> None:
    product = make_product(SPEC.format(source=PARQUET))
    place = product.folder / "orders.parquet"
    if folder:
        place.mkdir()
    file = place / "a.parquet" if folder else place
    pq.write_table(pa.table({"id": [1, 2, 3], "at": at, **VIEWS}), file)
    received = receive(request(product))
    assert ids(received) == ["2"]
    assert [received.rows[name].to_pylist() for name in VIEWS] == [
        *([None], [b"b"], [["b"]], [{"q": None}]),
    ]
    land(received.rows, {})


def test_a_function_may_give_arrows_views(make_product: Callable[..., Product]) -> None:
    features = """
import pandas as pd, pyarrow as pa
def build(sources): ...
def orders(start, end):
    price = pd.Series(["a", "b"], dtype=pd.ArrowDtype(pa.string_view()))
    return pd.DataFrame({"id": [1, 2], "at": [start, end], "price": price})
"""
    product = make_product(SPEC.format(source=PYTHON), features)
    assert receive(request(product)).rows["price"].to_pylist() == ["a"]
