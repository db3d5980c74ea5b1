"""The live progress of a replay: a line for each run that is over, and one for what runs now."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.text import Text

from mlfactory.cli.output import say
from mlfactory.scheduler.runs import DagRun, TaskRun

_STYLES = {"success": "green", "failed": "bold red", "skipped": "dim", "upstream_failed": "red"}
_NOW = ("running", "queued", "scheduled", "up_for_retry", "deferred")


class Progress:
    """Tells how one key gets on; where the console is no terminal, in plain lines only."""

    def __init__(self, console: Console, key: str) -> None:
        self.console = console
        self.key = key
        self.started = time.monotonic()
        self._status = console.status(key) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    @property
    def is_live(self) -> bool:
        """Tell whether what is being waited for can be shown."""
        return self._status is not None

    def waiting(self, part: str, run: DagRun | None, tasks: Sequence[TaskRun]) -> None:
        """Show what is being waited for."""
        if self._status is None:
            return
        now = [f"{task.name} {task.state}" for task in tasks if task.state in _NOW]
        what = ", ".join(now) or (run.state if run else "waiting for its run")
        seconds = time.monotonic() - self.started
        self._status.update(Text(f"{self.key}  {part}: {what}  {seconds:.0f} s"))

    def finished(self, part: str, run: DagRun, tasks: Sequence[TaskRun]) -> None:
        """Write a line about a run that is over: its state and the seconds of its tasks."""
        line = Text(f"{self.key}  {part:<8}")
        line.append(f"{run.state:<8}", style=_STYLES.get(run.state, ""))
        line.append(f"{run.seconds:>6.1f} s  ")
        for task in tasks:
            line.append(" ")
            line.append(_task(task), style=_STYLES.get(task.state, "") if _odd(task) else "dim")
        say(self.console, line)


def _task(task: TaskRun) -> str:
    return f"{task.name} {task.state}" if _odd(task) else f"{task.name} {task.seconds:.1f}"


def _odd(task: TaskRun) -> bool:
    return task.state != "success"
