"""A file that cannot be read keeps nothing from landing that came with it, and says what it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.arrivals.conftest import NOW, Put, land, land_arrived, make, put

from mlfactory import ingest
from mlfactory.arrivals.taking import Taken, take
from mlfactory.lake.manifests import read_manifest
from mlfactory.product.errors import ContractError, LateSourceError
from mlfactory.product.loader import Product

__all__ = ["make", "put"]

Make = Callable[..., Product]
BROKEN = "id,at,price,bad\nx,2026-01-02T00:00:00Z,1,0,and one more\n"


def taken(product: Product) -> Taken:
    return take(product, "orders", NOW, quiet=0)


def told(product: Product) -> list[tuple[str, str]]:
    return [(lack.key, lack.in_words) for lack in taken(product).lacks]


def landed(day: str) -> int:
    count: int = read_manifest("shop", "ingest", f"2026-01-{day}")["counts"]["orders"]
    return count


def test_what_came_with_a_broken_file_is_landed_and_the_file_when_it_is_mended(
    make: Make, put: Put, caplog: pytest.LogCaptureFixture
) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3})
    land(shop, "02")
    assert told(shop) == []
    put("late.csv", {"02": 2})
    broken = put("broken.csv", {})
    broken.write_text(BROKEN)
    assert told(shop) == [("2026-01-02", "orders: late.csv brings 2 rows")]
    land_arrived(shop, "02", "orders: late.csv brings 2 rows")
    assert landed("02") == 5
    assert "landed without" in caplog.text and "broken.csv" in caplog.text
    facts = read_manifest("shop", "ingest", "2026-01-02")["facts"]
    assert facts["sources"]["orders"]["left_out"] == [str(broken)]
    assert facts["because"] == ["orders: late.csv brings 2 rows"]
    assert told(shop) == []
    # whoever lands it for anything else is told
    with pytest.raises(ContractError, match=r"broken\.csv cannot be read"):
        land(shop, "02")
    put("broken.csv", {"02": 1})
    assert told(shop) == [("2026-01-02", "orders: broken.csv brings 1 row")]
    land_arrived(shop, "02", "orders: broken.csv brings 1 row")
    assert landed("02") == 6
    facts = read_manifest("shop", "ingest", "2026-01-02")["facts"]
    assert "left_out" not in facts["sources"]["orders"]


def test_a_file_that_landed_and_is_broken_now_is_not_lost(make: Make, put: Put) -> None:
    shop = make("orders/*.csv")
    first = put("a.csv", {"02": 3})
    land(shop, "02")
    assert told(shop) == []
    first.write_text(BROKEN)
    # as many rows as it had, and of other keys
    put("late.csv", {"02": 3})
    assert told(shop) == [("2026-01-02", "orders: late.csv brings 3 rows")]
    with pytest.raises(ContractError, match=r"lacks 3 of the 3 .*: a\.csv is gone, or cannot be"):
        land_arrived(shop, "02", "orders: late.csv brings 3 rows")
    put("a.csv", {"02": 3})
    assert len(told(shop)) == 1
    land_arrived(shop, "02", "orders: late.csv brings 3 rows")
    assert landed("02") == 6


def test_a_source_of_broken_files_alone_says_so_when_it_is_landed(make: Make, put: Put) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {}).write_text(BROKEN)
    assert len(taken(shop).problems) == 1
    with pytest.raises(ContractError, match=r"a\.csv cannot be read"):
        land_arrived(shop, "02", "orders: weather came")


def test_a_problem_names_no_partition(make: Make, put: Put) -> None:
    shop = make("orders/*.csv")
    path = put("a.csv", {})
    path.write_text(BROKEN)
    [problem] = taken(shop).problems
    assert problem.startswith(f"shop.orders: {path} cannot be read as csv: ")
    assert problem.count("→") == 1


def test_a_broken_file_of_parquet_keeps_no_other_from_being_looked_into_or_landed(
    make: Make, tmp_path: Path
) -> None:
    shop = make("orders/*.parquet", kind="parquet")
    folder = tmp_path / "products" / "shop" / "orders"

    def day(name: str, ids: list[str]) -> None:
        at = pa.array([NOW.replace(day=2)] * len(ids), pa.timestamp("us", "UTC"))
        rows = {"id": ids, "at": at, "price": [1.0] * len(ids), "bad": [0] * len(ids)}
        pq.write_table(pa.table(rows), folder / name)

    day("a.parquet", ["a", "b"])
    land(shop, "02")
    assert told(shop) == []
    (folder / "broken.parquet").write_bytes(b"PAR1 and no end")
    assert (len(taken(shop).problems), taken(shop).problems) == (1, ())
    day("late.parquet", ["c"])
    words = "orders: late.parquet brings 1 row"
    assert told(shop) == [("2026-01-02", words)]
    land_arrived(shop, "02", words)
    assert landed("02") == 3
    day("broken.parquet", ["d"])
    assert told(shop) == [("2026-01-02", "orders: broken.parquet brings 1 row")]


def test_a_place_of_which_nothing_is_left_is_waited_for(make: Make, put: Put) -> None:
    shop = make("orders/*.csv")
    path = put("a.csv", {"02": 3})
    partition = shop.calendar.parse("2026-01-02")
    with pytest.raises(LateSourceError):
        ingest.run(shop, partition, arrived="x", left_out={"orders": {str(path)}})
