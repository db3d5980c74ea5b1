"""A source of trips, cleaned by the steps of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest
import yaml

from mlfactory.cleaning import Cleaning
from mlfactory.lake.catalog import REFUSED, RESCUED, ROW
from mlfactory.lake.marks import Marks
from mlfactory.product.loader import Product

OURS = ("_landing", "_row", "_landed_row", "_rescued", "_refused")


@dataclass
class Cleaned:
    """What steps left of some rows."""

    rows: pa.Table
    cleaning: Cleaning

    def __getitem__(self, column: str) -> list[Any]:
        return list(self.rows.column(column).to_pylist())

    @property
    def told(self) -> list[dict[str, Any]]:
        return list(self.cleaning.facts()["told"])

    @property
    def unread(self) -> list[str | None]:
        return self[RESCUED]

    @property
    def refused(self) -> list[str | None]:
        return self[REFUSED]


Clean = Callable[..., Cleaned]


@pytest.fixture
def product_of(make_product: Callable[..., Product], home: object) -> Callable[..., Product]:
    """Give a function that makes a product whose source is cleaned."""

    def make(*steps: dict[str, Any], **source: Any) -> Product:
        trips = {"kind": "csv", "path": "trips.csv", "clean": list(steps), **source}
        spec = {
            "apiVersion": "mlfactory/v1",
            "name": "taxi",
            "partition": {"every": "day", "start": "2026-01-01"},
            "sources": {"trips": trips, "rides": {"kind": "csv", "path": "r", "event_time": "at"}},
            "features": {"key": ["id"], "event_time": "at", "numeric": ["price"]},
            "label": {"column": "bad", "kind": "binary"},
        }
        return make_product(yaml.safe_dump(spec, allow_unicode=True))

    return make


@pytest.fixture
def clean(product_of: Callable[..., Product]) -> Clean:
    """Give a function that cleans a table, in batches of some size."""

    def run(
        rows: pa.Table,
        *steps: dict[str, Any],
        size: int = 0,
        left_out: Sequence[int] = (),
        **source: Any,
    ) -> Cleaned:
        landed = rows.append_column(ROW, pa.array(range(rows.num_rows), pa.int64()))

        def again() -> Iterator[pa.Table]:
            every = size or max(rows.num_rows, 1)
            for start in range(0, max(rows.num_rows, 1), every):
                yield landed.slice(start, every)

        cleaning = Cleaning(product_of(*steps, **source), "trips", landed.schema)
        return Cleaned(pa.concat_tables(cleaning.rows(again, "run", Marks(left_out))), cleaning)

    return run
