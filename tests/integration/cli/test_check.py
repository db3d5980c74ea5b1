"""The command check, which tries each product's code in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.product.loader import Product

runner = CliRunner()


def write_broken(products: Path, name: str = "snow") -> None:
    folder = products / name
    folder.mkdir()
    (folder / "product.yaml").write_text("apiVersion: mlfactory/v1\nnmae: snow\n")


def test_check_says_what_each_product_is(add_product: Callable[[str], Product]) -> None:
    add_product("rain")
    add_product("sun")
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 0
    told = [
        line for line in result.stdout.splitlines() if "no source has an expectation" not in line
    ]
    assert told == [
        "rain  OK  binary; a partition a month from 2013-01-01; 1 source; 2 features; "
        "3 candidates; 2 gates",
        "sun   OK  binary; a partition a month from 2013-01-01; 1 source; 2 features; "
        "3 candidates; 2 gates",
    ]


def test_check_warns_of_what_is_allowed_and_surprises(products: Path, rain: Product) -> None:
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 0
    file = products / "rain" / "product.yaml"
    assert f"  {file}:1: no source has an expectation" in result.stdout


def test_check_imports_the_code_of_each_product(
    products: Path, rain: Product, add_product: Callable[[str], Product]
) -> None:
    add_product("snow")
    (products / "snow" / "features.py").write_text("import nothing\n\ndef build(sources): ...\n")
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 1
    assert result.stdout.startswith("rain  OK")
    assert "No module named 'nothing'" in result.stderr
    assert f"({products / 'snow' / 'features.py'}:1)" in result.stderr


def test_check_tells_every_mistake_and_which_products_are_right(
    products: Path, rain: Product
) -> None:
    write_broken(products)
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 1
    assert result.stdout.startswith("rain  OK")
    assert "product snow: 6 mistakes" in result.stderr
    assert f"{products / 'snow' / 'product.yaml'}:2: nmae: is not a key here" in result.stderr


def test_check_of_one_product_leaves_the_others_alone(products: Path, rain: Product) -> None:
    write_broken(products)
    assert runner.invoke(app, ["check", "rain"]).exit_code == 0
    assert runner.invoke(app, ["check", "snow"]).exit_code == 1


def mlfactory(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).parent / "mlfactory"
    environment = {
        **os.environ,
        "MLFACTORY_HOME": str(home / "var"),
        "MLFACTORY_PRODUCTS": str(home / "products"),
    }
    return subprocess.run(
        [str(command), *arguments], capture_output=True, text=True, env=environment, timeout=60
    )


def test_bad_input_shows_no_traceback(products: Path, rain: Product) -> None:
    write_broken(products)
    done = mlfactory("check", home=products.parent)
    assert done.returncode == 1
    assert "product snow: 6 mistakes" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "OK" in done.stdout
