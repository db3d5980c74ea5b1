"""The command as a process: what is wrong with its settings is a message."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_a_setting_that_cannot_be_is_named_by_its_variable() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "mlfactory"), "status"],
        env={**os.environ, "MLFACTORY_AIRFLOW_PORT": "99999"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "MLFACTORY_AIRFLOW_PORT" in done.stderr
    assert "99999" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_cannot_be_is_told_without_its_login() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "mlfactory"), "status"],
        env={**os.environ, "MLFACTORY_LAKE": "ftp://somebody:geheim@example.com/lake"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "ftp://example.com/lake" in done.stderr.replace("\n", "")
    assert "geheim" not in done.stderr


def test_secrets_that_are_no_folder_are_told(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.touch()
    done = subprocess.run(
        [str(Path(sys.executable).parent / "mlfactory"), "status"],
        env={**os.environ, "MLFACTORY_SECRETS": str(file)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "MLFACTORY_SECRETS cannot be read: " in done.stderr and f"'{file}'" in done.stderr
