"""What integration tests may use: an MLflow file with its tables made, a shop with trainings."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from mlflow import MlflowClient

from mlfactory.settings import settings
from tests.integration.shops import Shop, spec_of


@pytest.fixture
def home(
    home: Path,
    lake_place: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """Give an empty folder for all state of the test, whose lake may lie on S3."""
    if lake_place != "s3":
        yield home
        return
    server, prefix = request.getfixturevalue("s3_server"), uuid4().hex
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MLFACTORY_LAKE", f"s3://{server.bucket}/{prefix}")
    settings.cache_clear()
    yield home
    server.clear(prefix)


@pytest.fixture
def another_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give a function that goes on in another home, with a lake of its own beside the first."""
    lake = settings().lake_uri

    def go_on_in(name: str) -> None:
        monkeypatch.setenv("MLFACTORY_HOME", str(home / name))
        if lake.startswith("s3://"):
            monkeypatch.setenv("MLFACTORY_LAKE", f"{lake}/{name}")
        settings.cache_clear()

    return go_on_in


@pytest.fixture(scope="session")
def empty_mlflow_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the tables of MLflow once, for that takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}", f"sqlite:///{path}").search_registered_models()
    return path


@pytest.fixture
def mlflow_file(home: Path, empty_mlflow_file: Path) -> Path:
    """Give the test's home an MLflow file without runs and versions."""
    path = Path(settings().tracking_uri.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True)
    shutil.copy(empty_mlflow_file, path)
    return path


@pytest.fixture
def shop(mlflow_file: Path, make_product) -> Shop:
    """Give a product of days with binary labels, and six days of features."""
    made = Shop(make_product(spec_of()))
    made.sell(*range(1, 7))
    return made
