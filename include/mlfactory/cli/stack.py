"""The local stack: Airflow and MLflow on loopback, started, found again and stopped."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from mlfactory.cli import record
from mlfactory.cli.airflow_environment import prepare_airflow_home
from mlfactory.cli.local_files import claimed
from mlfactory.cli.other_mlflow import other_mlflow
from mlfactory.cli.own_stack import stack_name
from mlfactory.cli.processes import MARK, described, end, leader_of, mark
from mlfactory.cli.record import Running
from mlfactory.cli.services import Service, server_answers, services
from mlfactory.lake.stack import claim_lake
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.settings import Settings

_START_SECONDS = 180
_RECOVERY_SECONDS = 20
_STOP_SECONDS = 30

Say = Callable[[str], None]


def up(settings: Settings, say: Say, more: Sequence[Service] = ()) -> tuple[Running, bool]:
    """Start Airflow and MLflow, wait until both answer, and return where they are.

    An MLflow server that the settings name is used, and none is started then. What is up already is
    left as it is: where one service has died, only that one is started.

    Args:
        say: told what is being waited for.
        more: services that are started before the stack's own.

    Returns:
        The stack, and whether it was started now.

    Raises:
        UsageError: if a port is taken, the lake is another stack's, another process is starting or
            stopping the stack, or the stack that is up has another MLflow than the settings name.
        ServiceError: if a service ends or does not answer in time, the MLflow that the settings
            name does not answer, or the stack that is up is unwell.
    """
    other = other_mlflow(settings)
    with _alone(settings):
        found = record.running(settings)
        if found is None or found.dead:
            _use_other(other, say)
            claim_lake(stack_name(settings))
            wanted = [*more, *services(settings)]
            kept = _kept(settings, found, wanted, other, say)
            return _start_missing(settings, kept, wanted, say), True
    _refuse_other_mlflow(found, other)
    _refuse_unwell(found)
    say(f"already up: Airflow {found.airflow_url}, MLflow {found.mlflow_url}")
    return found, False


def _kept(
    settings: Settings,
    found: Running | None,
    wanted: Sequence[Service],
    other: str | None,
    say: Say,
) -> Running:
    """Clear away what is left of services that have died, and return the stack without them.

    What lives stays as long as it is where the settings say; its tasks look for the others there.
    """
    addresses = {one.name: one.address for one in wanted}
    urls = {"mlflow": settings.mlflow_url} | {one.name: one.url for one in wanted}
    others = {"mlflow": other} if other else {}
    there = (addresses, others)
    if found is not None:
        say(found.obituary)
    if (
        found is None
        or (found.addresses, found.others) != there
        or set(found.dead) == set(addresses)
    ):
        _stop(settings)
        return Running(secrets.token_hex(8), {}, addresses, urls, others)
    for name in found.dead:
        _end(found, name)
    living = {name: found.leaders[name] for name in found.leaders if name not in found.dead}
    return Running(found.id, living, addresses, urls, others)


def _use_other(other: str | None, say: Say) -> None:
    """Say which MLflow is used, where that is another one than the stack's own.

    Raises:
        ServiceError: if it does not answer.
    """
    if other is None:
        return
    if not server_answers(other):
        wrong = record.unanswered(other)
        raise ServiceError(wrong.problem, remedy=wrong.remedy)
    say(f"MLflow is the one at {other}, which MLFACTORY_MLFLOW_URI names; none is started")


def _start_missing(
    settings: Settings, kept: Running, wanted: Sequence[Service], say: Say
) -> Running:
    missing = [service for service in wanted if service.name not in kept.leaders]
    for service in missing:
        _refuse_taken_port(settings, service)
    prepare_airflow_home(settings)
    if "mlflow" in kept.addresses:
        (settings.home / "mlflow").mkdir(parents=True, exist_ok=True)
    started: dict[str, subprocess.Popen[bytes]] = {}
    leaders = dict(kept.leaders)
    stack = replace(kept, leaders=leaders)
    try:
        # before the first, for then whatever carries the mark is found, whenever this ends
        record.write(settings, stack)
        for service in missing:
            started[service.name] = process = _start(service, stack.id, settings)
            leaders[service.name] = leader_of(process.pid, service.stop_signal)
            record.write(settings, stack)
        names = " and ".join(service.title for service in missing)
        say(f"starting {names} (the first time takes a little longer)")
        for service in missing:
            _wait(service, started[service.name], settings)
            say(f"{service.title} is up at {service.url}")
    except BaseException:
        for service in missing:
            _end(stack, service.name)
        if not kept.leaders:
            record.forget(settings)
        raise
    return stack


def down(settings: Settings, say: Say) -> None:
    """Stop the stack of this home and everything it started; harmless where none runs.

    Raises:
        UsageError: if the record of the stack cannot be read, or another process is starting it.
        ServiceError: if something of it does not end.
    """
    with _alone(settings, wait=_STOP_SECONDS):
        found = _stop(settings)
        if found is None:
            say("nothing is up")
        elif other := found.others.get("mlflow"):
            say(f"Airflow is down; MLflow at {other} was not started by this, and is left alone")
        else:
            say("Airflow and MLflow are down")


def _stop(settings: Settings) -> Running | None:
    """Stop whatever the record of the stack names, and return what that was, if there is one."""
    found = record.recorded(settings)
    if found is not None:
        _end(found)
        record.forget(settings)
    return found


def _end(stack: Running, service: str = "") -> None:
    left = end(stack.id, stack.leaders, service)
    if left:
        raise ServiceError(
            f"these processes of the stack do not end: {', '.join(map(described, left))}",
            remedy="end them by hand, as the user they belong to, then: mlfactory down",
        )


@contextmanager
def _alone(settings: Settings, wait: float = 0) -> Iterator[None]:
    """Let only one process of this machine start or stop the stack of a home at a time."""
    with claimed(settings.home / "stack.lock", wait) as other:
        if other:
            raise UsageError(
                f"another mlfactory, process {other}, is starting or stopping the stack of "
                f"{settings.home}",
                remedy=f"wait until it is done (mlfactory status), or end it first: kill {other}",
            )
        yield


def log_file(settings: Settings, service: str) -> Path:
    """Return the log of a service of the stack."""
    return settings.home / "logs" / f"{service}.log"


def _refuse_other_mlflow(found: Running, other: str | None) -> None:
    """Make sure that the tasks of a stack that is up use the MLflow that the settings name.

    Raises:
        UsageError: if not; to start it anew would end what it runs at this moment.
    """
    used = found.others.get("mlflow")
    if used == other:
        return
    raise UsageError(
        f"the stack is up with {_named(used)}, and the settings name {_named(other)} "
        "(MLFACTORY_MLFLOW_URI)",
        remedy="start it anew: mlfactory down; mlfactory up; or let the settings name the former",
    )


def _named(other: str | None) -> str:
    return f"the MLflow at {other}" if other else "an MLflow of its own"


def _refuse_unwell(found: Running) -> None:
    # a machine that is busy, or an Airflow that is just starting, is given a moment
    deadline = time.monotonic() + _RECOVERY_SECONDS
    while wrong := record.ailments(found):
        if time.monotonic() > deadline:
            problems = "; ".join(ailment.problem for ailment in wrong)
            raise ServiceError(f"the stack is up, but {problems}", remedy=wrong[0].remedy)
        time.sleep(1)


def _start(service: Service, stack_id: str, settings: Settings) -> subprocess.Popen[bytes]:
    path = log_file(settings, service.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - the commands are our own
            [str(Path(sys.executable).parent / service.command[0]), *service.command[1:]],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**service.environment, MARK: mark(stack_id, service.name)},
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
