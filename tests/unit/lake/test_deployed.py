"""What two machines run is compared by its files and its lock, and by nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlfactory.lake.deployed import Deployed, deployed, difference, from_text
from mlfactory.settings import REPOSITORY, Settings, settings_of

HERE = Deployed("a", "1")


def of(products: Path) -> Deployed:
    with settings_of(Settings(_env_file=None, products=products)):
        return deployed()


def test_every_change_of_a_product_is_another_revision_and_its_place_is_not(tmp_path: Path) -> None:
    one, two = tmp_path / "one" / "products", tmp_path / "two" / "products"
    shutil.copytree(REPOSITORY / "include" / "products" / "flight_delay", one / "flight_delay")
    shutil.copytree(one, two)
    assert of(one) == of(two)
    (two / "flight_delay" / "__pycache__").mkdir(exist_ok=True)
    (two / "flight_delay" / "__pycache__" / "made.py").write_text("")
    (two / "flight_delay" / ".cache").write_text("no code")
    assert of(one) == of(two)
    (two / "flight_delay" / "holidays.py").write_text("DAYS = ['2013-01-01']")
    assert of(one) != of(two)
    assert of(one).lock == of(two).lock


def test_data_beside_a_products_code_is_no_code(tmp_path: Path) -> None:
    (tmp_path / "loans").mkdir()
    (tmp_path / "loans" / "product.yaml").write_text("name: loans")
    before = of(tmp_path)
    # which grows, or lies on one machine only
    (tmp_path / "loans" / "loans.csv").write_text("id,amount")
    assert of(tmp_path) == before
    (tmp_path / "loans" / "product.yaml").write_text("name: loan")
    assert of(tmp_path) != before


def test_what_the_folder_of_products_is_called_is_no_difference(tmp_path: Path) -> None:
    for name in ("products", "of-our-team"):
        (tmp_path / name / "rain").mkdir(parents=True)
        (tmp_path / name / "rain" / "features.py").write_text("x = 1")
    assert of(tmp_path / "products") == of(tmp_path / "of-our-team")


def test_a_product_that_is_a_link_is_read_and_a_link_to_itself_ends(tmp_path: Path) -> None:
    products, elsewhere = tmp_path / "products", tmp_path / "elsewhere"
    products.mkdir()
    elsewhere.mkdir()
    (elsewhere / "features.py").write_text("x = 1")
    (products / "rain").symlink_to(elsewhere)
    before = of(products)
    (elsewhere / "features.py").write_text("x = 2")
    assert of(products) != before
    (elsewhere / "again").symlink_to(products)
    assert of(products) == of(products)


def test_what_was_told_is_read_again() -> None:
    assert from_text(HERE.as_text()) == HERE


@pytest.mark.parametrize("told", [None, "", "[]", "7", "{}", '"x"', "no json"])
def test_what_is_no_revision_is_none(told: str | None) -> None:
    assert from_text(told) is None
    assert "no scheduler has told what it runs" in difference(from_text(told), HERE)


@pytest.mark.parametrize(
    ("scheduler", "words"),
    [
        (Deployed("b", "1"), "runs another revision of the code than the scheduler"),
        (Deployed("a", "2"), "runs another lock than the scheduler"),
        (Deployed("b", "2"), "runs another revision of code and lock than the scheduler"),
    ],
)
def test_a_difference_names_both(scheduler: Deployed, words: str) -> None:
    told = difference(scheduler, HERE)
    assert words in told
    assert f"here {HERE}; there {scheduler}" in told
    assert difference(HERE, HERE) == ""
