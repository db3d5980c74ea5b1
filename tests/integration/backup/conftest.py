"""Places for backups: a folder, and a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from tests.integration.backup import small
from tests.s3.server import S3Server


@pytest.fixture(params=["folder", "s3"])
def backup(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """Give an empty place for a backup."""
    if request.param == "folder":
        yield str(tmp_path / "backup")
        return
    server: S3Server = request.getfixturevalue("s3_server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    prefix = uuid4().hex
    yield f"s3://{server.bucket}/{prefix}"
    server.clear(prefix)


@pytest.fixture
def factory(mlflow_file: Path) -> None:
    """Let this home have a factory made by hand."""
    small.factory()


class Killed(BaseException):
    """What a process is stopped with in the midst of its work."""


@pytest.fixture
def killed() -> type[Killed]:
    """Give what a process is stopped with."""
    return Killed
