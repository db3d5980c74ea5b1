"""What came is landed without losing a row that was there, and with its reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.arrivals.conftest import Put, land

from mlfactory import ingest
from mlfactory.lake.manifests import read_manifest
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product

Make = Callable[..., Product]


def test_landing_what_has_come_does_not_lose_rows_whose_file_was_taken_away(
    make: Make, put: Put
) -> None:
    shop = make("orders/*.csv")
    first = put("a.csv", {"02": 3})
    land(shop, "02")
    first.unlink()
    put("b.csv", {"02": 2})
    partition = shop.calendar.parse("2026-01-02")
    with pytest.raises(ContractError, match=r"lacks 3 of the 3 rows that it had: a\.csv is gone"):
        ingest.run(shop, partition, arrived="orders: b.csv brings 2 rows")
    assert read_manifest("shop", "ingest", "2026-01-02")["counts"] == {"orders": 3}
    # one that is there and has fewer may be cut off, or forget: a person says that it is not
    put("a.csv", {"02": 1})
    (first.parent / "b.csv").unlink()
    with pytest.raises(ContractError, match=r"lacks 2 of the 3 rows that it had"):
        ingest.run(shop, partition, arrived="orders: a.csv has 1 row instead of 3")
    ingest.run(shop, partition)
    assert read_manifest("shop", "ingest", "2026-01-02")["counts"] == {"orders": 1}


def test_rows_that_are_gone_are_missed_though_as_many_have_come(make: Make, put: Put) -> None:
    shop = make("orders/*.csv")
    first = put("a.csv", {"02": 3})
    land(shop, "02")
    moved = first.read_text()
    first.unlink()
    second = put("b.csv", {"02": 5})
    partition = shop.calendar.parse("2026-01-02")
    with pytest.raises(ContractError, match=r"lacks 3 of the 3 rows that it had: a\.csv is gone"):
        ingest.run(shop, partition, arrived="orders: b.csv brings 5 rows")
    # a file that is written together with others takes no row with it
    second.write_text(second.read_text() + moved.partition("\n")[2])
    ingest.run(shop, partition, arrived="orders: b.csv brings 8 rows")
    assert read_manifest("shop", "ingest", "2026-01-02")["counts"] == {"orders": 8}


def test_what_a_person_lands_may_leave_a_file_without_rows_of_the_partition(
    make: Make, put: Put
) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3})
    put("b.csv", {"02": 1})
    land(shop, "02")
    put("a.csv", {"03": 3})
    partition = shop.calendar.parse("2026-01-02")
    with pytest.raises(ContractError, match=r"lacks 3 of the 4 rows that it had"):
        ingest.run(shop, partition, arrived="orders: a.csv has 0 rows")
    ingest.run(shop, partition)
    manifest = read_manifest("shop", "ingest", "2026-01-02")
    assert manifest["counts"] == {"orders": 1}
    assert manifest["facts"]["because"] == ["orders: a.csv has no rows of it any more"]


def test_the_reason_is_told_until_something_was_prepared_of_it(make: Make, put: Put) -> None:
    shop = make("orders/*.csv")
    put("a.csv", {"02": 3})
    land(shop, "02")
    put("b.csv", {"02": 2})
    land(shop, "02")
    land(shop, "02")  # what failed after the landing runs again
    facts = read_manifest("shop", "ingest", "2026-01-02")["facts"]
    assert facts["because"] == ["orders: b.csv brings 2 rows"]
