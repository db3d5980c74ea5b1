"""The form of `mlfactory.erase` takes hashes, and shows no value anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, ParamValidationError

from mlfactory import erase
from mlfactory.erase import Erased, Found, asked_for, sealed
from mlfactory.pipeline.erasing import EraseOperator, erase_dag
from mlfactory.product.loader import load_product
from mlfactory.settings import settings

VALUE = "N14228-of-somebody"


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


def executed(step: str, **given: Any) -> Any:
    params = {"product": "flight_delay", "why": "request 4711", "only_look": False, **given}
    run = SimpleNamespace(conf={}, triggering_user_name="ada", run_id="manual__1")
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


def test_the_form_asks_for_a_product_that_there_is() -> None:
    params = erase_dag().params
    assert "flight_delay" in params.get_param("product").schema["enum"]
    assert params["only_look"] is True
    # Airflow refuses the run, so that the value is in no table of its
    with pytest.raises(ParamValidationError):
        params.get_param("sealed_token").resolve(f"planes.tailnum={VALUE}")
