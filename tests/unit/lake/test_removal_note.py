"""A removal and work on the product see each other, whichever begins first."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from tests.left_removal import leave, leave_cut_off

from mlfactory.lake import removal_note
from mlfactory.lake.at_work import Work, at_work, under_way
from mlfactory.lake.processes import Process, this_process
from mlfactory.lake.removal_note import (
    begin_removal,
    refuse_half_removed,
    refuse_in_the_way,
    removal_under_way,
)
from mlfactory.product.errors import ServiceError, UsageError

pytestmark = pytest.mark.usefixtures("home")

ANOTHER = Process("another", 1, 1, boot="another start")


@pytest.mark.parametrize("source", ["", "orders"])
def test_it_does_not_begin_beneath_work(source: str) -> None:
    with at_work("shop", "score of 2026-01-01"):
        for removing in (begin_removal, refuse_in_the_way):
            with pytest.raises(UsageError, match="worked on: score of 2026-01-01, process"):
                removing("shop", source=source)
        assert removal_under_way("shop") is None
        refuse_in_the_way("shop", source, force=True)
        begin_removal("shop", source=source, force=True)
    begun = removal_under_way("shop")
    assert begun is not None
    assert (begun.source, begun.process, begun.goes_on) == (source, this_process(), True)


def test_what_is_refused_keeps_what_a_removal_noted_before() -> None:
    leave("shop", registry=True)
    before = removal_under_way("shop")
    with at_work("shop", "score"), pytest.raises(UsageError, match="worked on"):
        begin_removal("shop")
    assert removal_under_way("shop") == before


def test_work_that_begins_beside_a_removal_that_is_refused_is_not_turned_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = []

    def looking(product: str) -> list[Work]:
        refuse_half_removed(product)
        looked.append(product)
        return under_way(product)

    monkeypatch.setattr(removal_note, "under_way", looking)
    with at_work("shop", "train"), pytest.raises(UsageError, match="worked on"):
        begin_removal("shop")
    assert looked == ["shop"]


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("trouble", ["work", "the store is away", "a signal"])
def test_work_that_came_at_the_same_moment_is_found_and_the_note_taken_back(
    trouble: str, begun: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if begun:
        leave("shop", registry=True)
    before, looks = removal_under_way("shop"), []

    def looking(product: str) -> list[Work]:
        looks.append(removal_under_way(product))
        if len(looks) == 1:
            return []
        if trouble == "work":
            return [Work("train", this_process(), "")]
        raise ServiceError("away") if trouble == "the store is away" else KeyboardInterrupt

    monkeypatch.setattr(removal_note, "under_way", looking)
    with pytest.raises((UsageError, ServiceError, KeyboardInterrupt)):
        begin_removal("shop", registry=True)
    assert looks[0] == before
    assert looks[1] is not None and looks[1].process == this_process()
    assert removal_under_way("shop") == before


def test_work_waits_for_a_removal_that_lives_and_is_told_of_one_that_was_killed() -> None:
    refuse_half_removed("shop")
    begin_removal("shop")
    with pytest.raises(ServiceError, match="is being reset, by process"):
        refuse_half_removed("shop")
    leave_cut_off("shop")
    with pytest.raises(UsageError, match="mlfactory reset shop goes on with it"):
        refuse_half_removed("shop")
    # of another machine it is believed for as long as it says
    leave("shop", process=ANOTHER)
    with pytest.raises(ServiceError):
        refuse_half_removed("shop")
    leave("shop", process=ANOTHER, until="2026-01-01T00:00:00+00:00")
    with pytest.raises(UsageError, match="cut off"):
        refuse_half_removed("shop")


def test_of_two_removals_at_once_the_second_is_refused_and_the_note_is_the_firsts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin_removal("shop", registry=True)
    begun = removal_under_way("shop")
    with pytest.raises(UsageError, match="is being reset already, by process"):
        begin_removal("shop")
    assert removal_under_way("shop") == begun
    # also where neither saw the other when it began
    monkeypatch.setattr(removal_note, "removal_under_way", lambda _: None)
    with pytest.raises(UsageError, match="another reset of it began at the same moment"):
        begin_removal("shop")
    assert removal_under_way("shop") == begun


def test_all_goes_on_with_a_source_and_no_source_with_another_or_with_all() -> None:
    for left, asked, remedy in (
        ("orders", "orders", ""),
        ("orders", "", ""),
        ("orders", "prices", "mlfactory reset shop --source orders goes on with it"),
        ("", "prices", "mlfactory reset shop goes on with it"),
    ):
        for force in (True, False):
            leave("shop", source=left)
            with pytest.raises(UsageError, match=remedy) if remedy else nullcontext():
                begin_removal("shop", source=asked, force=force)
            begun = removal_under_way("shop")
            assert begun is not None and begun.source == (left if remedy else asked)
