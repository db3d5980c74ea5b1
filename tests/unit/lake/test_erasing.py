"""While a subject is erased the note says so again and again, and one process has it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.left_removal import leave_cut_off

from mlfactory.lake import erasing as module
from mlfactory.lake.at_work import at_work, under_way
from mlfactory.lake.catalog import ERASED
from mlfactory.lake.erased import Erasure, Form, Sought, erasures
from mlfactory.lake.erasing import erasing
from mlfactory.lake.ledger import user
from mlfactory.lake.processes import Process
from mlfactory.lake.removal_note import UnderWay, removal_under_way, shut_by
from mlfactory.lake.store import product_store
from mlfactory.product.errors import ServiceError, UsageError

pytestmark = pytest.mark.usefixtures("home")

SOUGHT = (Sought("email", "", (Form(False, 7, "abc"),)),)
ASKED = Erasure("1234", "key", SOUGHT, "request 4711", "me")
ANOTHER = Process("another", 1, 1, boot="another start")
PAST = "2026-01-01T00:00:00+00:00"


def is_so(what: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.01)
    return what()


def test_that_it_goes_on_is_told_amid_a_part_that_takes_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_PAUSE", 0.01)
    with erasing("shop", ASKED):
        begun = removal_under_way("shop")
        assert begun is not None
        leave_cut_off("shop", begun.process, PAST)
        assert is_so(lambda: (now := removal_under_way("shop")) is not None and now.until > PAST)
    assert removal_under_way("shop") is None


def test_who_lost_it_to_another_process_stops_and_leaves_the_others_note() -> None:
    with pytest.raises(UsageError, match="taken over"), erasing("shop", ASKED) as deed:
        leave_cut_off("shop", ANOTHER)
        deed.go_on()
    begun = removal_under_way("shop")
    assert begun is not None and begun.process == ANOTHER


def test_what_fails_before_anything_went_leaves_no_note(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise ServiceError("away")

    for step in ("refuse_half_restored", "note_erased"):
        with monkeypatch.context() as patch:
            patch.setattr(module, step, away)
            with pytest.raises(ServiceError, match="away"), erasing("shop", ASKED):
                pass
        assert removal_under_way("shop") is None and shut_by("shop") is None
        assert not product_store("shop").list(ERASED)


def test_one_that_was_cut_off_keeps_its_note_when_going_on_fails_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(RuntimeError), erasing("shop", ASKED):
        raise RuntimeError
    leave_cut_off("shop")

    def away() -> None:
        raise ServiceError("away")

    monkeypatch.setattr(module, "refuse_half_restored", away)
    with pytest.raises(ServiceError, match="away"), erasing("shop", ASKED):
        pass
    assert removal_under_way("shop") is not None


def test_gone_on_with_it_is_the_same_deed_and_done_again_another_one(home: Path) -> None:
    names = []
    for kill in (True, False, False):
        try:
            with erasing("shop", ASKED) as deed:
                names.append(deed.name)
                if kill:
                    raise RuntimeError
        except RuntimeError:
            leave_cut_off("shop")
    assert names[0] == names[1] != names[2]
    assert len(erasures("shop")) == 1


def test_who_began_it_is_noted_for_whoever_goes_on() -> None:
    with erasing("shop", replace(ASKED, who="")):
        begun = removal_under_way("shop")
        assert begun is not None and begun.asked["who"] == user()


def test_force_takes_it_over_and_takes_the_notes_of_what_was_killed() -> None:
    with pytest.raises(RuntimeError), erasing("shop", ASKED):
        raise RuntimeError
    leave_cut_off("shop", ANOTHER)
    with at_work("shop", "train"):
        with pytest.raises(UnderWay, match="--force, if you"), erasing("shop", ASKED):
            pass
        with erasing("shop", ASKED, force=True):
            assert not under_way("shop")
    assert removal_under_way("shop") is None
