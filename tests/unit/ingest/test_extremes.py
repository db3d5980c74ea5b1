"""What no one has in mind: ten thousand columns, and a cell as large as many files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlfactory import ingest
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product

pytestmark = pytest.mark.usefixtures("home")

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {{every: day, start: 2026-01-01}}
sources:
  orders: {{kind: {kind}, path: orders.{kind}, event_time: at, key: [id]}}
features: {{key: [id], event_time: at, numeric: [price]}}
label: {{column: bad, kind: binary}}
"""
COLUMNS = 10_000
LARGE = 100 << 20


def _written(path: Path, kind: str, rows: list[dict[str, str]]) -> None:
    if kind == "csv":
        lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_ten_thousand_columns(make_product: Callable[..., Product], kind: str) -> None:
    product = make_product(SPEC.format(kind=kind), "def build(sources): ...")
    row = {"id": "1", "at": "2026-01-01T05:00:00Z", "price": "5"}
    row |= {f"c{number}": str(number) for number in range(COLUMNS)}
    _written(product.folder / f"orders.{kind}", kind, [row])
    ingest.run(product, product.calendar.parse("2026-01-01"))
    [landed] = Lake("shop").read("raw_orders").to_dict("records")
    assert str(landed["c9999"]) == "9999"
    _written(product.folder / f"orders.{kind}", kind, [dict(list(row.items())[:3])])
    with pytest.raises(ContractError, match="and 9,990 more") as lacking:
        ingest.run(product, product.calendar.parse("2026-01-01"))
    assert len(str(lacking.value)) < 3000


def test_a_row_that_is_too_long_for_a_csv_is_told(make_product: Callable[..., Product]) -> None:
    product = make_product(SPEC.format(kind="csv"), "def build(sources): ...")
    row = "0,2026-01-01T05:00:00Z,5,"
    rows = f"{row}{'x' * LARGE}\n{row}short\n"
    (product.folder / "orders.csv").write_text(f"id,at,price,note\n{rows}")
    with pytest.raises(ContractError, match=r"longer than the 16 MB .*\n.*quotation mark"):
        ingest.run(product, product.calendar.parse("2026-01-01"))
    assert not Lake("shop").columns("raw_orders")


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_cell_of_a_hundred_megabytes(make_product: Callable[..., Product], kind: str) -> None:
    product = make_product(SPEC.format(kind=kind), "def build(sources): ...")
    rows = [
        {"id": "1", "at": "2026-01-01T05:00:00Z", "price": "5", "note": "x" * LARGE},
        {"id": "2", "at": "2026-01-01T06:00:00Z", "price": "6", "note": "small"},
    ]
    _written(product.folder / f"orders.{kind}", kind, rows)
    ingest.run(product, product.calendar.parse("2026-01-01"))
    landed = Lake("shop").read("raw_orders")
    assert sorted(landed["note"].str.len()) == [5, LARGE]
