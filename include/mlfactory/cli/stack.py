"""The local stack: Airflow and MLflow on loopback, started, found again and stopped."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil

from mlfactory.cli.airflow_environment import airflow_environment, prepare_airflow_home
from mlfactory.cli.local_files import read_json, write_json
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.settings import Settings

_START_SECONDS = 180
_STOP_SECONDS = 6
_AIRFLOW_PARTS = ("metadatabase", "scheduler", "dag_processor")

Say = Callable[[str], None]


@dataclass(frozen=True)
class StackState:
    """The processes of a running stack, and where it is reached.

    Attributes:
        airflow_started: when the process was made, in seconds since 1970: the operating system
            gives the number of a process that has ended to another one.
    """

    airflow_pid: int
    airflow_started: float
    mlflow_pid: int
    mlflow_started: float
    airflow_url: str
    mlflow_url: str


def state(settings: Settings) -> StackState | None:
    """Return the running stack of this home, None if none runs."""
    recorded = read_json(_state_file(settings))
    if not recorded:
        return None
    found = StackState(**recorded)
    airflow = _process(found.airflow_pid, found.airflow_started)
    mlflow = _process(found.mlflow_pid, found.mlflow_started)
    return found if airflow and mlflow else None


def up(settings: Settings, say: Say) -> StackState:
    """Start Airflow and MLflow, wait until both answer, and return where they are.

    A stack that is up already is left as it is.

    Args:
        say: told what is being waited for.

    Raises:
        UsageError: if a port is taken.
        ServiceError: if a process ends or does not answer in time.
    """
    running = state(settings)
    if running is not None:
        say(f"already up: Airflow {running.airflow_url}, MLflow {running.mlflow_url}")
        return running
    down(settings, lambda _: None)  # what is left of a stack of which a part has died
    _refuse_taken_port(settings, settings.airflow_port, "Airflow", "MLFACTORY_AIRFLOW_PORT")
    _refuse_taken_port(settings, settings.mlflow_port, "MLflow", "MLFACTORY_MLFLOW_PORT")
    prepare_airflow_home(settings)
    mlflow = _start("mlflow", _mlflow_command(settings), _mlflow_environment(), settings)
    airflow = _start("airflow", ["airflow", "standalone"], airflow_environment(settings), settings)
    started = StackState(
        airflow_pid=airflow.pid,
        airflow_started=psutil.Process(airflow.pid).create_time(),
        mlflow_pid=mlflow.pid,
        mlflow_started=psutil.Process(mlflow.pid).create_time(),
        airflow_url=settings.airflow_url,
        mlflow_url=settings.mlflow_url,
    )
    write_json(_state_file(settings), asdict(started))
    try:
        say("starting MLflow and Airflow (the first time takes a little longer)")
        _wait("MLflow", mlflow, lambda: _mlflow_answers(settings), settings)
        say(f"MLflow is up at {started.mlflow_url}")
        _wait("Airflow", airflow, lambda: _airflow_is_healthy(settings), settings)
        say(f"Airflow is up at {started.airflow_url}")
    except BaseException:
        down(settings, lambda _: None)
        raise
    return started


def down(settings: Settings, say: Say) -> None:
    """Stop the stack of this home and everything it started; harmless where none runs."""
    recorded = read_json(_state_file(settings))
    if not recorded:
        say("nothing is up")
        return
    found = StackState(**recorded)
    # airflow standalone ends its children on SIGINT and forgets them on SIGTERM
    _stop(_process(found.airflow_pid, found.airflow_started), signal.SIGINT)
    _stop(_process(found.mlflow_pid, found.mlflow_started), signal.SIGTERM)
    _state_file(settings).unlink(missing_ok=True)
    say("Airflow and MLflow are down")


def log_file(settings: Settings, service: str) -> Path:
    """Return the log of a service of the stack."""
    return settings.home / "logs" / f"{service}.log"


def _start(
    service: str, command: Sequence[str], environment: dict[str, str], settings: Settings
) -> subprocess.Popen[bytes]:
    path = log_file(settings, service)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - the commands are our own
            [str(Path(sys.executable).parent / command[0]), *command[1:]],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment,
            cwd=settings.home,
            start_new_session=True,
        )


def _mlflow_command(settings: Settings) -> list[str]:
    home = settings.home / "mlflow"
    home.mkdir(parents=True, exist_ok=True)
    return [
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
    ]


def _mlflow_environment() -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # the jobs serve MLflow's features for language models, and cost 13 processes
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def _wait(
    service: str, process: subprocess.Popen[bytes], ready: Callable[[], bool], settings: Settings
) -> None:
    path = log_file(settings, service.lower())
    deadline = time.monotonic() + _START_SECONDS
    while not ready():
        if process.poll() is not None:
            raise ServiceError(
                f"{service} ended while starting:\n{_tail(path)}", remedy=f"read {path}"
            )
        if time.monotonic() > deadline:
            raise ServiceError(
                f"{service} did not answer within {_START_SECONDS} s", remedy=f"read {path}"
            )
        time.sleep(0.3)


def _mlflow_answers(settings: Settings) -> bool:
    try:
        url = f"http://{settings.host}:{settings.mlflow_port}/health"
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


def _airflow_is_healthy(settings: Settings) -> bool:
    try:
        health = httpx.get(f"{settings.airflow_url}/api/v2/monitor/health", timeout=5).json()
    except (httpx.HTTPError, json.JSONDecodeError):
        return False
    return all(health.get(part, {}).get("status") == "healthy" for part in _AIRFLOW_PARTS)


def _refuse_taken_port(settings: Settings, port: int, service: str, variable: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, port))
        except OSError as error:
            raise UsageError(
                f"{service} cannot use {settings.host}:{port}: {error.strerror}{_holder(port)}",
                remedy=f"stop it, or choose another port: {variable}={port + 1}",
            ) from None


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        return ""
    return ""


def _stop(leader: psutil.Process | None, gentle: signal.Signals) -> None:
    if leader is None:
        return
    try:
        members = [leader, *leader.children(recursive=True)]
        os.killpg(leader.pid, gentle)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return
    _, stubborn = psutil.wait_procs(members, timeout=_STOP_SECONDS)
    for process in stubborn:
        process.kill()
    psutil.wait_procs(stubborn, timeout=_STOP_SECONDS)


def _process(pid: int, started: float) -> psutil.Process | None:
    """Return the process if it is still the one that was started then."""
    try:
        found = psutil.Process(pid)
        same = abs(found.create_time() - started) < 1
        return found if same and found.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _tail(path: Path, lines: int = 15) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _state_file(settings: Settings) -> Path:
    return settings.home / "stack.json"
