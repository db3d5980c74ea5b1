"""Files of this machine alone: which processes run here, the local Airflow's password."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlfactory.lake.store import as_json, write_whole


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    write_whole(path, text.encode())


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` to `path` as JSON, whole or not at all."""
    write_whole(path, as_json(content))


@contextmanager
def claimed(path: Path, wait: float = 0) -> Iterator[str]:
    """Claim what `path` stands for among the processes of this machine, as long as this lasts.

    The kernel holds the claim for the process and lets go of it when that ends, however it ends: a
    claim whose process is gone is none. The file stays, for who removes it splits the claim in two.

    Args:
        wait: seconds for which another one's claim is waited out.

    Yields:
        The number of the process that has it instead, empty if the claim is ours.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + wait
    with path.open("a+", encoding="utf-8") as file:
        while not (ours := _lock(file.fileno())) and time.monotonic() < deadline:
            time.sleep(0.1)
        if ours:
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield ""
        else:
            file.seek(0)
            yield file.read().strip() or "unknown"


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file, an empty dict if there is no such file."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return content
