"""Stopping the stack stops what it started, and nobody else."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mlfactory.cli import stack
from mlfactory.cli.local_files import write_json
from mlfactory.settings import settings


@pytest.fixture
def bystander() -> Iterator[psutil.Process]:
    started = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield psutil.Process(started.pid)
    started.kill()
    started.wait()


def recorded(process: psutil.Process, *, started: float) -> None:
    write_json(
        settings().home / "stack.json",
        {
            "airflow_pid": process.pid,
            "airflow_started": started,
            "mlflow_pid": process.pid,
            "mlflow_started": started,
            "airflow_url": "http://127.0.0.1:1",
            "mlflow_url": "http://127.0.0.1:2",
        },
    )


def test_a_process_that_has_the_number_of_an_old_stack_is_left_alone(
    home: Path, bystander: psutil.Process
) -> None:
    recorded(bystander, started=bystander.create_time() - 3600)
    assert stack.state(settings()) is None
    stack.down(settings(), lambda _: None)
    assert bystander.status() != psutil.STATUS_ZOMBIE
    assert not (home / "stack.json").exists()


def test_what_was_started_is_stopped(home: Path, bystander: psutil.Process) -> None:
    recorded(bystander, started=bystander.create_time())
    assert stack.state(settings()) is not None
    stack.down(settings(), lambda _: None)
    assert not bystander.is_running() or bystander.status() == psutil.STATUS_ZOMBIE


def test_where_nothing_runs_nothing_is_stopped(home: Path) -> None:
    said: list[str] = []
    stack.down(settings(), said.append)
    assert said == ["nothing is up"]
