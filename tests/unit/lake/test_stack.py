"""A lake belongs to one stack: a second one would do everything twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlfactory.lake.stack import (
    MARK,
    claim_lake,
    owner_of_lake,
    refuse_another_stack,
    take_lake,
)
from mlfactory.product.errors import UsageError
from mlfactory.settings import Settings, settings_of


@pytest.fixture(autouse=True)
def lake(tmp_path: Path) -> Iterator[Path]:
    with settings_of(Settings(_env_file=None, home=tmp_path)):
        yield tmp_path / "lake"


def test_the_first_stack_has_the_lake_and_a_second_is_refused() -> None:
    claim_lake("one")
    claim_lake("one")
    with pytest.raises(UsageError, match=r"is that of another stack: one on .*; this one is two"):
        claim_lake("two")
    with pytest.raises(UsageError, match="take-lake"):
        refuse_another_stack("two")
    refuse_another_stack("one")


def test_whoever_is_no_stack_is_let_in() -> None:
    refuse_another_stack("one")
    claim_lake("one")
    refuse_another_stack(None)


def test_a_mark_that_names_nobody_lets_nobody_in_and_can_be_taken(lake: Path) -> None:
    lake.mkdir()
    (lake / MARK).write_text("{}")
    with pytest.raises(UsageError, match=f"another stack: one that {MARK} does not name"):
        refuse_another_stack("one")
    take_lake("one")
    refuse_another_stack("one")


def test_of_many_that_start_at_once_one_has_it() -> None:
    refused: list[str] = []

    def start(name: str) -> None:
        try:
            claim_lake(name)
        except UsageError:
            refused.append(name)

    names = [f"stack{number}" for number in range(8)]
    threads = [threading.Thread(target=start, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    owner = owner_of_lake()
    assert owner is not None
    assert sorted([*refused, owner["stack"]]) == names


def test_a_lake_that_was_taken_is_the_other_ones_no_more(lake: Path) -> None:
    assert take_lake("one") is None
    former = take_lake("two")
    assert former is not None and former["stack"] == "one"
    assert json.loads((lake / MARK).read_text())["stack"] == "two"
    with pytest.raises(UsageError, match="another stack: two"):
        refuse_another_stack("one")
