"""What is being done to a product is told while it is, and holds nobody up for ever."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from datetime import timedelta

import pytest

from mlfactory.lake.at_work import Work, at_work, refuse_removed, under_way
from mlfactory.lake.catalog import REMOVAL, work_file
from mlfactory.lake.processes import Process, this_process
from mlfactory.lake.removal_note import removal_under_way
from mlfactory.lake.store import FolderStore, product_store, read_json, write_json
from mlfactory.product.errors import ContractError, IntegrityError, ServiceError, UsageError

pytestmark = pytest.mark.usefixtures("home")

SECOND = timedelta(seconds=1)
ANOTHER = Process("another", 1, 1, boot="another start")


def left_by(process: Process, until: str = "2999-01-01T00:00:00+00:00") -> None:
    content = {"what": "ingest", "process": asdict(process), "until": until, "first": ""}
    write_json(product_store("shop"), work_file("left"), content)


def test_work_is_under_way_until_it_ends_well_or_not() -> None:
    with pytest.raises(RuntimeError), at_work("shop", "ingest of 2026-01-01", first="2026-01-01"):
        (work,) = under_way("shop")
        assert (work.what, work.first) == ("ingest of 2026-01-01", "2026-01-01")
        assert work.process == this_process()
        raise RuntimeError
    assert under_way("shop") == []
    assert product_store("shop").list() == []


def test_two_works_at_once_are_two() -> None:
    with at_work("shop", "one"), at_work("shop", "other"), at_work("shop_two", "third"):
        assert {work.what for work in under_way("shop")} == {"one", "other"}


def test_the_note_of_a_process_that_was_killed_says_nothing() -> None:
    left_by(replace(this_process(), begun=1))
    assert under_way("shop") == []


@pytest.mark.parametrize("until", ["2026-01-01T00:00:00+00:00", "2999-01-01T00:00:00+00:00"])
@pytest.mark.parametrize(
    "process",
    [this_process(), replace(this_process(), begun=1), ANOTHER],
    ids=["alive", "dead", "unknown"],
)
def test_who_looks_takes_no_note_away_for_the_work_may_live_all_the_same(
    process: Process, until: str
) -> None:
    left_by(process, until)
    under_way("shop")
    refuse_removed("shop", "left", "ingest")


def test_of_another_machine_it_is_believed_until_the_moment_it_names() -> None:
    left_by(ANOTHER, until="2999-01-01T00:00:00+00:00")
    assert [work.what for work in under_way("shop")] == ["ingest"]
    left_by(ANOTHER, until="2026-01-01T00:00:00+00:00")
    assert under_way("shop") == []


def test_what_takes_longer_than_it_is_believed_says_so_anew() -> None:
    file = work_file("mine")
    with at_work("shop", "replay", name="mine", believed=SECOND) as tell:
        first = Work(**read_json(product_store("shop"), file))
        write_json(product_store("shop"), file, {})
        tell()
        again = Work(**read_json(product_store("shop"), file))
    assert again.process == first.process and again.until >= first.until


def test_what_was_removed_beneath_it_cannot_be_told_anew_and_leaves_no_note() -> None:
    with at_work("shop", "replay") as go_on:
        product_store("shop").delete_all()
        with pytest.raises(UsageError, match="what replay read or wrote was removed by a reset"):
            go_on()
        assert product_store("shop").list() == []


def test_a_note_of_a_later_revision_is_read_as_far_as_it_is_understood() -> None:
    left_by(this_process())
    note = read_json(product_store("shop"), work_file("left"))
    note |= {"later": 1, "process": note["process"] | {"later": 1}}
    write_json(product_store("shop"), work_file("left"), note)
    assert [work.process for work in under_way("shop")] == [this_process()]


def test_a_note_that_is_none_is_told_by_its_file() -> None:
    write_json(product_store("shop"), work_file("mine"), {"what": "ingest", "process": "a 1 2"})
    with pytest.raises(IntegrityError, match=r"at_work/mine.json names no process: 'a 1 2'"):
        under_way("shop")


@pytest.mark.parametrize("until", [None, "soon", "2026-01-01T00:00:00"])
def test_a_note_that_names_no_moment_is_told_by_its_file(until: str | None) -> None:
    note = {"what": "ingest", "process": asdict(ANOTHER), "until": until}
    for file, looks in ((work_file("left"), under_way), (REMOVAL, removal_under_way)):
        write_json(product_store("shop"), file, note)
        with pytest.raises(IntegrityError, match=f"{file} names no moment"):
            looks("shop")


@pytest.mark.parametrize("trouble", [ServiceError("S3 is away"), PermissionError("read-only")])
def test_a_note_that_cannot_be_deleted_neither_fails_the_work_nor_hides_why_it_failed(
    trouble: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(store: FolderStore, name: str) -> None:
        raise trouble

    monkeypatch.setattr(FolderStore, "delete", refused)
    with caplog.at_level(logging.WARNING), at_work("shop", "ingest", name="mine"):
        pass
    assert "at_work/mine.json cannot be deleted" in caplog.text
    with pytest.raises(ContractError, match="the file is odd"), at_work("shop", "ingest"):
        raise ContractError("the file is odd")


def test_work_whose_note_is_gone_knows_that_all_was_removed() -> None:
    with at_work("shop", "ingest", name="mine"):
        refuse_removed("shop", "mine", "ingest")
        product_store("shop").delete_all()
        with pytest.raises(UsageError, match="what ingest read or wrote was removed by a reset"):
            refuse_removed("shop", "mine", "ingest")


def test_of_two_works_that_are_to_be_alone_the_second_is_refused_and_leaves_no_note() -> None:
    with at_work("shop", "replay of May", alone=True), at_work("shop", "ingest"):
        with (
            pytest.raises(UsageError, match="shop: replay of May is under way, process") as caught,
            at_work("shop", "replay of June", alone=True),
        ):
            pass
        assert "not believed to go on after" in str(caught.value)
        assert {work.what for work in under_way("shop")} == {"replay of May", "ingest"}
        with at_work("shop_two", "replay of June", alone=True):
            pass
    with at_work("shop", "replay of June", alone=True):
        pass
