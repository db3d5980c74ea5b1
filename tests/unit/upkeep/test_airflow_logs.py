from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mlfactory.upkeep.airflow import airflow_database, keep_database, keep_logs, told_at_last

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def log(folder: Path, name: str, days: int) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a line")
    moment = (NOW - timedelta(days=days)).timestamp()
    os.utime(path, (moment, moment))
    os.utime(path.parent, (moment, moment))
    return path


def test_logs_go_when_nothing_was_written_to_them_for_long(tmp_path: Path, home: Path) -> None:
    old = log(tmp_path, "dag_id=a/run_id=1/task.log", 40)
    young = log(tmp_path, "dag_id=a/run_id=2/task.log", 2)
    told = list(keep_logs(tmp_path, NOW, dry_run=True))
    assert told == ["Airflow's logs: 1 files removed, older than 30 days"]
    assert old.exists()
    assert list(keep_logs(tmp_path, NOW, dry_run=False)) == told
    assert not old.exists() and young.exists()
    assert list(keep_logs(tmp_path, NOW, dry_run=False)) == []


def test_no_airflow_means_no_logs_and_no_database(tmp_path: Path, home: Path) -> None:
    assert list(keep_logs(tmp_path / "none", NOW, dry_run=False)) == []
    assert airflow_database() is None
    (told,) = keep_database(NOW, dry_run=False)
    assert "none is named here" in told


def test_the_error_of_airflows_command_is_told_and_not_a_page_about_it() -> None:
    output = """Traceback (most recent call last):
    sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) connection refused
    (Background on this error at: https://sqlalche.me/e/21/e3q8)

    """
    assert told_at_last(output).endswith("connection refused")
    assert told_at_last("") == ""
