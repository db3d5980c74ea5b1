from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import pytest
from tests.http_server import Quiet, address_of, answering

from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.scheduler import api as client
from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.runs import BrokenFile, log_lines

DAG_RUN = {
    "dag_id": "rain.data",
    "dag_run_id": "r1",
    "state": "running",
    "partition_key": "2013-01-01",
    "queued_at": "2026-11-21T10:00:00Z",
    "start_date": "2026-11-21T10:00:01Z",
    "end_date": None,
}


class Moody(Quiet):
    """Answers as an Airflow does that is busy, or whose token has run out."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.take()
        self._answer()

    def do_PATCH(self) -> None:
        self.server.state["sent"] = self.take()  # type: ignore[attr-defined]
        self._answer()

    def _answer(self) -> None:
        state: dict[str, Any] = self.server.state  # type: ignore[attr-defined]
        path, _, query = self.path.partition("?")
        state["asked"].append(f"{self.command} {path}")
        state["queries"].append(query)
        if self.path == "/auth/token":
            state["token"] += 1
            status = 201 if state["login"] else 401
            self.send({"access_token": f"t{state['token']}"}, status)
        elif self.headers["Authorization"] in state["expired"]:
            self.send({"detail": "Token Expired"}, 401)
        else:
            status, content = state["answers"].pop(0)
            self.send(content, status)


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with answering(Moody) as found:
        found.state = {  # type: ignore[attr-defined]
            "asked": [],
            "queries": [],
            "token": 0,
            "login": True,
            "expired": [],
            "answers": [],
        }
        yield found


@pytest.fixture
def state(server: ThreadingHTTPServer) -> dict[str, Any]:
    found: dict[str, Any] = server.state  # type: ignore[attr-defined]
    return found


@pytest.fixture
def api(server: ThreadingHTTPServer) -> Iterator[AirflowApi]:
    with AirflowApi(address_of(server), "admin", "secret") as found:
        yield found


def test_a_token_that_has_run_out_is_renewed(api: AirflowApi, state: dict[str, Any]) -> None:
    state["expired"] = ["Bearer t1"]
    state["answers"] = [(200, {})]
    assert api.knows("rain.data")
    assert state["asked"] == [
        "POST /auth/token",
        "GET /api/v2/dags/rain.data",
        "POST /auth/token",
        "GET /api/v2/dags/rain.data",
    ]


def test_a_busy_airflow_is_asked_again(api: AirflowApi, state: dict[str, Any]) -> None:
    state["answers"] = [(503, {"detail": "database is locked"}), (404, {"detail": "no such DAG"})]
    assert not api.knows("rain.data")
    assert state["asked"].count("GET /api/v2/dags/rain.data") == 2


def test_who_is_asked_too_often_is_asked_again(api: AirflowApi, state: dict[str, Any]) -> None:
    state["answers"] = [(429, {"detail": "slowly"}), (200, {})]
    assert api.knows("rain.data")


def test_a_page_in_place_of_an_answer_is_a_message() -> None:
    class Proxy(Quiet):
        def do_POST(self) -> None:
            self.take()
            self.send_response(200)
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"<html>")

    with answering(Proxy) as proxy:
        api = AirflowApi(address_of(proxy), "admin", "secret", patience=0.1)
        with api, pytest.raises(ServiceError, match="200, but what it answers is no JSON"):
            api.knows("rain.data")


def test_a_server_that_starts_again_is_waited_for_and_it_is_said(
    server: ThreadingHTTPServer, state: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_SAID_AFTER", 0.05)
    monkeypatch.setattr(client, "_LONGEST_PAUSE", 0.02)
    said: list[str] = []
    state["answers"] = [(200, {}), *[(503, {"detail": "starting"})] * 4, (200, {})]
    with AirflowApi(address_of(server), "admin", "secret", patience=20, say=said.append) as api:
        assert api.knows("rain.data")
        assert api.knows("rain.data")
    assert [line.split(" ", 3)[3] for line in said] == [
        "fails (503 starting); it may be starting: waiting for 20 s at most",
        "answers again",
    ]


def test_a_server_that_answered_and_is_gone_is_waited_for_and_another_is_not(
    server: ThreadingHTTPServer, state: dict[str, Any]
) -> None:
    state["answers"] = [(200, {})]
    with AirflowApi(address_of(server), "admin", "secret", patience=0.5) as api:
        assert api.knows("rain.data")
        server.server_close()
        with pytest.raises(ServiceError, match=r"failed for 0 s: .*\n.*when it answers, give"):
            api.knows("rain.data")


def test_a_run_that_was_triggered_already_is_found_again(
    api: AirflowApi, state: dict[str, Any]
) -> None:
    state["answers"] = [(409, {"detail": "exists"}), (200, DAG_RUN)]
    run = api.trigger("rain.data", "2013-01-01", run_id="r1")
    assert (run.run_id, run.state, run.is_over, run.seconds) == ("r1", "running", False, 0.0)


def test_what_airflow_refuses_is_told_in_its_words(api: AirflowApi, state: dict[str, Any]) -> None:
    state["answers"] = [(400, {"detail": "partition_key must not be empty"})]
    with pytest.raises(UsageError, match="partition_key must not be empty"):
        api.trigger("rain.data", "", run_id="r1")


def test_a_wrong_password_is_a_message(api: AirflowApi, state: dict[str, Any]) -> None:
    state["login"] = False
    with pytest.raises(UsageError, match="does not let 'admin' in") as caught:
        api.knows("rain.data")
    assert "MLFACTORY_AIRFLOW_PASSWORD" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_long_lists_are_read_page_by_page(api: AirflowApi, state: dict[str, Any]) -> None:
    rows = [{**DAG_RUN, "dag_run_id": f"r{number}"} for number in range(3)]
    other = {**DAG_RUN, "partition_key": "2013-01-01T05:00"}
    state["answers"] = [
        (200, {"dag_runs": [*rows[:2], other], "total_entries": 4}),
        (200, {"dag_runs": rows[2:], "total_entries": 4}),
    ]
    assert [run.run_id for run in api.runs(["rain.data"], "2013-01-01")] == ["r0", "r1", "r2"]


def test_of_a_product_s_runs_those_of_others_are_not_sent(
    api: AirflowApi, state: dict[str, Any]
) -> None:
    state["answers"] = [(200, {"dag_runs": [DAG_RUN], "total_entries": 1})]
    assert [run.dag_id for run in api.active_runs(["rain.data", "rain.score"])] == ["rain.data"]
    # by their names' beginning alone, rain_2.data would be sent as well
    assert "dag_id_prefix_pattern=rain.data%7Crain.score&" in state["queries"][-1]
    assert api.active_runs([]) == []


def test_an_airflow_that_is_not_there_is_a_message_with_the_remedy() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (
        AirflowApi(f"http://127.0.0.1:{port}", "admin", "secret") as api,
        pytest.raises(ServiceError, match="mlfactory up") as caught,
    ):
        api.knows("rain.data")
    assert f"127.0.0.1:{port}" in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "lines"),
    [
        ("a line\nand another", ["a line", "and another"]),
        ({"event": "rows 5", "level": "info"}, ["INFO: rows 5"]),
        ({"event": "first\nsecond"}, ["first", "second"]),
        ({"event": "::group::Log message source details"}, []),
        (
            {
                "event": "Task failed with exception",
                "level": "error",
                "error_detail": [
                    {"exc_type": "AirflowFailException", "exc_value": "bad\n  → mend"}
                ],
            },
            ["ERROR: Task failed with exception", "  AirflowFailException: bad", "    → mend"],
        ),
    ],
)
def test_an_entry_of_a_log_is_read_as_lines(entry: Any, lines: list[str]) -> None:
    assert log_lines(entry) == lines


@pytest.mark.parametrize(
    ("trace", "reason"),
    [
        (
            'Traceback (most recent call last):\n  File "x.py", line 1\nImportError: \n'
            "product rain: 1 mistake\n  product.yaml:2: name: is missing\n",
            "ImportError: \nproduct rain: 1 mistake\n  product.yaml:2: name: is missing",
        ),
        ("something else went wrong\n", "something else went wrong"),
        ("", ""),
    ],
)
def test_a_broken_file_is_told_without_its_traceback(trace: str, reason: str) -> None:
    assert BrokenFile("dags/x.py", trace).reason == reason


def test_of_connections_and_variables_only_names_are_told(
    api: AirflowApi, state: dict[str, Any]
) -> None:
    slack = {"connection_id": "slack", "conn_type": "http", "password": "***", "login": "us"}
    state["answers"] = [
        (200, {"connections": [slack], "total_entries": 1}),
        (200, {"variables": [{"key": "token", "value": "abc"}], "total_entries": 1}),
    ]
    assert (api.connections(), api.variables()) == (["slack (http)"], ["token"])


def test_a_text_beside_a_run_is_cut_to_what_airflow_takes(
    api: AirflowApi, state: dict[str, Any]
) -> None:
    state["answers"] = [(200, DAG_RUN)]
    api.note("rain.data", "r1", "x" * 2000)
    assert state["asked"][-1] == "PATCH /api/v2/dags/rain.data/dagRuns/r1"
    assert json.loads(state["sent"]) == {"note": "x" * 1000}
