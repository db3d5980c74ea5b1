"""The form of `mlfactory.erase` takes hashes, and shows no value anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, ParamValidationError
from tests.left_removal import LONG, leave_cut_off

from mlfactory import erase
from mlfactory.erase import Erased, Found, asked_for, sealed
from mlfactory.lake import ledger
from mlfactory.lake.at_work import Work, at_work, under_way
from mlfactory.lake.catalog import ERASED, work_file
from mlfactory.lake.processes import Process
from mlfactory.lake.removal_note import begin_removal, removal_under_way
from mlfactory.lake.store import product_store, write_json
from mlfactory.pipeline.erasing import EraseOperator, erase_dag
from mlfactory.pipeline.retries import TryAgain
from mlfactory.product.loader import load_product
from mlfactory.settings import settings

VALUE = "N14228-of-somebody"
ANOTHER = Process("another", 1, 1, boot="another start")


@pytest.fixture(autouse=True)
def empty_lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let there be a key, and nothing in the lake."""
    monkeypatch.setenv("MLFACTORY_HOME", str(tmp_path))
    monkeypatch.setenv("MLFACTORY_PII_KEY", "of a test, and as long as it has to be")
    settings.cache_clear()
    yield
    settings.cache_clear()


def word() -> str:
    product = load_product("flight_delay")
    return sealed(product.name, asked_for(product, [f"planes.tailnum={VALUE}"], why="x"))


def notes() -> list[str]:
    return product_store("flight_delay").list(ERASED)


def executed(step: str, who: str = "ada", **given: Any) -> Any:
    params = {"product": "flight_delay", "why": "request 4711", "only_look": False, **given}
    run = SimpleNamespace(conf={}, triggering_user_name=who, run_id="manual__1")
    return EraseOperator(task_id=step, step=step).execute({"dag_run": run, "params": params})


def test_what_is_sealed_tells_no_value_and_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def done(product: Any, erasure: Any, tell: Any) -> Erased:
        asked.append((product.name, erasure))
        return Erased(erasure.id, {"raw_planes": 2}, ("2013-01-01",), (), (), 7)

    monkeypatch.setattr(erase, "erase", done)
    assert VALUE not in word()
    result = executed("erase", sealed_token=word())
    assert result["entry"] == 7 and result["rows"] == {"raw_planes": 2}
    [(name, erasure)] = asked
    again = asked_for(load_product(name), [f"planes.tailnum={VALUE}"], why="request 4711")
    assert (erasure.id, erasure.who, erasure.why) == (again.id, "ada", "request 4711")
    assert VALUE not in repr(erasure)


def test_a_plain_value_is_refused_and_not_repeated() -> None:
    with pytest.raises(AirflowFailException, match="no plain value") as caught:
        executed("look", sealed_token=f"planes.tailnum={VALUE}")
    assert VALUE not in str(caught.value)


def test_what_was_sealed_with_another_key_finds_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    made = word()
    monkeypatch.setenv("MLFACTORY_PII_KEY", "another one, which is as long as it has to be")
    monkeypatch.setenv("MLFACTORY_HOME", str(settings().home / "other"))
    settings.cache_clear()
    with pytest.raises(AirflowFailException, match="sealed with another MLFACTORY_PII_KEY"):
        executed("look", sealed_token=made)


def test_only_a_look_erases_nothing() -> None:
    assert executed("look", sealed_token=word(), only_look=True) == {
        "rows": Found().counts,
        "old_files": {},
        "files": {},
    }
    with pytest.raises(AirflowSkipException):
        executed("erase", sealed_token=word(), only_look=True)


def test_it_waits_for_work_that_is_under_way_and_changes_nothing_beneath_it() -> None:
    with at_work("flight_delay", "prepare of 2013-01-01"):
        with pytest.raises(TryAgain, match="prepare of 2013-01-01"):
            executed("erase", sealed_token=word())
        assert not notes() and removal_under_way("flight_delay") is None
    assert executed("erase", sealed_token=word())["entry"] == 1
    assert len(notes()) == 1 and removal_under_way("flight_delay") is None


def test_an_erasure_of_another_machine_is_waited_for_and_then_taken_over() -> None:
    erasure = asked_for(load_product("flight_delay"), [f"planes.tailnum={VALUE}"], why="request 1")
    begin_removal("flight_delay", erasure=erasure.id, asked=asdict(erasure))
    # killed amid a part of its own, whose note is believed for longer than the erasure's
    work = Work("prepare of 2013-01-01", ANOTHER, LONG, erasure=erasure.id)
    write_json(product_store("flight_delay"), work_file("theirs"), asdict(work))
    leave_cut_off("flight_delay", ANOTHER)
    with pytest.raises(TryAgain, match="rid of a subject already, by process 1 of another"):
        executed("erase", sealed_token=word())
    leave_cut_off("flight_delay", ANOTHER, until="2026-01-01T00:00:00+00:00")
    assert executed("erase", sealed_token=word())["entry"] == 1
    assert not under_way("flight_delay")


def test_the_ledger_has_the_reason_of_each_time_and_who_asked_then() -> None:
    executed("erase", sealed_token=word())
    executed("erase", "bob", sealed_token=word(), why="request 4712")
    told = ledger.entries("flight_delay", "erased")
    assert [(each.why, each.who) for each in told] == [
        ("request 4711", "ada"),
        ("request 4712", "bob"),
    ]
    assert len(notes()) == 1


@pytest.mark.parametrize(
    "value",
    [
        *("p401@example.org", "", "14228", "eNpNobody", "anna-blackwood_of_some_long_street" * 9),
        "eNq" + "a." * 200,
    ],
)
def test_a_plain_value_behind_the_word_is_refused_before_there_is_a_run(value: str) -> None:
    field = erase_dag().params.get_param("sealed_token")
    with pytest.raises(ParamValidationError):
        field.resolve(f"sealed:{value}")
    with pytest.raises(AirflowFailException, match="no plain value"):
        executed("look", sealed_token=f"sealed:{value}")
    for given in (word(), f"{word()}\n"):
        assert field.resolve(given) == given


def test_the_form_asks_for_a_product_that_there_is() -> None:
    params = erase_dag().params
    assert "flight_delay" in params.get_param("product").schema["enum"]
    assert params["only_look"] is True
    # Airflow refuses the run, so that the value is in no table of its
    with pytest.raises(ParamValidationError):
        params.get_param("sealed_token").resolve(f"planes.tailnum={VALUE}")
