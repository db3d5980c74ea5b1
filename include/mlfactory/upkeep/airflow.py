"""Retention of what Airflow keeps: the logs of tasks, and runs in its database.

Its database is cleaned by its own command, in a process of its own: a task may not reach it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from mlfactory.product.errors import ServiceError
from mlfactory.scheduler.login import airflow_home
from mlfactory.settings import settings

_SECONDS = 900
_ROWS_AT_ONCE = 1000
"""In a transaction: of SQLite nobody else writes meanwhile."""


def keep_logs(folder: Path, now: datetime, *, dry_run: bool) -> Iterator[str]:
    """Remove logs that nothing was written to for long, and folders that are empty then."""
    days = settings().airflow_logs_kept_days
    oldest = (now - timedelta(days=days)).timestamp()
    gone = 0
    for path in sorted(folder.rglob("*"), reverse=True) if folder.is_dir() else []:
        try:
            if path.is_symlink() or path.lstat().st_mtime >= oldest:
                continue
            if path.is_file():
                gone += 1
                if not dry_run:
                    path.unlink()
            elif not dry_run and not any(path.iterdir()):
                path.rmdir()
        except FileNotFoundError:
            continue  # another one was faster
        except OSError:
            continue  # a task writes its log there now
    if gone:
        yield f"Airflow's logs: {gone} files removed, older than {days} days"


def keep_database(now: datetime, *, dry_run: bool) -> Iterator[str]:
    """Remove from Airflow's database what it remembers of long ago; the last run always stays.

    Raises:
        ServiceError: its command fails, or takes too long.
    """
    address = airflow_database()
    if address is None:
        yield "Airflow's database: none is named here (MLFACTORY_AIRFLOW_DATABASE), and left alone"
        return
    days = settings().airflow_runs_kept_days
    before = (now - timedelta(days=days)).strftime("%Y-%m-%d %H:%M:%S+00:00")
    command = [str(Path(sys.executable).parent / "airflow"), "db", "clean", "--yes"]
    command += ["--clean-before-timestamp", before, "--batch-size", str(_ROWS_AT_ONCE)]
    command += ["--dry-run"] if dry_run else ["--skip-archive", "--error-on-cleanup-failure"]
    began = time.monotonic()
    try:
        done = subprocess.run(  # noqa: S603 - the command is our own
            command, env=_environment(address), capture_output=True, text=True, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise ServiceError(
            f"airflow db clean has not ended after {_SECONDS} s", remedy="it goes on the next time"
        ) from error
    if done.returncode:
        told = told_at_last(done.stderr or done.stdout)
        raise ServiceError(
            f"airflow db clean failed after {time.monotonic() - began:.0f} s: {told}",
            remedy="see whether Airflow's database answers and is that of this revision",
        )
    yield f"Airflow's database: cleaned of what is older than {days} days"


def told_at_last(output: str) -> str:
    """Return the last line of a program's output that tells something, empty if none does."""
    lines = (line.strip() for line in reversed(output.splitlines()))
    # after the error SQLAlchemy names a page about it
    return next((line for line in lines if line and not line.startswith("(Background on")), "")


def airflow_database() -> str | None:
    """Return the address of Airflow's database, with its login; None if none is known here."""
    named = settings().airflow_database
    if named is not None:
        return named.get_secret_value()
    path = airflow_home(settings()) / "airflow.db"
    return f"sqlite:///{path}" if path.exists() else None


def _environment(address: str) -> dict[str, str]:
    # in a task Airflow hides its database; and a shell may mean another Airflow
    others = ("_AIRFLOW_", "AIRFLOW_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return {
        **kept,
        "AIRFLOW_HOME": str(airflow_home(settings())),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address,
    }
