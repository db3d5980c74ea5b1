"""Stopping the stack stops all that it started, and nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from mlfactory.cli import stack
from mlfactory.cli.airflow_environment import airflow_environment
from mlfactory.cli.local_files import write_json
from mlfactory.cli.processes import MARK
from mlfactory.product.errors import UsageError
from mlfactory.settings import Settings, settings

STUBBORN = (
    "import signal, time; [signal.signal(s, signal.SIG_IGN) for s in (2, 15)]; "
    "print('ready', flush=True); time.sleep(60)"
)
Start = Callable[..., psutil.Process]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts a process, which does not outlive the test."""
    begun: list[subprocess.Popen[str]] = []

    def run(*command: str, mark: str = "") -> psutil.Process:
        environment = {**os.environ, **({MARK: mark} if mark else {})}
        begun.append(
            subprocess.Popen(
                command,
                start_new_session=True,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return psutil.Process(begun[-1].pid)

    yield run
    for process in begun:
        process.kill()
        process.communicate()


def recorded(process: psutil.Process, *, started: float, stack_id: str = "abc") -> None:
    leader = {"pid": process.pid, "started": started, "stop_signal": int(signal.SIGINT)}
    write_json(
        settings().home / "stack.json",
        {
            "id": stack_id,
            "leaders": {"airflow": leader, "mlflow": leader},
            "urls": {"airflow": "http://127.0.0.1:1", "mlflow": "http://127.0.0.1:2"},
        },
    )


def ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_process_that_has_the_number_of_an_old_stack_is_left_alone(
    home: Path, start: Start
) -> None:
    bystander = start("sleep", "60")
    recorded(bystander, started=bystander.create_time() - 3600)
    assert stack.running(settings()) is None
    stack.down(settings(), lambda _: None)
    assert not ended(bystander)
    assert not (home / "stack.json").exists()


def test_what_was_started_is_stopped(home: Path, start: Start) -> None:
    leader = start("sleep", "60")
    recorded(leader, started=leader.create_time())
    assert stack.running(settings()) is not None
    stack.down(settings(), lambda _: None)
    assert ended(leader)


def test_children_of_a_leader_that_has_died_are_stopped_though_they_ignore_signals(
    home: Path, start: Start
) -> None:
    child = f'{sys.executable} -c "{STUBBORN}"'
    leader = start("sh", "-c", f"{child} & wait")
    deadline = time.monotonic() + 10
    while not leader.children() and time.monotonic() < deadline:
        time.sleep(0.05)
    (orphan,) = leader.children()
    time.sleep(0.5)  # until it ignores signals
    recorded(leader, started=leader.create_time())
    leader.kill()
    leader.wait()
    assert not ended(orphan)
    stack.down(settings(), lambda _: None)
    assert ended(orphan)
    assert not (home / "stack.json").exists()


def test_a_child_that_left_the_session_is_known_by_its_mark(home: Path, start: Start) -> None:
    leader, runaway = start("sleep", "60"), start("sleep", "60", mark="abc")
    stranger = start("sleep", "60", mark="another stack")
    recorded(leader, started=leader.create_time())
    stack.down(settings(), lambda _: None)
    assert ended(leader)
    assert ended(runaway)
    assert not ended(stranger)


def test_where_nothing_runs_nothing_is_stopped(home: Path) -> None:
    said: list[str] = []
    stack.down(settings(), said.append)
    assert said == ["nothing is up"]


@pytest.mark.parametrize(
    "text",
    [
        '{"airflow_pid": 1, "airflow_url": "http://127.0.0.1:1"}',
        '{"id": "a", "leaders": {"airflow": {"pid": 1}}, "urls": {}}',
        '["a list"]',
        "not json",
    ],
)
def test_a_record_of_another_revision_is_a_message(home: Path, text: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "stack.json").write_text(text)
    for command in (stack.running, lambda chosen: stack.down(chosen, lambda _: None)):
        with pytest.raises(UsageError, match=r"stack\.json does not tell(.|\n)*then remove"):
            command(settings())
    assert (home / "stack.json").exists()


def test_a_scheduler_that_is_silent_is_told_though_its_process_lives(
    home: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader = start("sleep", "60")
    recorded(leader, started=leader.create_time())
    silent = {"status": "unhealthy", "latest_scheduler_heartbeat": "2026-01-01T00:00:00+00:00"}
    monkeypatch.setattr(stack, "airflow_health", lambda url: {"scheduler": silent})
    found = stack.running(settings())
    assert found is not None
    assert "its scheduler has not been heard of for" in stack.ailment(found)


def test_another_airflows_settings_do_not_get_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://production/airflow")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_HOME", "/srv/airflow")
    monkeypatch.setenv("AIRFLOW_CONN_SLACK", "slack://")
    ours = airflow_environment(Settings(home=tmp_path))
    database = f"sqlite:///{tmp_path / 'airflow' / 'airflow.db'}"
    assert ours["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == database
    assert ours["AIRFLOW_HOME"] == str(tmp_path / "airflow")
    assert ours["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert ours["AIRFLOW_CONN_SLACK"] == "slack://"
    assert not any("production" in value for value in ours.values())


def test_another_database_is_chosen_by_our_own_setting(tmp_path: Path) -> None:
    chosen = Settings(home=tmp_path, airflow_database="postgresql://ours/airflow")
    found = airflow_environment(chosen)["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert found == "postgresql://ours/airflow"
    assert "ours" not in repr(chosen)
