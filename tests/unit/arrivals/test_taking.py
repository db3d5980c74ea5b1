"""What has come for a partition is found by its rows, told once, and landed with its reason."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.arrivals.conftest import NOW, Put, land

from mlfactory.arrivals.looking import look
from mlfactory.arrivals.new import begin_watch, new_of
from mlfactory.arrivals.taking import Taken, noted, take
from mlfactory.ingest import once
from mlfactory.lake.catalog import arrivals_file
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.store import product_store
from mlfactory.product.loader import Product

Make = Callable[..., Product]


def taken(product: Product) -> Taken:
    return take(product, "orders", NOW, quiet=0)


def told(product: Product) -> list[tuple[str, bool, str]]:
    return [(lack.key, lack.landed, lack.in_words) for lack in taken(product).lacks]


def test_late_rows_are_told_for_their_partition_until_they_are_landed(make: Make, put: Put) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3, "03": 4})
    land(shop, "02", "03")
    assert told(shop) == []
    put("b.csv", {"02": 2})
    expected = [("2026-01-02", True, "orders: b.csv brings 2 rows")]
    assert told(shop) == expected
    assert told(shop) == expected
    assert [lack.in_words for lack in noted(shop, "orders").lacks] == [expected[0][2]]
    land(shop, "02")
    assert told(shop) == []
    facts = read_manifest("shop", "ingest", "2026-01-02")["facts"]
    assert facts["because"] == ["orders: b.csv brings 2 rows"]
    assert "because" not in read_manifest("shop", "ingest", "2026-01-03")["facts"]


def test_what_lay_there_at_the_first_look_starts_no_partition_that_never_landed(
    make: Make, put: Put
) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3})
    assert told(shop) == []
    put("b.csv", {"04": 1})
    assert told(shop) == [("2026-01-04", False, "orders: b.csv brings 1 row")]


def test_a_partition_that_is_not_over_waits_for_its_own_run(make: Make, put: Put) -> None:
    shop = make("orders/*.csv")
    assert told(shop) == []
    put("b.csv", {"09": 1, "08": 1})
    assert [key for key, _, _ in told(shop)] == ["2026-01-08"]


def test_of_a_file_that_grows_only_what_grew_is_told(make: Make, put: Put) -> None:
    shop = make("orders/all.csv")
    put("all.csv", {"02": 30, "03": 4})
    land(shop, "02", "03")
    put("all.csv", {"02": 30, "03": 6, "04": 2})
    # nobody had looked before it grew
    assert told(shop) == [("2026-01-03", True, "orders: all.csv has 6 rows instead of 4")]


def test_a_corrected_cell_is_told_where_the_number_of_rows_is_the_same(
    make: Make, put: Put
) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3, "03": 4})
    land(shop, "02", "03")
    path = put("a.csv", {"02": 3, "03": 4})
    path.write_text(
        path.read_text().replace(
            "a.csv021,2026-01-02T01:00:00Z,1", "a.csv021,2026-01-02T01:00:00Z,9"
        )
    )
    assert told(shop) == [("2026-01-02", True, "orders: a.csv has other rows (3) than it had")]
    land(shop, "02")
    assert told(shop) == []


def test_rows_that_were_taken_out_of_a_file_are_told(make: Make, put: Put) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3, "03": 4})
    land(shop, "02", "03")
    assert told(shop) == []
    put("a.csv", {"03": 4})
    assert told(shop) == [("2026-01-02", True, "orders: a.csv has 0 rows instead of 3")]


def test_a_file_that_is_touched_or_written_the_same_starts_nothing(
    make: Make, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make("orders/*.csv")
    path = put("a.csv", {"02": 3})
    land(shop, "02")
    assert told(shop) == []
    os.utime(path)
    assert told(shop) == []
    path.write_text(path.read_text())
    assert told(shop) == []
    monkeypatch.setattr(once, "_split", pytest.fail)
    assert told(shop) == []


def test_a_file_of_a_partition_s_own_is_told_by_its_name_and_compared_by_its_content(
    make: Make, put: Put
) -> None:
    shop = make("orders/{partition}.csv")
    put("2026-01-02.csv", {"02": 3})
    assert told(shop) == []
    put("2026-01-03.csv", {"03": 3})
    put("other.csv", {"03": 3})
    assert told(shop) == [("2026-01-03", False, "orders: 2026-01-03.csv has come")]
    land(shop, "03")
    assert told(shop) == []
    os.utime(put("2026-01-03.csv", {"03": 3}))
    assert told(shop) == []
    put("2026-01-03.csv", {"03": 3}, price=5)
    assert told(shop) == [("2026-01-03", True, "orders: 2026-01-03.csv was written anew")]


def test_hours_are_written_with_a_hyphen(make: Make, put: Put) -> None:
    shop = make("orders/{partition}/*.csv", every="hour")
    assert told(shop) == []
    folder = put("x.csv", {"02": 1}).parent / "2026-01-02T05-00"
    folder.mkdir()
    put("2026-01-02T05-00/a.csv", {"02": 1})
    assert [key for key, _, _ in told(shop)] == ["2026-01-02T05:00"]


def test_parquet_that_is_its_own_index_is_told_by_the_files_near_a_partition(
    make: Make, tmp_path: Path
) -> None:
    shop = make("orders", kind="parquet")
    folder = tmp_path / "products" / "shop" / "orders"

    def day(name: str, day: int, ids: list[str]) -> None:
        at = pa.array([NOW.replace(day=day)] * len(ids), pa.timestamp("us", "UTC"))
        rows = {"id": ids, "at": at, "price": [1.0] * len(ids), "bad": [0] * len(ids)}
        pq.write_table(pa.table(rows), folder / name)

    day("2.parquet", 2, ["a", "b"])
    day("3.parquet", 3, ["c"])
    land(shop, "02", "03")
    assert told(shop) == []
    day("4.parquet", 4, ["d"])
    day("late.parquet", 2, ["e"])
    day("3.parquet", 3, ["x"])
    assert told(shop) == [
        ("2026-01-02", True, "orders: late.parquet brings 1 row"),
        ("2026-01-03", True, "orders: 3.parquet has now 1 row"),
        ("2026-01-04", False, "orders: 4.parquet brings 1 row"),
    ]
    land(shop, "02", "03", "04")
    assert told(shop) == []


def test_a_file_that_is_being_written_is_waited_for(make: Make, put: Put) -> None:
    from datetime import UTC, datetime

    shop = make("orders/*.csv")
    assert told(shop) == []
    put("a.csv", {"02": 3})
    now = datetime.now(UTC)
    waiting = take(shop, "orders", now, quiet=300)
    assert (waiting.lacks, waiting.left) == ((), 1)
    assert new_of(shop, "orders", look(shop, "orders"), now, 300) == []
    assert len(new_of(shop, "orders", look(shop, "orders"), now, 0)) == 1


def test_what_cannot_be_read_is_told_once_and_keeps_nothing_else_from_landing(
    make: Make, put: Put
) -> None:
    shop = make("orders/*.csv")
    assert told(shop) == []
    broken = put("a.csv", {})
    broken.write_bytes(b"\x00\xff\xfe")
    put("b.csv", {"02": 1})
    first = taken(shop)
    assert [lack.key for lack in first.lacks] == ["2026-01-02"]
    assert len(first.problems) == 1 and "a.csv" in first.problems[0]
    assert taken(shop).problems == ()
    put("a.csv", {"03": 1})
    assert [lack.key for lack in taken(shop).lacks] == ["2026-01-02", "2026-01-03"]


def test_what_is_known_and_damaged_is_made_anew(make: Make, put: Put) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3})
    land(shop, "02")
    assert told(shop) == []
    put("b.csv", {"02": 2})
    assert len(told(shop)) == 1
    product_store("shop").write(arrivals_file("orders"), json.dumps({"files": 7}).encode())
    assert told(shop) == [("2026-01-02", True, "orders: b.csv brings 2 rows")]


def test_what_comes_into_a_place_that_was_empty_when_the_watch_began_is_told(
    make: Make, put: Put
) -> None:
    shop = make("orders/*.csv")
    begin_watch(shop, "orders", look(shop, "orders"))
    put("a.csv", {"02": 3})
    begin_watch(shop, "orders", look(shop, "orders"))
    assert told(shop) == [("2026-01-02", False, "orders: a.csv brings 3 rows")]


def test_history_that_a_look_had_no_time_for_is_no_arrival(make: Make, put: Put) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3})
    put("b.csv", {"03": 3})
    assert take(shop, "orders", NOW, quiet=0, seconds=-1).left == 2
    put("c.csv", {"04": 3})
    assert told(shop) == [("2026-01-04", False, "orders: c.csv brings 3 rows")]
    put("b.csv", {"03": 4})
    assert [key for key, _, _ in told(shop)] == ["2026-01-03", "2026-01-04"]


def test_a_file_above_the_largest_is_left_alone(make: Make, put: Put) -> None:
    shop = make("orders/*.csv")
    assert told(shop) == []
    put("a.csv", {"02": 3})
    assert take(shop, "orders", NOW, quiet=0, largest=10).left == 1
    assert [key for key, _, _ in told(shop)] == ["2026-01-02"]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_several_files_of_a_partition_s_own_are_landed_once(
    make: Make, put: Put, kind: str
) -> None:
    shop = make("orders/{partition}", kind=kind)
    assert told(shop) == []

    def day(name: str) -> None:
        path = put("x.csv", {"02": 2}, price=len(name))
        path.parent.joinpath("2026-01-02").mkdir(exist_ok=True)
        target = path.parent / "2026-01-02" / name
        if kind == "csv":
            path.rename(target)
            return
        at = pa.array([NOW.replace(day=2)], pa.timestamp("us", "UTC"))
        pq.write_table(pa.table({"id": [name], "at": at, "price": [1.0], "bad": [0]}), target)

    day("a")
    day("bb")
    words = "orders: a has come; bb has come"
    assert told(shop) == [("2026-01-02", False, words)]
    land(shop, "02")
    assert told(shop) == []
    day("ccc")
    assert told(shop) == [("2026-01-02", True, "orders: ccc has come")]
    land(shop, "02")
    assert told(shop) == []
    facts = read_manifest("shop", "ingest", "2026-01-02")["facts"]
    assert facts["because"] == ["orders: ccc has come"]


def test_what_could_not_be_read_is_looked_into_again_when_the_spec_was_mended(
    make: Make, put: Put
) -> None:
    shop = make("orders/*.csv")
    assert told(shop) == []
    path = put("a.csv", {"02": 3})
    path.write_text(path.read_text().replace(",", ";"))
    assert len(taken(shop).problems) == 1
    assert taken(shop).problems == ()
    mended = make("orders/*.csv", more=', delimiter: ";"')
    assert told(mended) == [("2026-01-02", False, "orders: a.csv brings 3 rows")]


def test_a_file_whose_times_cannot_be_read_is_told_and_may_be_mended_by_the_spec(
    make: Make, put: Put
) -> None:
    shop = make("orders/*.csv")
    assert told(shop) == []
    path = put("a.csv", {"02": 3})
    path.write_text(re.sub(r"2026-01-02T0(\d):00:00Z", r"02.01.2026 \1", path.read_text()))
    [problem] = taken(shop).problems
    assert "a.csv: no event time can be read in the column 'at'; the first is '02.01." in problem
    mended = make("orders/*.csv", more=', formats: {at: "%d.%m.%Y %H"}')
    assert told(mended) == [("2026-01-02", False, "orders: a.csv brings 3 rows")]


def test_a_place_that_is_empty_for_a_while_is_not_all_new_afterwards(make: Make, put: Put) -> None:
    shop = make("orders/*.csv")
    folder = put("a.csv", {"02": 3, "03": 2}).parent
    land(shop, "03")
    assert told(shop) == []
    folder.rename(folder.parent / "unmounted")
    folder.mkdir()
    assert told(shop) == []
    folder.rmdir()
    (folder.parent / "unmounted").rename(folder)
    assert told(shop) == []


def test_what_landed_is_not_told_because_the_spec_reads_it_otherwise_since(
    make: Make, put: Put
) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3})
    land(shop, "02")
    put("b.csv", {"02": 3}, price=7)
    assert len(told(shop)) == 1
    other = make("orders/*.csv", more=", missing: ['7']")
    land(other, "02")
    assert told(other) == []


def test_partitions_of_another_length_are_no_error(make: Make, put: Put) -> None:
    shop = make("orders/*.csv")
    path = put("a.csv", {"02": 3})
    land(shop, "02")
    put("b.csv", {"02": 3})
    assert len(told(shop)) == 1
    path.unlink()
    monthly = make("orders/*.csv", every="month")
    assert told(monthly) == []
    put("b.csv", {"02": 2})
    assert told(monthly) == []
