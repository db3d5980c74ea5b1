"""What is being done to a product is told while it is, and holds nobody up for ever."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from mlfactory.lake.at_work import Work, at_work, refuse_removed, under_way
from mlfactory.lake.catalog import work_file
from mlfactory.lake.processes import described, is_dead, this_process
from mlfactory.lake.store import product_store, read_json, write_json
from mlfactory.product.errors import UsageError

pytestmark = pytest.mark.usefixtures("home")

SECOND = timedelta(seconds=1)


@pytest.fixture
def dead() -> Iterator[str]:
    """Give the name of a process that has ended."""
    code = "from mlfactory.lake.processes import this_process; print(this_process())"
    yield subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout


def left_by(process: str, until: str = "2999-01-01T00:00:00+00:00") -> None:
    content = {"what": "ingest", "process": process.strip(), "until": until, "first": ""}
    write_json(product_store("shop"), work_file("left"), content)


def test_work_is_under_way_until_it_ends_well_or_not() -> None:
    with pytest.raises(RuntimeError), at_work("shop", "ingest of 2026-01-01", first="2026-01-01"):
        (work,) = under_way("shop")
        assert (work.what, work.first) == ("ingest of 2026-01-01", "2026-01-01")
        assert described(work.process).endswith(f" of {platform.node()}")
        raise RuntimeError
    assert under_way("shop") == []
    assert product_store("shop").list() == []


def test_two_works_at_once_are_two() -> None:
    with at_work("shop", "one"), at_work("shop", "other"), at_work("shop_two", "third"):
        assert {work.what for work in under_way("shop")} == {"one", "other"}


def test_the_note_of_a_process_that_was_killed_is_cleared_away(dead: str) -> None:
    left_by(dead)
    assert under_way("shop") == []
    assert product_store("shop").list() == []


def test_the_number_of_a_dead_process_may_be_that_of_another_one_by_now() -> None:
    machine, number, begun = this_process().split()
    assert not is_dead(f"{machine} {number} {begun}")
    assert is_dead(f"{machine} {number} {int(begun) - 1000}")
    assert not is_dead(f"another {number} {int(begun) - 1000}")


def test_of_another_machine_it_is_believed_until_the_moment_it_names() -> None:
    left_by("another 1 1", until="2999-01-01T00:00:00+00:00")
    assert [work.what for work in under_way("shop")] == ["ingest"]
    left_by("another 1 1", until="2026-01-01T00:00:00+00:00")
    assert under_way("shop") == []


def test_what_takes_longer_than_it_is_believed_says_so_anew() -> None:
    file = work_file("mine")
    with at_work("shop", "replay", name="mine", believed=SECOND) as tell:
        first = Work(**read_json(product_store("shop"), file))
        write_json(product_store("shop"), file, {})
        tell()
        again = Work(**read_json(product_store("shop"), file))
    assert again.process == first.process and again.until >= first.until


def test_work_whose_note_is_gone_knows_that_all_was_removed() -> None:
    with at_work("shop", "ingest", name="mine"):
        refuse_removed("shop", "mine", "ingest")
        product_store("shop").delete_all()
        with pytest.raises(UsageError, match="what ingest read or wrote was removed by a reset"):
            refuse_removed("shop", "mine", "ingest")
