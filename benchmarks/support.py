"""What the benchmarks share: a stack of their own on free ports, timing, and tables."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

REPOSITORY = Path(__file__).resolve().parents[1]
MLFACTORY = str(Path(sys.executable).parent / "mlfactory")


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fresh_environment(home: Path) -> dict[str, str]:
    """Return the environment of a factory with no state, on ports of its own."""
    return {
        **os.environ,
        "MLFACTORY_HOME": str(home),
        "MLFACTORY_AIRFLOW_PORT": str(free_port()),
        "MLFACTORY_MLFLOW_PORT": str(free_port()),
    }


@contextmanager
def stack() -> Iterator[tuple[dict[str, str], Path]]:
    """Give the environment and home of a running stack; it is stopped afterwards."""
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-") as folder:
        home = Path(folder)
        environment = fresh_environment(home)
        try:
            mlfactory(["up"], environment)
            yield environment, home
        finally:
            mlfactory(["down"], environment)


def mlfactory(arguments: Sequence[str], environment: dict[str, str]) -> float:
    """Run the command line and return its wall seconds; its output goes to stderr."""
    start = time.perf_counter()
    subprocess.run([MLFACTORY, *arguments], env=environment, check=True, stdout=sys.stderr)
    return time.perf_counter() - start


def best_seconds(command: Sequence[str], *, runs: int, environment: dict[str, str]) -> float:
    """Return the shortest wall time of several runs of a command, in seconds."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, env=environment, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def members(pid: int) -> list[psutil.Process]:
    """Return a process and all that it has started."""
    leader = psutil.Process(pid)
    return [leader, *leader.children(recursive=True)]


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table."""
    table = Table(title=title)
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position == 0 else "right")
    for row in rows:
        table.add_row(*(f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row))
    Console(width=100).print(table)
