"""What the second product of the demonstration needs is brought along; nothing else changes."""

from __future__ import annotations

import io
import json
import os
import stat
from pathlib import Path

import pytest
from rich.console import Console

from mlfactory.cli import airport, demo, record, stack
from mlfactory.connections import connection_named
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product, load_products
from mlfactory.settings import settings

VARIABLES = ("AIRFLOW_CONN_AIRPORT_API", "AIRFLOW_CONN_AIRPORT_TIMETABLE")


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what is set in the environment unset again after the test."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")


def test_the_product_is_copied_once_and_left_as_somebody_has_it(products: Path) -> None:
    copied = airport.bring_product(settings())
    assert [one.name for one in load_products()[0]] == [copied.name] == ["flight_cancelled"]
    spec = products / "flight_cancelled" / "product.yaml"
    spec.write_text(spec.read_text().replace("team: operations", "team: ours"))
    assert airport.bring_product(settings()).spec.owner.team == "ours"


def test_a_folder_that_was_left_half_copied_is_filled(products: Path) -> None:
    (products / "flight_cancelled").mkdir()
    assert not load_products()[0]
    assert airport.bring_product(settings()).name == "flight_cancelled"


def test_products_that_cannot_be_written_are_told_of(products: Path) -> None:
    (products / "flight_cancelled").write_text("a file of somebody's")
    with pytest.raises(UsageError, match="cannot be copied") as told:
        airport.bring_product(settings())
    assert "--product flight_delay" in str(told.value.remedy)


def test_its_connections_are_known_and_its_token_is_nobody_elses(products: Path) -> None:
    service = airport.airport(settings())
    api, timetable = (connection_named(f"airport_{name}", "t") for name in ("api", "timetable"))
    assert api.host == service.address
    assert api.password == service.environment["AIRPORT_TOKEN"]
    assert len(api.password) > 20
    token = settings().home / "demo" / "token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert not any(api.password in word for word in service.command)
    assert Path(timetable.host).parent == token.parent


def test_where_it_runs_already_it_keeps_its_address_and_token(products: Path) -> None:
    first = airport.airport(settings())
    there = {"airport": "http://127.0.0.1:45678"}
    record.write(settings(), record.Running("id", {}, there, there))
    again = airport.airport(settings())
    assert (again.address, again.port) == ("http://127.0.0.1:45678", 45678)
    assert again.environment["AIRPORT_TOKEN"] == first.environment["AIRPORT_TOKEN"]
    assert json.loads(os.environ[VARIABLES[0]])["host"] == again.address


@pytest.mark.parametrize("is_there", [True, False])
def test_the_second_product_is_left_out_of_a_stack_that_was_up_without_it(
    rain: Product, monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    names = ("airflow", "mlflow", *(("airport",) if is_there else ()))
    urls = {name: f"http://{name}" for name in names}
    replayed: list[str] = []

    def replay(product: Product, first: object, last: object, *_: object, **__: object) -> bool:
        replayed.append(f"{product.name} {first} {last}")
        return product.name != "flight_cancelled"

    monkeypatch.setattr(stack, "up", lambda *_: (record.Running("id", {}, urls, urls), False))
    monkeypatch.setattr(demo, "replay_here", replay)
    monkeypatch.setattr(demo, "airflow_login", lambda _: ("admin", "secret"))
    output, key = io.StringIO(), rain.calendar.parse("2013-01-01")
    ok = demo.run_demo(rain, key, key, Console(file=output), leave=True, with_airport=True)
    # a failure of either is one of the demonstration's
    assert ok is not is_there
    assert len(replayed) == (2 if is_there else 1)
    assert ("mlfactory down; mlfactory demo" in output.getvalue()) is not is_there
