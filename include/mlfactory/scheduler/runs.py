"""What Airflow's REST API tells of runs, tasks and DAG files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

_RUN_OVER = ("success", "failed")


@dataclass(frozen=True)
class DagRun:
    """A run of a DAG; `state` is queued, running, success or failed, `conf` its form."""

    dag_id: str
    run_id: str
    state: str
    partition_key: str | None
    queued_at: datetime | None
    start: datetime | None
    end: datetime | None
    conf: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more happens in it."""
        return self.state in _RUN_OVER

    @property
    def seconds(self) -> float:
        """Return how long it ran, 0 while it has not ended."""
        if self.start is None or self.end is None:
            return 0.0
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True)
class TaskRun:
    """A task of a run; `map_index` is -1 where the task is not mapped, `label` names that index."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    state: str
    try_number: int
    seconds: float
    label: str | None = None

    @property
    def name(self) -> str:
        """Return the task's id, with what it is mapped to where it is mapped."""
        if self.map_index < 0:
            return self.task_id
        return f"{self.task_id}[{self.label or self.map_index}]"


@dataclass(frozen=True)
class BrokenFile:
    """A DAG file that Airflow could not import."""

    file: str
    trace: str

    @property
    def reason(self) -> str:
        """Return the error without the traceback that led to it."""
        lines = self.trace.strip().splitlines()
        for number, line in enumerate(lines):
            if re.match(r"[\w.]*(Error|Exception)\b", line):
                return "\n".join(lines[number:])
        return lines[-1] if lines else ""


def log_lines(entry: Any) -> list[str]:
    """Return an entry of a task's log as lines; an error in it as its type and text."""
    if isinstance(entry, str):
        return entry.splitlines()
    event = str(entry.get("event", ""))
    if event.startswith("::"):
        return []  # the marks around what the UI folds away
    level = str(entry.get("level", "")).upper()
    lines = event.splitlines() or [""]
    lines[0] = f"{level}: {lines[0]}" if level else lines[0]
    for problem in entry.get("error_detail") or ():
        text = f"{problem.get('exc_type', 'error')}: {problem.get('exc_value', '')}"
        lines += [f"  {line}" for line in text.splitlines()]
    return lines


def dag_run(row: Mapping[str, Any]) -> DagRun:
    """Return a run as a row of an answer tells of it."""
    return DagRun(
        dag_id=row["dag_id"],
        run_id=row["dag_run_id"],
        state=row["state"],
        partition_key=row["partition_key"],
        queued_at=_moment(row["queued_at"]),
        start=_moment(row["start_date"]),
        end=_moment(row["end_date"]),
        conf=row.get("conf") or {},
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
