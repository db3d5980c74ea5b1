"""A small client of Airflow's REST API: what a replay asks of a running Airflow, and no more."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx

from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.scheduler.runs import BrokenFile, DagRun, TaskRun, dag_run, log_lines

_NEEDED_PARTS = ("metadatabase", "scheduler", "dag_processor")
_PAGE = 100
_PATIENCE = 9.0
"""Seconds for which a busy Airflow is asked again, where nobody says otherwise."""

_LONGEST_PAUSE = 5.0
_SAID_AFTER = 3.0
"""Seconds: a database that is locked for a moment is nobody's business."""

_LOG_PAGES = 50
_MOST_NOTE = 1000
"""Characters that Airflow takes beside a run; a longer text is cut off."""

_REMEDY = "start it with 'mlfactory up', or set MLFACTORY_AIRFLOW_PORT and MLFACTORY_HOST"


class AirflowApi:
    """Airflow at `url`, asked as `user`.

    Args:
        patience: for how many seconds it is asked again where it fails, or where it has answered
            before and does not now, as while it is started again.
        say: told of it when that takes longer.

    Every method raises `ServiceError` when Airflow cannot be reached, and `UsageError` when it
    refuses what was asked for.
    """

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        *,
        timeout: float = 15.0,
        patience: float = _PATIENCE,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.url = url.rstrip("/")
        self._patience = patience
        self._say = say
        self._has_answered = False
        self._login = {"username": user, "password": password}
        self._client = httpx.Client(base_url=self.url, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def wait_until_healthy(self, timeout: float = 180.0) -> None:
        """Return when the database, the scheduler and the DAG processor say that they are well.

        Raises:
            ServiceError: if one of them does not within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            unwell = self._unwell_parts()
            if not unwell:
                return
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"Airflow at {self.url} was not healthy within {timeout:.0f} s: "
                    f"{', '.join(unwell)}",
                    remedy="read the logs of Airflow, then: mlfactory down; mlfactory up",
                )
            time.sleep(0.5)

    def knows(self, dag_id: str) -> bool:
        """Tell whether Airflow has parsed the DAG."""
        return self._ask("GET", f"/dags/{dag_id}", allowed=(404,)).status_code != 404

    def is_paused(self, dag_id: str) -> bool:
        """Tell whether runs of the DAG wait."""
        return bool(self._ask("GET", f"/dags/{dag_id}").json()["is_paused"])

    def unpause(self, dag_id: str) -> None:
        """Let runs of the DAG start."""
        self._ask("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def pause(self, dag_id: str) -> None:
        """Let no further run of the DAG start."""
        self._ask("PATCH", f"/dags/{dag_id}", json={"is_paused": True})

    def scheduler_silence(self) -> float:
        """Return for how many seconds the scheduler has not been heard of; inf if it never was."""
        health = self._patiently(lambda: self._client.get("/api/v2/monitor/health")).json()
        last = (health.get("scheduler") or {}).get("latest_scheduler_heartbeat")
        if not last:
            return math.inf
        return (datetime.now(UTC) - datetime.fromisoformat(last)).total_seconds()

    def trigger(
        self,
        dag_id: str,
        partition_key: str | None,
        *,
        run_id: str,
        conf: Mapping[str, Any] | None = None,
        note: str = "",
    ) -> DagRun:
        """Start a run of the DAG, for a partition or none; where it exists, return it as it is.

        Args:
            note: what Airflow shows beside it.
        """
        body = {
            "dag_run_id": run_id,
            "logical_date": None,
            "partition_key": partition_key,
            "conf": dict(conf or {}),
            **({"note": note} if note else {}),
        }
        answer = self._ask("POST", f"/dags/{dag_id}/dagRuns", json=body, allowed=(409,))
        if answer.status_code == 409:
            answer = self._ask("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
        return dag_run(answer.json())

    def note(self, dag_id: str, run_id: str, text: str) -> None:
        """Have Airflow show a text beside a run, in place of the one before."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}"
        self._ask("PATCH", path, json={"note": text[:_MOST_NOTE]})

    def runs(self, dag_ids: Sequence[str], partition_key: str | None) -> list[DagRun]:
        """Return the runs of the DAGs for a partition, or those for none, oldest first."""
        asked = {"partition_key_prefix_pattern": partition_key} if partition_key else {}
        return [run for run in self._runs(dag_ids, asked) if run.partition_key == partition_key]

    def active_runs(self, dag_ids: Sequence[str]) -> list[DagRun]:
        """Return the runs of the DAGs that are not over, oldest first."""
        return self._runs(dag_ids, {"state": ["queued", "running"]})

    def failed_runs(self, dag_id: str) -> list[DagRun]:
        """Return the newest hundred runs of a DAG that failed, the newest first."""
        asked = {"state": ["failed"], "order_by": "-id", "limit": _PAGE}
        rows = self._ask("GET", f"/dags/{dag_id}/dagRuns", params=asked).json()["dag_runs"]
        return [dag_run(row) for row in rows]

    def tasks(self, run: DagRun) -> list[TaskRun]:
        """Return the tasks of a run, in the order in which they started, those to come last."""
        path = f"/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances"
        found = self._pages(path, "task_instances", {})
        found.sort(key=lambda row: (row["start_date"] is None, row["start_date"] or ""))
        return [
            TaskRun(
                dag_id=run.dag_id,
                run_id=run.run_id,
                task_id=row["task_id"],
                map_index=row["map_index"],
                state=row["state"] or "none",
                try_number=row["try_number"],
                seconds=row["duration"] or 0.0,
                label=row["rendered_map_index"],
            )
            for row in found
        ]

    def log_tail(self, task: TaskRun, lines: int = 15) -> list[str]:
        """Return the last lines of the log of a task's newest try."""
        path = f"/dags/{task.dag_id}/dagRuns/{task.run_id}/taskInstances/{task.task_id}"
        asked: dict[str, Any] = {"map_index": task.map_index}
        found: list[str] = []
        for _ in range(_LOG_PAGES):
            answer = self._ask(
                "GET",
                f"{path}/logs/{max(task.try_number, 1)}",
                params=asked,
                headers={"Accept": "application/json"},
                allowed=(404,),
            )
            if answer.status_code == 404:
                break
            page = answer.json()
            found += [line for entry in page["content"] for line in log_lines(entry)]
            asked["token"] = page.get("continuation_token")
            if not asked["token"] or not page["content"]:
                break
        return found[-lines:]

    def task_url(self, task: TaskRun) -> str:
        """Return the address of a task's page in the Airflow UI."""
        index = f"/mapped/{task.map_index}" if task.map_index >= 0 else ""
        return f"{self.url}/dags/{task.dag_id}/runs/{task.run_id}/tasks/{task.task_id}{index}"

    def import_errors(self) -> list[BrokenFile]:
        """Return the DAG files that cannot be imported."""
        return [
            BrokenFile(row["filename"], row["stack_trace"])
            for row in self._pages("/importErrors", "import_errors", {})
        ]

    def connections(self) -> list[str]:
        """Return the names of its connections, each with its kind; what they hold is secret."""
        rows = self._pages("/connections", "connections", {})
        return [f"{row['connection_id']} ({row['conn_type']})" for row in rows]

    def variables(self) -> list[str]:
        """Return the names of its variables, whose values may be secret."""
        return [str(row["key"]) for row in self._pages("/variables", "variables", {})]

    def _runs(self, dag_ids: Sequence[str], asked: Mapping[str, Any]) -> list[DagRun]:
        if not dag_ids:
            return []
        # whole ids: Airflow leaves the dot off the end of a pattern, and the runs of rain_2 would
        # be sent to who asks for those of rain
        asked_here = {**asked, "dag_id_prefix_pattern": "|".join(dag_ids), "order_by": "id"}
        rows = self._pages("/dags/~/dagRuns", "dag_runs", asked_here)
        return [dag_run(row) for row in rows if row["dag_id"] in set(dag_ids)]

    def _pages(self, path: str, field: str, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            params = {**asked, "limit": _PAGE, "offset": len(found)}
            page = self._ask("GET", path, params=params).json()
            found += page[field]
            if not page[field] or len(found) >= page["total_entries"]:
                return found

    def _unwell_parts(self) -> list[str]:
        try:
            health = self._client.get("/api/v2/monitor/health").json()
        except (httpx.HTTPError, ValueError):
            return ["it does not answer"]
        return [
            f"{part} is not healthy"
            for part in _NEEDED_PARTS
            if (health.get(part) or {}).get("status") != "healthy"
        ]

    def _ask(
        self, method: str, path: str, *, allowed: Sequence[int] = (), **kwargs: Any
    ) -> httpx.Response:
        answer = self._authorised(lambda: self._client.request(method, f"/api/v2{path}", **kwargs))
        if answer.is_success or answer.status_code in allowed:
            return answer
        raise UsageError(
            f"Airflow at {self.url} refused {method} {path} ({answer.status_code}): "
            f"{_detail(answer)}"
        )

    def _authorised(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        if "Authorization" not in self._client.headers:
            self._log_in()
        answer = self._patiently(send)
        if answer.status_code == 401:
            self._log_in()
            answer = self._patiently(send)
        return answer

    def _log_in(self) -> None:
        self._client.headers.pop("Authorization", None)
        answer = self._patiently(lambda: self._client.post("/auth/token", json=self._login))
        if not answer.is_success:
            raise UsageError(
                f"Airflow at {self.url} does not let '{self._login['username']}' in "
                f"({answer.status_code}): {_detail(answer)}",
                remedy="set MLFACTORY_AIRFLOW_USER and MLFACTORY_AIRFLOW_PASSWORD",
            )
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def _patiently(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Send, again where Airflow is busy; everything we send may be sent twice."""
        began, pause, told = time.monotonic(), 0.3, False
        while True:
            answer, problem = self._sent(send)
            if answer is not None:
                if told:
                    self._say(f"Airflow at {self.url} answers again")
                return answer
            waited = time.monotonic() - began
            if waited + pause > self._patience:
                raise ServiceError(
                    f"Airflow at {self.url} failed for {waited:.0f} s: {problem}",
                    remedy="read the logs of Airflow; when it answers, give the command again",
                )
            if waited > _SAID_AFTER and not told:
                told = True
                self._say(
                    f"Airflow at {self.url} fails ({problem}); it may be starting: waiting for "
                    f"{self._patience:.0f} s at most"
                )
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _sent(self, send: Callable[[], httpx.Response]) -> tuple[httpx.Response | None, str]:
        """Return the answer, or None where it may come later, and why it did not."""
        try:
            answer = send()
        except httpx.ConnectError as error:
            if not self._has_answered:
                raise ServiceError(
                    f"Airflow does not answer at {self.url}: {error}", remedy=_REMEDY
                ) from None
            return None, f"it does not answer: {error}"
        except httpx.TransportError as error:
            return None, f"{type(error).__name__}: {error}"
        if answer.status_code >= 500 or answer.status_code == 429:
            return None, f"{answer.status_code} {_detail(answer)}"
        if answer.is_success and answer.content and not _is_json(answer):
            # a page of a proxy, or of another server
            return None, f"{answer.status_code}, but what it answers is no JSON"
        self._has_answered = True
        return answer, ""


def _is_json(answer: httpx.Response) -> bool:
    try:
        answer.json()
    except ValueError:
        return False
    return True


def _detail(answer: httpx.Response) -> str:
    try:
        content = answer.json()
    except ValueError:
        return answer.text[:300].strip() or answer.reason_phrase
    return str(content.get("detail", content)) if isinstance(content, dict) else str(content)
