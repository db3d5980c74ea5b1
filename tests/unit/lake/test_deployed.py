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
    (two / "flight_delay" / "data.csv").write_text("no code")
    assert of(one) == of(two)
    (two / "flight_delay" / "more.py").write_text("")
    assert of(one) != of(two)
    assert of(one).lock == of(two).lock


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
