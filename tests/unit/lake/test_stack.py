"""A lake belongs to one stack: a second one would do everything twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlfactory.lake.catalog import STACK
from mlfactory.lake.stack import (
    claim_lake,
    mark_of_lake,
    owner_of_lake,
    refuse_another_stack,
    take_lake,
)
from mlfactory.product.errors import IntegrityError, UsageError
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
    (lake / STACK).write_text("{}")
    with pytest.raises(UsageError, match=f"another stack: one that {STACK} does not name"):
        refuse_another_stack("one")
    take_lake("one", instead_of=b"{}")
    refuse_another_stack("one")


def test_a_damaged_mark_lets_nobody_in_and_names_the_command_that_mends_it(lake: Path) -> None:
    lake.mkdir()
    (lake / STACK).write_bytes(b"{")
    for start in (claim_lake, refuse_another_stack):
        with pytest.raises(IntegrityError, match="was damaged") as caught:
            start("one")
        assert "mlfactory take-lake" in caught.value.remedy and "reset" not in str(caught.value)
    take_lake("one", instead_of=mark_of_lake())
    refuse_another_stack("one")


def one_of_many_has_it(get: Callable[[str], None]) -> None:
    """Let eight stacks try to get the lake at once, and hold that one did and seven were told."""
    refused: list[str] = []
    ready = threading.Barrier(8)

    def attempt(name: str) -> None:
        ready.wait()
        try:
            get(name)
        except UsageError:
            refused.append(name)

    names = [f"stack{number}" for number in range(8)]
    threads = [threading.Thread(target=attempt, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    owner = owner_of_lake()
    assert owner is not None
    assert sorted([*refused, owner["stack"]]) == names


def test_of_many_that_start_at_once_one_has_it() -> None:
    one_of_many_has_it(claim_lake)


def test_a_lake_that_was_taken_is_the_other_ones_no_more(lake: Path) -> None:
    take_lake("one", instead_of=None)
    take_lake("two", instead_of=mark_of_lake())
    assert json.loads((lake / STACK).read_text())["stack"] == "two"
    assert [path.name for path in lake.iterdir()] == [STACK]
    with pytest.raises(UsageError, match="another stack: two"):
        refuse_another_stack("one")


@pytest.mark.parametrize("first", [True, False])
def test_of_many_that_take_the_same_ones_lake_at_once_one_has_it(first: bool) -> None:
    if not first:
        claim_lake("former")
    mark = mark_of_lake()
    one_of_many_has_it(lambda name: take_lake(name, instead_of=mark))
