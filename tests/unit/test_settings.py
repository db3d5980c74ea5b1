"""Settings: read from the environment, the same in every process."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlfactory.settings import Settings


def test_a_relative_home_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFACTORY_HOME", "state")
    assert Settings().home == tmp_path / "state"
    assert Settings().tracking_uri == f"sqlite:///{tmp_path}/state/mlflow/mlflow.db"


def test_a_port_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFACTORY_AIRFLOW_PORT", "99999")
    with pytest.raises(ValueError, match="airflow_port"):
        Settings()


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFACTORY_AIRFLOW_PASSWORD", "open sesame")
    assert "sesame" not in repr(Settings())
