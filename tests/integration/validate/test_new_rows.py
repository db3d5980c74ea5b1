"""Rows are new only where all earlier partitions are validated: else that is said, and mended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import yaml

from mlfactory import ingest, prepare, validate
from mlfactory.lake.catalog import validation_page
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.rows import accepted
from mlfactory.lake.staleness import stale_runs
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product
from mlfactory.trainings.usable import not_usable
from mlfactory.validate import stage

pytestmark = pytest.mark.usefixtures("home")

FIRST, SECOND = KEYS = ["2026-01-01", "2026-01-02"]
NEW = {"type": "expect_rows_to_be_new"}
DEAR = {
    "type": "expect_column_values_to_be_between",
    "column": "price",
    "min_value": 100,
    "row_condition": f"at < '{SECOND}'",
}
TRIM = {"do": "trim"}
FEATURES = """
def build(sources):
    flights = sources["flights"]
    return flights.assign(bad=(flights["price"] > 3).astype("int64"))
"""
ROWS = [f" F{row},{day}T0{row}:00:00Z,{row}" for day in KEYS for row in range(8)]
ROWS += [f"G{row},{SECOND}T0{row}:00:00Z,{row}" for row in range(4)]


class Killed(BaseException):
    pass


@pytest.fixture
def shop(make_product: Callable[..., Product]) -> Callable[..., Product]:
    """Give a function that makes the product: half of the second day's rows are the first's."""

    def make(*steps: dict[str, Any], rules: Sequence[dict[str, Any]] = ()) -> Product:
        spec = {
            "apiVersion": "mlfactory/v1",
            "name": "shop",
            "partition": {"every": "day", "start": FIRST},
            "sources": {
                "flights": {
                    "kind": "csv",
                    "path": "flights.csv",
                    "event_time": "at",
                    "key": ["id"],
                    "clean": [TRIM, *steps],
                }
            },
            "expect": {"quarantine_budget": "90%", "flights": [NEW, *rules]},
            "features": {"key": ["id"], "event_time": "at", "numeric": ["price"]},
            "label": {"column": "bad", "kind": "binary"},
        }
        text = "\n".join(["id,at,price", *ROWS]) + "\n"
        return make_product(
            yaml.safe_dump(spec, sort_keys=False), FEATURES, files={"flights.csv": text}
        )

    return make


def land(product: Product) -> None:
    for key in KEYS:
        ingest.run(product, product.calendar.parse(key))


def judge(product: Product, key: str) -> validate.ValidateResult:
    return validate.run(product, product.calendar.parse(key))


def facts(key: str = SECOND) -> dict[str, Any]:
    found: dict[str, Any] = read_manifest("shop", "validate", key)["facts"]
    return found


def stale(product: Product) -> list[tuple[str, str]]:
    return [(run.stage, run.key) for run in stale_runs(product)]


def learned_twice(product: Product) -> int:
    ids = accepted(product, "flights", KEYS)["id"]
    return len(ids) - ids.nunique()


def assert_missed(result: validate.ValidateResult) -> None:
    [warned] = result.warnings
    assert "expect_rows_to_be_new" in warned
    assert f"1 earlier partition ({FIRST}) has landed and is not validated" in warned
    assert facts()["held_against"] == {FIRST: ""}
    page = product_store("shop").read(validation_page(SECOND)).decode()
    assert "insufficient" in page
    assert "compared with 0 of 1 partitions before" in page


def assert_mended(product: Product) -> None:
    """Run what is stale as it is listed, and make sure that it comes to an end."""
    assert ("validate", SECOND) in stale(product)
    result = judge(product, SECOND)
    assert (result.quarantined, result.warnings) == (8, ())
    assert learned_twice(product) == 0
    assert facts()["held_against"] == {FIRST: read_manifest("shop", "validate", FIRST)["id"]}
    assert ("validate", SECOND) not in stale(product)


def test_what_an_earlier_partition_that_is_not_validated_holds_is_looked_at_later(
    shop: Callable[..., Product],
) -> None:
    product = shop()
    land(product)
    assert_missed(judge(product, SECOND))
    # until the earlier one is validated it would find the same again
    assert stale(product) == []
    judge(product, FIRST)
    assert learned_twice(product) == 8
    assert stale(product) == [("validate", SECOND)]
    assert_mended(product)


def test_a_killed_validation_of_an_earlier_partition_lets_nothing_through(
    shop: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    product = shop()
    land(product)
    for key in KEYS:
        judge(product, key)
    assert stale(product) == []

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(stage, "check_all", die)
        with pytest.raises(Killed):
            judge(product, FIRST)
    assert_missed(judge(product, SECOND))
    judge(product, FIRST)
    assert_mended(product)


def test_after_other_steps_partitions_may_be_validated_in_any_order(
    shop: Callable[..., Product],
) -> None:
    product = shop()
    land(product)
    for key in KEYS:
        judge(product, key)
    product = shop({"do": "trim", "columns": "id", "inner": True})
    assert stale(product) == [("validate", FIRST), ("validate", SECOND)]
    assert_missed(judge(product, SECOND))
    # the earlier one is to be run, and the later one not before
    assert stale(product) == [("validate", FIRST)]
    judge(product, FIRST)
    assert_mended(product)


def test_what_is_not_held_against_all_before_is_not_learned_from(
    shop: Callable[..., Product],
) -> None:
    product = shop()
    land(product)
    for key in (SECOND, FIRST):
        judge(product, key)
        prepare.run(product, product.calendar.parse(key))
    # whoever learns from the second alone finds it as well
    for keys in (KEYS, [SECOND]):
        found = not_usable(product, keys, Lake("shop").versions("features", "labels"))
        assert found == {SECOND: "what it was made from was replaced since"}
    assert_mended(product)
    prepare.run(product, product.calendar.parse(SECOND))
    assert not_usable(product, KEYS, Lake("shop").versions("features", "labels")) == {}


def test_rows_that_are_found_are_quarantined_though_more_may_be(
    shop: Callable[..., Product],
) -> None:
    product = shop()
    land(product)
    judge(product, SECOND)
    third = product.calendar.parse("2026-01-03")
    lines = [f"F0,{third.key}T00:00:00Z,1", f"H,{third.key}T00:00:00Z,1"]
    path = product.folder / "flights.csv"
    path.write_text(path.read_text() + "\n".join(lines) + "\n")
    ingest.run(product, third)
    result = validate.run(product, third)
    assert (result.verdict, result.quarantined) == ("pass_with_quarantine", 1)
    assert f"1 earlier partition ({FIRST}) has landed" in result.warnings[0]


def test_a_partition_that_stays_stopped_keeps_no_other_from_being_judged(
    shop: Callable[..., Product],
) -> None:
    product = shop(rules=[DEAR])
    land(product)
    assert_missed(judge(product, SECOND))
    with pytest.raises(ContractError, match=r"100\.0%"):
        judge(product, FIRST)
    assert stale(product) == [("validate", SECOND)]
    result = judge(product, SECOND)
    assert (result.verdict, result.warnings, facts()["held_against"]) == ("pass", (), {})
    assert stale(product) == []
