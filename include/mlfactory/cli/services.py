"""The services of the local stack, as a list: what each runs, where it answers, how it ends."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from mlfactory.cli.airflow_environment import airflow_environment, own_environment
from mlfactory.settings import Settings

_NEEDED_PARTS = ("metadatabase", "scheduler", "dag_processor")


@dataclass(frozen=True)
class Service:
    """A service of the stack.

    Attributes:
        name: of its log file and in the record of the stack.
        title: what people call it.
        command: its program, which lies beside this Python, and the arguments.
        port_setting: the variable that chooses its port.
        address: where it answers on this machine.
        url: where a person opens it.
        is_ready: tells whether it answers and is well.
        stop_signal: what its leading process ends itself and its children on.
    """

    name: str
    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    port: int
    port_setting: str
    address: str
    url: str
    is_ready: Callable[[], bool]
    stop_signal: signal.Signals


def services(settings: Settings) -> list[Service]:
    """Return the services of the stack, in the order in which they start."""
    return [_mlflow(settings), _airflow(settings)]


def airflow_health(url: str) -> dict[str, dict[str, str | None]]:
    """Return what Airflow says about each of its parts, nothing if it does not answer."""
    try:
        health = httpx.get(f"{url}/api/v2/monitor/health", timeout=5).json()
    except (httpx.HTTPError, ValueError):
        return {}
    return health if isinstance(health, dict) else {}


def mlflow_answers(address: str) -> bool:
    """Tell whether an MLflow server answers at an address."""
    try:
        return httpx.get(f"{address}/health", timeout=5).is_success
    except httpx.HTTPError:
        return False


def _airflow(settings: Settings) -> Service:
    def is_ready() -> bool:
        health = airflow_health(settings.airflow_url)
        return all((health.get(part) or {}).get("status") == "healthy" for part in _NEEDED_PARTS)

    return Service(
        name="airflow",
        title="Airflow",
        command=("airflow", "standalone"),
        environment=airflow_environment(settings),
        port=settings.airflow_port,
        port_setting="MLFACTORY_AIRFLOW_PORT",
        address=settings.airflow_url,
        url=settings.airflow_url,
        is_ready=is_ready,
        # it ends its children on SIGINT and forgets them on SIGTERM
        stop_signal=signal.SIGINT,
    )


def _mlflow(settings: Settings) -> Service:
    home = settings.home / "mlflow"
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return Service(
        name="mlflow",
        title="MLflow",
        command=(
            "mlflow",
            "server",
            "--backend-store-uri",
            f"sqlite:///{home / 'mlflow.db'}",
            "--artifacts-destination",
            settings.artifacts_uri,
            "--host",
            settings.host,
            "--port",
            str(settings.mlflow_port),
            "--workers",
            "1",
        ),
        environment={
            **({"MLFLOW_S3_ENDPOINT_URL": endpoint} if endpoint else {}),
            **own_environment(),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            # the jobs serve MLflow's features for language models, and cost 13 processes
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        },
        port=settings.mlflow_port,
        port_setting="MLFACTORY_MLFLOW_PORT",
        address=settings.local_mlflow,
        url=settings.mlflow_url,
        is_ready=lambda: mlflow_answers(settings.local_mlflow),
        stop_signal=signal.SIGTERM,
    )
