"""The form of `<p>.quarantine` decides in the name of who triggered it, and asks for one run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, ParamValidationError

from mlfactory import quarantine
from mlfactory.lake.ledger import Entry
from mlfactory.pipeline import quarantining
from mlfactory.pipeline.quarantining import QuarantineOperator, quarantine_params
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import load_product
from mlfactory.quarantine import Choice, Decided
from mlfactory.settings import settings

FORM = {
    "partition": "2013-07-01",
    "decision": "accept",
    "rows": "ab12 cd34",
    "corrected": None,
    "source": None,
    "why": "the airline confirms it",
}


class Airflow:
    """What is asked of a running Airflow."""

    url = "http://airflow"

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def knows(self, dag_id: str) -> bool:
        return dag_id == "flight_delay.data"

    def trigger(self, dag_id: str, key: str, *, run_id: str, conf: Any) -> Any:
        self.asked.append((dag_id, key, run_id, conf))
        return SimpleNamespace(dag_id=dag_id, run_id=run_id)


def executed(step: str, **params: Any) -> Any:
    run = SimpleNamespace(
        run_id="manual__2026-01-01T00:00:00+00:00",
        dag_id="flight_delay.quarantine",
        conf={},
        triggering_user_name="ada",
    )
    task = QuarantineOperator(task_id=step, product="flight_delay", step=step)
    result = task.execute({"dag_run": run, "params": FORM | params})
    assert task.links_found["Validation"].endswith("validation/2013-07-01.html")
    return result


@pytest.fixture(autouse=True)
def no_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let nothing have been decided before, whatever this machine's lake has."""
    monkeypatch.setenv("MLFACTORY_HOME", str(tmp_path))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    made: list[Any] = []

    def told(what: str) -> Any:
        def decide(product: Any, partition: Any, choice: Choice, **others: Any) -> Decided:
            made.append((what, str(partition), choice, others))
            return Decided((Entry("released", str(partition), "x", who="ada", number=7),), 2, "")

        return decide

    monkeypatch.setattr(quarantine, "release", told("release"))
    monkeypatch.setattr(quarantine, "discard", told("discard"))
    return made


def test_rows_are_accepted_in_the_name_of_who_triggered_the_run(calls: list[Any]) -> None:
    assert executed("decide") == {"entries": [7], "rows": 2, "who": "ada"}
    [(what, key, choice, others)] = calls
    assert (what, key, choice) == ("release", "2013-07-01", Choice(("ab12", "cd34")))
    run = "manual__2026-01-01T00:00:00+00:00"
    assert others == {"why": FORM["why"], "who": "ada", "corrected": None, "asked_by": run}


def test_the_word_all_means_all_that_are_open(calls: list[Any]) -> None:
    executed("decide", rows=" all ", decision="discard", source="flights")
    assert [call[0] for call in calls] == ["discard"]
    assert calls[0][2] == Choice(everything=True, source="flights")


def test_corrected_rows_come_as_csv(calls: list[Any]) -> None:
    executed("decide", rows=None, decision="correct", corrected="_digest,distance\nab12,170\n")
    assert calls[0][2] == Choice()
    assert calls[0][3]["corrected"].startswith("_digest")


@pytest.mark.parametrize(
    "params", [{"decision": "correct"}, {"corrected": "_digest\n"}, {"partition": "July"}]
)
def test_what_does_not_belong_together_is_refused(calls: list[Any], params: Any) -> None:
    with pytest.raises(AirflowFailException, match=r"belong together|is not a partition key"):
        executed("decide", **params)
    assert calls == []


def test_what_is_refused_fails_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> Decided:
        raise UsageError("no row of the quarantine has the digest 'ab12'")

    monkeypatch.setattr(quarantine, "release", refused)
    with pytest.raises(AirflowFailException, match="has the digest 'ab12'"):
        executed("decide")


def test_the_data_run_is_asked_for_once_and_does_not_land(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Airflow()

    @contextmanager
    def here() -> Iterator[Any]:
        yield api

    monkeypatch.setattr(quarantining, "own_airflow", here)
    first, second = executed("run"), executed("run")
    assert first == second
    [(dag, key, _, conf), (*_, again)] = (api.asked[0], api.asked[1])
    assert (dag, key, conf, again) == ("flight_delay.data", "2013-07-01", {"land": False}, conf)
    assert api.asked[0] == api.asked[1]


def test_the_form_asks_for_a_reason_and_knows_the_sources() -> None:
    form = quarantine_params(load_product("flight_delay"))
    assert form["source"].schema["enum"] == [None, "flights", "weather", "planes"]
    for name, wrong in (("why", ""), ("decision", "delete"), ("partition", "")):
        with pytest.raises(ParamValidationError):
            form[name].resolve(wrong)


def test_of_a_snapshot_the_form_knows_the_partition() -> None:
    assert quarantine_params(load_product("wine_cultivar"))["partition"].value == "snapshot"
