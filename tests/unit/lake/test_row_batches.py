"""Landed and accepted rows in batches are those of the whole, with the same errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlfactory.lake import batches, writing
from mlfactory.lake.catalog import QUARANTINE, corrected
from mlfactory.lake.manifests import manifest, read_manifest
from mlfactory.lake.row_batches import accepted_batches, landed_batches
from mlfactory.lake.rows import Landed, Standing, accepted_of, landed_rows, standings
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, FactoryError, IntegrityError, ServiceError
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources: {orders: {kind: csv, path: orders.csv, event_time: at}}
features: {key: [id], event_time: at, numeric: [price]}
label: {column: bad, kind: binary}
"""
FIRST, SECOND, THIRD = "2026-01-01", "2026-01-02", "2026-01-03"
COUNTS = {FIRST: 3, SECOND: 40, THIRD: 0}


@pytest.fixture
def product(home: None, make_product: Callable[..., Product]) -> Product:
    made = make_product(SPEC)
    for key, count in COUNTS.items():
        land(made, key, np.arange(count))
    return made


@pytest.fixture(autouse=True)
def seven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 7)
    monkeypatch.setattr(writing, "_FILE", 2_000)


def land(product: Product, key: str, places: np.ndarray, bad: float = 0.2) -> None:
    """Leave rows as ingest and validate do, in the order that is given, some of them bad."""
    lake, random = Lake(product.name), np.random.default_rng(1)
    with manifest(product, "ingest", key) as landed:
        rows = pd.DataFrame(
            {"_landing": landed.id, "id": [f"{key}-{n}" for n in places], "_row": places}
        )
        table = pa.Table.from_pandas(rows.astype({"_landing": "str", "id": "str"}))
        landed.write(lake, "raw_orders", table.append_column("_empty_note", pa.nulls(len(rows))))
    with manifest(product, "validate", key) as judged:
        judged.has_read(read_manifest(product.name, "ingest", key))
        found = np.sort(random.choice(places, int(bad * len(places)), replace=False))
        judged.write(
            lake,
            QUARANTINE,
            pd.DataFrame({"source": "orders", "landing": landed.id, "row": found}).astype(
                {"source": "str", "landing": "str"}
            ),
        )
        judged.counts = {"rows.orders": len(places), "quarantined.orders": len(found)}
        judged.facts = {"verdict": "pass"}


def landings(product: Product, *keys: str) -> dict[str, Landed]:
    return {key: each.landed("orders") for key, each in standings(product, keys).items()}


def judged(product: Product, *keys: str) -> list[Standing]:
    return list(standings(product, keys).values())


@pytest.mark.parametrize("keys", [[FIRST], [SECOND], [THIRD], [SECOND, THIRD, FIRST], []])
def test_rows_in_batches_are_those_of_the_whole(product: Product, keys: list[str]) -> None:
    found = list(landed_batches(product, "orders", landings(product, *keys)))
    whole = landed_rows(product, "orders", landings(product, *keys))
    assert pa.concat_tables(found).select(whole.column_names).equals(whole)
    passed = list(accepted_batches(product, "orders", judged(product, *keys)))
    frame = accepted_of(product, "orders", judged(product, *keys))
    assert pa.concat_tables(passed).select(list(frame)).to_pandas().equals(frame)
    for each in (found, passed):
        assert {batch.num_rows for batch in each[:-1]} <= {7}


def test_some_columns_are_read_of_which_one_never_had_a_value(product: Product) -> None:
    columns = ["note", "id"]
    found = list(accepted_batches(product, "orders", judged(product, SECOND), columns=columns))
    assert [each.column_names for each in found] == [columns] * len(found)
    assert sum(each.num_rows for each in found) == 32
    with pytest.raises(ContractError, match="there is no column"):
        list(accepted_batches(product, "orders", judged(product, SECOND), columns=["never"]))


