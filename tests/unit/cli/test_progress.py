from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

from rich.console import Console

from mlfactory.cli.progress import Progress
from mlfactory.scheduler.runs import DagRun, TaskRun

START = datetime(2026, 11, 21, tzinfo=UTC)
RUN = DagRun("rain.train", "r", "success", "k", START, START, START + timedelta(seconds=12.34))


def task(name: str, state: str, index: int = -1, label: str | None = None) -> TaskRun:
    return TaskRun("rain.train", "r", name, index, state, 1, 4.56, label)


TASKS = [
    task("search", "success", 1, "ridge"),
    task("judge", "running"),
    task("promote", "skipped"),
]


def test_a_pipe_gets_a_plain_line_for_each_run_that_is_over() -> None:
    output = io.StringIO()
    with Progress(Console(file=output, width=30), "2013-01-01") as progress:
        progress.waiting("train", RUN, TASKS)
        progress.finished("train", RUN, [TASKS[0], TASKS[2]])
    assert output.getvalue() == (
        "2013-01-01  train   success   12.3 s   search[ridge] 4.6 promote skipped\n"
    )


def test_a_terminal_also_sees_what_runs_now() -> None:
    output = io.StringIO()
    console = Console(file=output, width=100, force_terminal=True)
    with Progress(console, "2013-01-01") as progress:
        progress.waiting("train", RUN, TASKS)
        console.print("flush")
    assert "2013-01-01  train: judge running  0 s" in output.getvalue()
