"""Whole factories to measure: embedded on this machine, and of docker-compose.yaml in an engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from support import REPOSITORY, free_port, fresh_environment, members, mlfactory

from mlfactory.settings import settings

PASSWORD = "of-a-benchmark"  # noqa: S105 of a factory that lives for minutes
PRODUCTS = REPOSITORY / "include" / "products"
UP_SECONDS = 900


@dataclass(frozen=True)
class Factory:
    """A factory that is up.

    Attributes:
        url: where its Airflow answers.
        login: of its first user.
        megabytes: returns the memory of all its parts together, in MiB.
        database_megabytes: returns the size of Airflow's database, in MiB.
        command: runs a command of `mlfactory` there and returns its wall seconds.
        places: how many tasks run at once on all of its workers.
    """

    url: str
    login: dict[str, str]
    megabytes: Callable[[], float]
    database_megabytes: Callable[[], float]
    command: Callable[[Sequence[str]], float]
    places: int


@contextmanager
def embedded(products: Path = PRODUCTS) -> Iterator[Factory]:
    """Give an embedded stack that has the products of a folder; it is stopped afterwards."""
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-") as name:
        home = Path(name)
        environment = {
            **fresh_environment(home),
            "MLFACTORY_PRODUCTS": str(products),
            "MLFACTORY_AIRFLOW_PASSWORD": PASSWORD,
        }
        try:
            mlfactory(["up"], environment)
            told = json.loads((home / "stack.json").read_text(encoding="utf-8"))
            leaders = [leader["pid"] for leader in told["leaders"].values()]
            yield Factory(
                told["addresses"]["airflow"],
                {"username": "admin", "password": PASSWORD},
                lambda: _shared_out(leaders),
                lambda: _size_of(home / "airflow" / "airflow.db"),
                lambda words: mlfactory(words, environment),
                settings().airflow_parallelism,
            )
        finally:
            mlfactory(["down"], environment)


@contextmanager
def composed(workers: int, products: Path | None = None) -> Iterator[Factory]:
    """Give the services of docker-compose.yaml, with volumes of their own; removed afterwards.

    A Docker engine must answer.

    Args:
        products: a folder of this machine; the image's own by default.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-") as name:
        override = Path(name) / "products.yaml"
        override.write_text(_with_products(products) if products else "{}", encoding="utf-8")
        environment = {
            **os.environ,
            "COMPOSE_FILE": f"{REPOSITORY / 'docker-compose.yaml'}{os.pathsep}{override}",
            "COMPOSE_PROJECT_NAME": f"mlfactory-bench-{os.getpid()}",
            "COMPOSE_ENV_FILES": os.devnull,
            "MLFACTORY_AIRFLOW_PORT": str(port),
            "MLFACTORY_MLFLOW_PORT": str(free_port()),
        }

        def compose(*words: str) -> str:
            done = subprocess.run(
                ["docker", "compose", "--project-directory", str(REPOSITORY), *words],
                env=environment,
                check=True,
                text=True,
                stdout=subprocess.PIPE,
            )
            return done.stdout.strip()

        def command(words: Sequence[str]) -> float:
            start = time.perf_counter()
            print(compose("exec", "-T", "api", "mlfactory", *words), file=sys.stderr)
            return time.perf_counter() - start

        try:
            compose("build", "secrets")
            compose(
                *("up", "--detach", "--scale", f"worker={workers}"),
                *("--wait", "--wait-timeout", str(UP_SECONDS)),
            )
            key = compose("exec", "-T", "api", "cat", "/run/mlfactory/mlfactory_airflow_password")
            yield Factory(
                f"http://127.0.0.1:{port}",
                {"username": "admin", "password": key},
                lambda: _of_containers(compose("ps", "--quiet").split()),
                lambda: int(compose(*_SIZE_IN_POSTGRESQL)) / 2**20,
                command,
                workers * settings().worker_slots,
            )
        finally:
            compose("down", "--volumes", "--timeout", "5")


_SIZE_IN_POSTGRESQL = (
    *("exec", "-T", "postgres", "psql", "--username", "postgres", "--tuples-only", "--no-align"),
    *("--command", "SELECT pg_database_size('airflow')"),
)

_PARTS = ("api", "scheduler", "dag-processor", "triggerer", "worker")


def _with_products(folder: Path) -> str:
    part = {
        "environment": {"MLFACTORY_PRODUCTS": "/products"},
        "volumes": [f"{folder}:/products:ro"],
    }
    return json.dumps({"services": dict.fromkeys(_PARTS, part)})


def _shared_out(leaders: list[int]) -> float:
    """Return the proportional set size of some processes and all that they have started, in MiB."""
    total = 0
    for leader in leaders:
        for process in members(leader):
            try:
                total += process.memory_full_info().pss
            except psutil.Error:
                # a task that has just ended
                continue
    return total / 2**20


def _of_containers(ids: list[str]) -> float:
    """Return the memory that Docker tells of some containers, in MiB."""
    units = {"B": 2**-20, "KiB": 2**-10, "MiB": 1.0, "GiB": 2.0**10}
    told = subprocess.run(
        ["docker", "stats", "--no-stream", "--format", "{{.MemUsage}}", *ids],
        check=True,
        text=True,
        stdout=subprocess.PIPE,
    ).stdout
    total = 0.0
    for line in told.splitlines():
        used = line.split("/")[0].strip()
        unit = next(unit for unit in reversed(units) if used.endswith(unit))
        total += float(used.removesuffix(unit)) * units[unit]
    return total


def _size_of(database: Path) -> float:
    files = database.parent.glob(f"{database.name}*")
    return sum(file.stat().st_size for file in files) / 2**20
