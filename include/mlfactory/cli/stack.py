"""The local stack: Airflow and MLflow on loopback, started, found again and stopped."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from mlfactory.cli.airflow_environment import prepare_airflow_home
from mlfactory.cli.local_files import read_json, write_json
from mlfactory.cli.processes import MARK, Leader, end, leader_of, members
from mlfactory.cli.services import Service, airflow_health, services
from mlfactory.product.errors import FactoryError, ServiceError, UsageError
from mlfactory.settings import Settings

_START_SECONDS = 180
_RECOVERY_SECONDS = 20

Say = Callable[[str], None]


@dataclass(frozen=True)
class Running:
    """A stack that was started: its id, and of each service the leading process and the address."""

    id: str
    leaders: Mapping[str, Leader]
    urls: Mapping[str, str]

    @property
    def airflow_url(self) -> str:
        """Return where Airflow is."""
        return self.urls["airflow"]

    @property
    def mlflow_url(self) -> str:
        """Return where MLflow is."""
        return self.urls["mlflow"]


def running(settings: Settings) -> Running | None:
    """Return the stack of this home if all that leads it runs, None if not.

    Raises:
        UsageError: if the record of the stack cannot be read.
    """
    found = _recorded(settings)
    if found is None or not all(leader.process() for leader in found.leaders.values()):
        return None
    return found


def ailment(found: Running) -> str:
    """Return what is wrong with a running Airflow, empty if it is well.

    A process can be there and do nothing: a scheduler tells of itself by its heartbeat.
    """
    health = airflow_health(found.airflow_url)
    if not health:
        return "it does not answer"
    for part in ("scheduler", "dag_processor"):
        told = health.get(part) or {}
        if told.get("status") != "healthy":
            last = told.get(f"latest_{part}_heartbeat")
            return f"its {part.replace('_', ' ')} {_silence(last)}"
    return ""


def up(settings: Settings, say: Say) -> tuple[Running, bool]:
    """Start Airflow and MLflow, wait until both answer, and return where they are.

    A stack that is up already is left as it is.

    Args:
        say: told what is being waited for.

    Returns:
        The stack, and whether it was started now.

    Raises:
        UsageError: if a port is taken.
        ServiceError: if a service ends or does not answer in time, or the stack that is up is
            unwell.
    """
    found = running(settings)
    if found is not None:
        _refuse_unwell(found)
        say(f"already up: Airflow {found.airflow_url}, MLflow {found.mlflow_url}")
        return found, False
    down(settings, lambda _: None)  # what is left of a stack of which a part has died
    wanted = services(settings)
    for service in wanted:
        _refuse_taken_port(settings, service)
    prepare_airflow_home(settings)
    (settings.home / "mlflow").mkdir(parents=True, exist_ok=True)
    stack_id = secrets.token_hex(8)
    started: dict[str, subprocess.Popen[bytes]] = {}
    leaders: dict[str, Leader] = {}
    try:
        for service in wanted:
            started[service.name] = process = _start(service, stack_id, settings)
            leaders[service.name] = leader_of(process.pid, service.stop_signal)
            # written after each, so that what was started is found whatever happens next
            _record(settings, Running(stack_id, leaders, {one.name: one.url for one in wanted}))
        say("starting MLflow and Airflow (the first time takes a little longer)")
        for service in wanted:
            _wait(service, started[service.name], settings)
            say(f"{service.title} is up at {service.url}")
    except BaseException:
        down(settings, lambda _: None)
        raise
    return Running(stack_id, leaders, {one.name: one.url for one in wanted}), True


def down(settings: Settings, say: Say) -> None:
    """Stop the stack of this home and everything it started; harmless where none runs.

    Raises:
        UsageError: if the record of the stack cannot be read.
    """
    found = _recorded(settings)
    if found is None:
        say("nothing is up")
        return
    leaders = list(found.leaders.values())
    end(found.id, leaders)
    left = members(found.id, leaders)
    if left:
        raise ServiceError(
            f"these processes of the stack do not end: {', '.join(str(one.pid) for one in left)}",
            remedy="end them by hand, then: mlfactory down",
        )
    _state_file(settings).unlink(missing_ok=True)
    say("Airflow and MLflow are down")


def log_file(settings: Settings, service: str) -> Path:
    """Return the log of a service of the stack."""
    return settings.home / "logs" / f"{service}.log"


def _refuse_unwell(found: Running) -> None:
    # a machine that is busy, or an Airflow that is just starting, is given a moment
    deadline = time.monotonic() + _RECOVERY_SECONDS
    while wrong := ailment(found):
        if time.monotonic() > deadline:
            raise ServiceError(
                f"Airflow at {found.airflow_url} runs, but {wrong}",
                remedy="start it again: mlfactory down; mlfactory up",
            )
        time.sleep(1)


def _silence(last: str | None) -> str:
    if not last:
        return "has never been heard of"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(last)).total_seconds()
    return f"has not been heard of for {seconds:,.0f} s"


def _start(service: Service, stack_id: str, settings: Settings) -> subprocess.Popen[bytes]:
    path = log_file(settings, service.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - the commands are our own
            [str(Path(sys.executable).parent / service.command[0]), *service.command[1:]],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**service.environment, MARK: stack_id},
            cwd=settings.home,
            start_new_session=True,
        )


def _wait(service: Service, process: subprocess.Popen[bytes], settings: Settings) -> None:
    path = log_file(settings, service.name)
    deadline = time.monotonic() + _START_SECONDS
    while not service.is_ready():
        if process.poll() is not None:
            raise ServiceError(
                f"{service.title} ended while starting:\n{_tail(path)}", remedy=f"read {path}"
            )
        if time.monotonic() > deadline:
            raise ServiceError(
                f"{service.title} did not answer within {_START_SECONDS} s", remedy=f"read {path}"
            )
        time.sleep(0.3)


def _refuse_taken_port(settings: Settings, service: Service) -> None:
    port = service.port
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, port))
        except OSError as error:
            raise UsageError(
                f"{service.title} cannot use {settings.host}:{port}: "
                f"{error.strerror}{_holder(port)}",
                remedy=f"stop it, or choose another port: {service.port_setting}={port + 1}",
            ) from None


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        return ""
    return ""


def _tail(path: Path, lines: int = 15) -> str:
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _record(settings: Settings, stack: Running) -> None:
    write_json(_state_file(settings), asdict(stack))


def _recorded(settings: Settings) -> Running | None:
    path = _state_file(settings)
    try:
        content = read_json(path)
        if not content:
            return None
        leaders = {name: Leader(**told) for name, told in content["leaders"].items()}
        return Running(content["id"], leaders, content["urls"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> FactoryError:
    return UsageError(
        f"{path} does not tell which processes the stack has ({type(error).__name__}: {error}); "
        "another revision of mlfactory, or a person, wrote it",
        remedy="end what it names by hand (ps -ef | grep -e 'airflow standalone' -e 'mlflow "
        f"server'), then remove {path}",
    )


def _state_file(settings: Settings) -> Path:
    return settings.home / "stack.json"
