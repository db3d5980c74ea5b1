"""Where a version is released to."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mlfactory.settings import Settings, settings


@pytest.fixture
def production(
    tmp_path: Path, empty_mlflow_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Give an empty environment with a home of its own."""
    folder, home = tmp_path / "environments", tmp_path / "production"
    folder.mkdir()
    (folder / "staging.env").write_text("MLFACTORY_RECONCILE_MENDS=false\n")
    (folder / "production.env").write_text(f"MLFACTORY_HOME={home}\n")
    (home / "mlflow").mkdir(parents=True)
    shutil.copy(empty_mlflow_file, home / "mlflow" / "mlflow.db")
    monkeypatch.setenv("MLFACTORY_ENVIRONMENTS", str(folder))
    monkeypatch.setenv("MLFACTORY_ENV", "staging")
    settings.cache_clear()
    return Settings(env="production", environments=folder)
