"""The services of the local stack, as a list: what each runs, where it answers, how it ends."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from mlfactory.cli.airflow_environment import airflow_environment
from mlfactory.cli.environment import LET_IN, own_environment
from mlfactory.cli.other_mlflow import other_mlflow
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
    """Return the services of the stack, in the order in which they start.

    MLflow is none of them where the settings name another server.
    """
    own = [] if other_mlflow(settings) else [_mlflow(settings)]
    return [*own, _airflow(settings)]


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


def server_answers(address: str) -> bool:
    """Tell whether a server that is not ours answers; what it may show us is its own affair."""
    try:
        return httpx.get(f"{address.rstrip('/')}/health", timeout=5).status_code < 500
    except (httpx.HTTPError, httpx.InvalidURL):
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
    return Service(
        name="mlflow",
        title="MLflow",
        command=(
            "mlflow",
            "server",
            "--artifacts-destination",
            settings.artifacts_uri,
            "--host",
            settings.host,
            "--port",
            str(settings.mlflow_port),
            "--workers",
            "1",
        ),
        environment=mlflow_environment(settings),
        port=settings.mlflow_port,
        port_setting="MLFACTORY_MLFLOW_PORT",
        address=settings.local_mlflow,
        url=settings.mlflow_url,
        is_ready=lambda: mlflow_answers(settings.local_mlflow),
        stop_signal=signal.SIGTERM,
    )


def mlflow_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of the MLflow server, which keeps its data where the factory does.

    Of the MLFLOW_* of the user's shell those stay that say who may reach it; the others could point
    it elsewhere.
    """
    database = settings.tracking_uri
    if settings.mlflow_database is not None:
        database = settings.mlflow_database.get_secret_value()
    elif database.startswith(("http://", "https://")):
        # it is this very server that is named
        database = f"sqlite:///{settings.home / 'mlflow' / 'mlflow.db'}"
    return {
        **own_environment(*LET_IN),
        **_mlflow_on_s3(settings),
        # not among the arguments: it may have a password in it
        "MLFLOW_BACKEND_STORE_URI": database,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # the jobs serve MLflow's features for language models, and cost 13 processes
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def _mlflow_on_s3(settings: Settings) -> dict[str, str]:
    if not settings.artifacts_uri.startswith("s3://"):
        return {}
    from mlfactory.lake.s3 import addressing_style, reached_by_others

    return {**reached_by_others(), "MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE": addressing_style()}
