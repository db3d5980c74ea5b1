"""Work without a process while it waits is believed from one telling to the next."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.left_removal import leave

from mlfactory.lake.at_work import at_work, under_way
from mlfactory.lake.catalog import REMOVAL
from mlfactory.lake.processes import described, this_process
from mlfactory.lake.removal_note import begin_removal
from mlfactory.lake.store import product_store
from mlfactory.lake.waiting_work import WaitingWork
from mlfactory.product.errors import ServiceError, UsageError

pytestmark = pytest.mark.usefixtures("home")

MINUTE = timedelta(minutes=1)


def waiting(name: str = "mine", believed: timedelta = MINUTE) -> WaitingWork:
    return WaitingWork("shop", name, f"replay {name}", "2026-01-01", "run r1 in Airflow", believed)


def test_it_goes_on_until_it_is_ended_and_is_told_by_where_it_does() -> None:
    waiting().begin()
    waiting().begin()  # a second try of what began it
    waiting().go_on()
    (work,) = under_way("shop")
    assert (work.what, work.first, work.alone) == ("replay mine", "2026-01-01", True)
    assert described(work.process) == "run r1 in Airflow"
    waiting().end()
    waiting().end()
    assert product_store("shop").list() == []


def test_beside_it_nothing_else_begins_that_is_to_be_alone_nor_it_beside_that() -> None:
    waiting().begin()
    with pytest.raises(UsageError, match="shop: replay mine is under way, run r1 in Airflow"):
        waiting("other").begin()
    with (
        pytest.raises(UsageError, match="replay mine is under way"),
        at_work("shop", "mlfactory replay", alone=True),
    ):
        pass
    waiting().end()
    with at_work("shop", "mlfactory replay", alone=True):
        with pytest.raises(UsageError, match="mlfactory replay is under way"):
            waiting().begin()
        assert len(under_way("shop")) == 1


def test_one_that_was_not_heard_of_holds_nobody_up_and_does_not_go_on_beside_the_next() -> None:
    late = waiting(believed=-MINUTE)
    late.begin()
    assert under_way("shop") == []
    late.go_on()
    waiting("next").begin()
    with pytest.raises(UsageError, match="replay next is under way"):
        late.go_on()


def test_a_reset_is_refused_beneath_it_or_ends_it() -> None:
    waiting().begin()
    with pytest.raises(UsageError, match="replay mine, run r1 in Airflow"):
        begin_removal("shop")
    product_store("shop").delete_all()
    with pytest.raises(UsageError, match="removed by a reset"):
        waiting().go_on()
    assert under_way("shop") == []


def test_it_neither_begins_nor_goes_on_beneath_a_removal() -> None:
    leave("shop", process=this_process())
    with pytest.raises(ServiceError, match="is being reset"):
        waiting().begin()
    leave("shop", erasure="0123")
    with pytest.raises(UsageError, match="erase shop --resume"):
        waiting().begin()
    assert under_way("shop") == []
    product_store("shop").delete(REMOVAL)
    waiting().begin()
    leave("shop", erasure="0123")
    with pytest.raises(UsageError, match="was cut off"):
        waiting().go_on()
