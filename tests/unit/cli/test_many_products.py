"""A product whose part of the lake is damaged is told in red, and hides no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.lake.catalog import manifest_file
from mlfactory.lake.store import product_store
from mlfactory.product.loader import Product


@pytest.fixture
def damaged(add_product: Callable[[str], Product]) -> str:
    """Give the damaged one of two products, which comes before the other."""
    add_product("rain")
    add_product("sun")
    product_store("rain").write(manifest_file("ingest", "2013-01-01"), b"{")
    return "rain"


WHAT_IS_TOLD_OF_THE_OTHER = pytest.mark.parametrize(
    ("command", "others"),
    [
        (["reconcile"], "sun: nothing is missing"),
        (["reconcile", "--mend"], "sun: nothing is missing"),
        (["status"], "sun: nothing has run yet"),
    ],
    ids=["reconcile", "mend", "status"],
)


@WHAT_IS_TOLD_OF_THE_OTHER
def test_one_that_cannot_be_read_is_told_and_the_others_are_shown(
    damaged: str, command: list[str], others: str
) -> None:
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1
    assert f"{damaged}: " in done.stdout and "ingest/2013-01-01.json" in done.stdout
    assert others in done.stdout


@WHAT_IS_TOLD_OF_THE_OTHER
def test_one_whose_spec_is_wrong_is_told_and_the_others_are_shown(
    add_product: Callable[[str], Product], command: list[str], others: str
) -> None:
    spec = add_product("rain").folder / "product.yaml"
    add_product("sun")
    spec.write_text(spec.read_text().replace("partition:", "partitoin:"))
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 1
    assert "product rain:" in done.stdout and "partitoin" in done.stdout
    assert others in done.stdout
