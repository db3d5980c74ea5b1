"""Which rows are of a shard, and the types that they have there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from tests.integration.prepare.conftest import SPEC

from mlfactory.lake.catalog import raw
from mlfactory.lake.tables import Lake
from mlfactory.lake.unsettled import as_stored
from mlfactory.prepare.cutting import Whole, cut_sources, of_shard
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def eight(make_product: Callable[..., Product]) -> Product:
    spec = SPEC.replace("start: 2026-01-01}", "start: 2026-01-01, shards: 8, by: [shop, number]}")
    return make_product(spec, "def build(sources): return sources['orders']\n")


def test_rows_without_a_value_are_in_the_first_shard_and_each_row_in_one(eight: Product) -> None:
    shops = pa.array([None if place % 3 == 0 else f"s{place}" for place in range(60)])
    # what is no number is no value either
    numbers = pa.array([float("nan") if place % 3 == 1 else place / 2 for place in range(60)])
    rows = pa.table({"shop": shops, "number": numbers})
    shards = np.stack([of_shard(eight, rows, number, 0, 60) for number in range(8)])
    assert (shards.sum(axis=0) == 1).all()
    assert shards[0, np.arange(60) % 3 < 2].all()
    assert 0 < shards[1:].sum() <= 20


TIMED = "items: {kind: csv, path: items.csv, event_time: at}"
TIMES = pa.timestamp("us", "UTC")


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        (pa.int64(), TIMES, False),
        (pa.float64(), pa.date32(), False),
        (pa.bool_(), TIMES, False),
        (TIMES, pa.string(), False),
        (pa.bool_(), pa.string(), False),
        (pa.int64(), pa.decimal128(9, 2), False),
        (pa.decimal128(9, 2), pa.decimal128(9, 3), False),
        (pa.decimal128(9, 2), pa.decimal128(20, 2), True),
        (pa.int64(), pa.float64(), True),
        (pa.bool_(), pa.int32(), True),
        (pa.date32(), TIMES, True),
        (pa.string(), pa.string(), True),
        (pa.null(), TIMES, True),
    ],
)
def test_values_of_by_that_can_never_meet_are_refused(
    make_product: Callable[..., Product], one: pa.DataType, other: pa.DataType, meet: bool
) -> None:
    """Only text was told from what is none: numbers went by other shards than their times."""
    spec = SPEC.replace("start: 2026-01-01}", "start: 2026-01-01, shards: 8, by: [shop]}")
    spec = spec.replace("items: {kind: csv, path: items.csv, key: [item]}", TIMED)
    product = make_product(spec, "def build(sources): return sources['orders']\n")
    for name, kind in (("orders", one), ("items", other)):
        rows = as_stored(pa.table({"shop": pa.nulls(2, kind)}))
        Lake(product.name).replace(raw(name), rows, "2026-01-01")
    if meet:
        assert cut_sources(product) == {"orders", "items"}
        return
    with pytest.raises(ContractError, match=r"\.items: 'shop', .* no row would meet its own"):
        cut_sources(product)


@pytest.mark.parametrize(
    ("gap", "values", "kind"),
    [
        ([None], [2**60 + 1, 2**60 + 3], "Int64"),
        ([None], [1, 2], "float64"),
        ([3], [1, 2], "int64"),
    ],
)
def test_whole_numbers_have_the_type_of_all_rows_in_a_shard_without_the_gap(
    gap: list[int | None], values: list[int], kind: str
) -> None:
    whole = Whole()
    for batch in (values, gap):
        whole.look_at(pa.table({"count": pa.array(batch, pa.int64())}))
    found = whole.frame(pa.table({"count": values}))["count"]
    assert str(found.dtype) == kind
    assert found.tolist() == values
