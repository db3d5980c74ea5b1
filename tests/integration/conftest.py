"""What integration tests may use: an MLflow file with its tables made, a shop with trainings."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from mlfactory.settings import settings
from tests.integration.shops import Shop, spec_of


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
