"""The first training of a product's code is refused where a feature looks ahead."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console
from tests.integration.left_trainings import pinned

from mlfactory import ingest, validate
from mlfactory.cli.leakage import check_leakage
from mlfactory.cycle.ahead import refuse_peeks_once
from mlfactory.product.errors import LeakageError
from mlfactory.product.loader import Product
from mlfactory.trainings.files import pin

pytestmark = pytest.mark.usefixtures("home")

SPEC = """
apiVersion: mlfactory/v1
name: rides
partition: {every: day, start: 2026-01-01}
sources:
  rides: {kind: csv, path: rides.csv, event_time: at, key: [id]}
features: {key: [id], event_time: at, numeric: [mean]}
label: {column: late, kind: binary}
"""
RIDES = "id,at,distance,late\n" + "".join(
    f"{n},2026-01-0{1 + n // 90}T{n % 90 // 6:02}:{n % 6}0:00Z,{n * 37 % 101},{n % 3 == 0:d}\n"
    for n in range(180)
)
BUILD = """
def build(sources):
    rides = sources["rides"].sort_values("at")
    return rides.assign(mean=rides["distance"].{})
"""
HONEST, PEEKING = BUILD.format("expanding().mean()"), BUILD.format("mean()")
DAYS = ("2026-01-01", "2026-01-02")


@pytest.fixture
def rides(make_product: Callable[..., Product]) -> Callable[[str], Product]:
    def make(features_py: str) -> Product:
        product = make_product(SPEC, features_py, files={"rides.csv": RIDES})
        for key in DAYS:
            ingest.run(product, product.calendar.parse(key))
            validate.run(product, product.calendar.parse(key))
        return product

    return make


def test_a_feature_that_looks_ahead_stops_the_first_training(
    rides: Callable[[str], Product],
) -> None:
    product = rides(PEEKING)
    with pytest.raises(LeakageError, match=r"2026-01-02: features look ahead: 'mean' is made of"):
        refuse_peeks_once(product, product.calendar.parse("2026-01-02"))


def test_one_that_does_not_lets_it_go_on(rides: Callable[[str], Product]) -> None:
    product = rides(HONEST)
    refuse_peeks_once(product, product.calendar.parse("2026-01-02"))


def test_the_newest_usable_partition_is_looked_at(rides: Callable[[str], Product]) -> None:
    product = rides(PEEKING)
    # landed anew and not validated since: it may not be used
    ingest.run(product, product.calendar.parse("2026-01-02"))
    with pytest.raises(LeakageError, match="partition 2026-01-01"):
        refuse_peeks_once(product, product.calendar.parse("2026-01-02"))


def test_another_spec_of_the_same_code_is_tried(rides: Callable[[str], Product]) -> None:
    product = rides(PEEKING)
    other = pinned(product, "2026-01-01-1", "2026-01-01", [], spec_hash="of another spec")
    pin(other, product)
    with pytest.raises(LeakageError, match="features look ahead"):
        refuse_peeks_once(product, product.calendar.parse("2026-01-02"))


def test_where_nothing_is_usable_there_is_nothing_to_look_at(
    make_product: Callable[..., Product],
) -> None:
    product = make_product(SPEC, PEEKING, files={"rides.csv": RIDES})
    refuse_peeks_once(product, product.calendar.parse("2026-01-02"))


def test_code_that_was_trained_before_is_not_tried_again(
    rides: Callable[[str], Product],
) -> None:
    product = rides(PEEKING)
    pin(pinned(product, "2026-01-01-1", "2026-01-01", []), product)
    refuse_peeks_once(product, product.calendar.parse("2026-01-02"))


@pytest.mark.parametrize(
    ("code", "is_right", "says"),
    [
        (HONEST, True, "rides 2026-01-02: no feature looks ahead, built "),
        (PEEKING, False, "rides 2026-01-02: 'mean' is made of rows that came later"),
    ],
)
def test_the_command_says_what_it_found(
    rides: Callable[[str], Product], code: str, is_right: bool, says: str
) -> None:
    told = io.StringIO()
    assert check_leakage([rides(code)], Console(file=told, width=500)) is is_right
    assert told.getvalue().startswith(says)


def test_the_command_says_that_there_is_nothing_yet(make_product: Callable[..., Product]) -> None:
    product = make_product(SPEC, HONEST, files={"rides.csv": RIDES})
    told = io.StringIO()
    assert check_leakage([product], Console(file=told, width=500))
    assert "no partition has passed validation yet" in told.getvalue()