def test_rows_that_lie_in_another_order_come_in_that_of_their_landing(product: Product) -> None:
    land(product, SECOND, np.random.default_rng(3).permutation(40))
    found = pa.concat_tables(landed_batches(product, "orders", landings(product, SECOND)))
    assert found["_row"].to_pylist() == list(range(40))
    land(product, FIRST, np.array([2, 0, 1]))
    found = pa.concat_tables(landed_batches(product, "orders", landings(product, FIRST)))
    assert found["id"].to_pylist() == [f"{FIRST}-{n}" for n in range(3)]


def test_what_is_wrong_with_landed_rows_is_told_as_of_the_whole(product: Product) -> None:
    def told() -> list[tuple[type, str]]:
        errors = []
        for read in (landed_rows, lambda *given: list(landed_batches(*given))):
            with pytest.raises(FactoryError) as caught:
                read(product, "orders", known)
            errors.append((caught.type, str(caught.value)))
        assert errors[0] == errors[1]
        return errors

    lake, known = Lake("shop"), landings(product, FIRST, SECOND)
    rows = lake.arrow("raw_orders", [SECOND])
    assert rows is not None
    lake.replace("raw_orders", rows.slice(0, 30), SECOND)
    assert told()[0][0] is IntegrityError
    strange = pa.array(["another"] * 30, pa.string())
    lake.replace("raw_orders", rows.slice(0, 30).set_column(0, "_landing", strange), SECOND)
    assert told()[0][0] is ServiceError
    product_store("shop").delete_all("raw_orders")
    assert told()[0][0] is IntegrityError
    lake.replace("raw_orders", rows.drop_columns(["_landing"]), SECOND)
    assert told()[0][0] is ContractError


def test_a_quarantine_that_is_gone_lets_no_bad_row_through_in_batches(product: Product) -> None:
    product_store("shop").delete_all(QUARANTINE)
    with pytest.raises(IntegrityError, match="8 rows were put into quarantine"):
        accepted_batches(product, "orders", judged(product, SECOND))


def correct(product: Product, key: str, places: list[int], told: int | None = None) -> None:
    """Leave corrected rows as validation does, and say in the manifest how many there are."""
    before = read_manifest(product.name, "validate", key)
    with manifest(product, "validate", key) as judged:
        judged.has_read(read_manifest(product.name, "ingest", key))
        bad = Lake(product.name).read(QUARANTINE, [key]).drop(columns=["partition", "_run"])
        judged.write(Lake(product.name), QUARANTINE, bad)
        rows = pa.table({"id": [f"mended-{n}" for n in places], "_row": pa.array(places)})
        judged.write(Lake(product.name), corrected("orders"), rows)
        judged.counts = {**before["counts"], "corrected.orders": told or len(places)}
        judged.facts = before["facts"]


@pytest.mark.parametrize("columns", [None, ["id"], ["note", "id"]])
def test_corrected_rows_stand_where_they_landed_in_batches_as_in_the_whole(
    product: Product, columns: list[str] | None
) -> None:
    bad = set(Lake("shop").read(QUARANTINE, [SECOND])["row"])
    places = [row for row in (0, 5, 6, 7, 39) if row not in bad]
    correct(product, SECOND, places)
    chosen = judged(product, SECOND, FIRST)
    frame = accepted_of(product, "orders", chosen)
    batched = pa.concat_tables(accepted_batches(product, "orders", chosen, columns=columns))
    assert batched["id"].to_pylist() == list(frame["id"])
    kept = [row for row in range(40) if row not in bad]
    wanted = [f"mended-{row}" if row in places else f"{SECOND}-{row}" for row in kept]
    assert list(frame["id"])[-len(kept) :] == wanted
    assert frame["note"].isna().all()


def test_corrected_rows_that_are_gone_are_an_error(product: Product) -> None:
    correct(product, SECOND, [5], told=2)
    for read in (accepted_of, lambda *given: list(accepted_batches(*given))):
        with pytest.raises(IntegrityError, match=r"2 rows were corrected, and .* holds 1"):
            read(product, "orders", judged(product, SECOND))


def test_corrections_of_another_validation_are_not_taken(product: Product) -> None:
    correct(product, SECOND, [5])
    known = judged(product, SECOND)
    correct(product, SECOND, [5])
    with pytest.raises(ServiceError, match="being validated anew"):
        accepted_of(product, "orders", known)
