"""Where the services keep what they have is said by our settings, whatever the shell says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlfactory.cli.airflow_environment import airflow_environment
from mlfactory.cli.services import Service, services
from mlfactory.settings import Settings


def mlflow(settings: Settings) -> Service:
    (found,) = (service for service in services(settings) if service.name == "mlflow")
    return found


def test_the_address_for_links_is_for_links_alone(tmp_path: Path) -> None:
    chosen = Settings(home=tmp_path, mlflow_ui="https://mlflow.example.com", mlflow_port=5123)
    assert airflow_environment(chosen)["MLFACTORY_MLFLOW_URI"] == "http://127.0.0.1:5123"
    assert mlflow(chosen).address == "http://127.0.0.1:5123"
    assert mlflow(chosen).url == "https://mlflow.example.com"


def test_tasks_and_the_server_have_one_database(tmp_path: Path) -> None:
    there = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    chosen = Settings(home=tmp_path, mlflow_uri=there)
    assert airflow_environment(chosen)["MLFACTORY_MLFLOW_URI"] == there
    assert mlflow(chosen).environment["MLFLOW_BACKEND_STORE_URI"] == there
    assert not any("elsewhere" in word for word in mlflow(chosen).command)


@pytest.mark.parametrize("there", ["https://mlflow.example.com", "http://127.0.0.1:5999"])
def test_no_server_is_started_beside_the_one_that_the_settings_name(
    tmp_path: Path, there: str
) -> None:
    chosen = Settings(home=tmp_path, mlflow_uri=there)
    assert [service.name for service in services(chosen)] == ["airflow"]
    assert chosen.other_mlflow == there
    assert airflow_environment(chosen)["MLFACTORY_MLFLOW_URI"] == there


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_that_is_named_where_ours_would_be_is_ours(tmp_path: Path, host: str) -> None:
    chosen = Settings(home=tmp_path, mlflow_uri=f"http://{host}:5123/", mlflow_port=5123)
    ours = f"sqlite:///{tmp_path / 'mlflow' / 'mlflow.db'}"
    assert mlflow(chosen).environment["MLFLOW_BACKEND_STORE_URI"] == ours


@pytest.mark.parametrize(
    "name",
    [
        "MLFLOW_TRACKING_URI",
        "MLFLOW_REGISTRY_URI",
        "MLFLOW_REGISTRY_STORE_URI",
        "MLFLOW_DEFAULT_ARTIFACT_ROOT",
        "MLFLOW_S3_ENDPOINT_URL",
        "MLFLOW_STATIC_PREFIX",
        "MLFLOW_EXPERIMENT_NAME",
        "MLFLOW_RUN_ID",
        "_MLFLOW_SERVER_FILE_STORE",
    ],
)
def test_what_points_another_mlflow_somewhere_does_not_get_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "elsewhere")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    monkeypatch.setenv("MLFLOW_SERVER_ALLOWED_HOSTS", "factory.example.com")
    chosen = Settings(home=tmp_path)
    tasks, server = airflow_environment(chosen), mlflow(chosen).environment
    assert name not in tasks and name not in server
    # how to get in at our own setting's server, and who may reach ours, is still the user's to say
    assert tasks["MLFLOW_TRACKING_TOKEN"] == "secret"
    assert server["MLFLOW_SERVER_ALLOWED_HOSTS"] == "factory.example.com"
