"""The same half year on one machine twice: embedded, and on the compose stack with two workers.

What is timed is `mlfactory replay`, by itself and on a stack that is up and has no state, so that
both do the same runs. That two workers search at once is told by Airflow's own record of the
searches: when each began and ended, and on which machine.

Needs a Docker engine with Compose 2, and nothing else running on the machine.

Usage: python benchmarks/compose.py [--product P] [--first KEY] [--last KEY]
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import httpx
from support import REPOSITORY, free_port, mlfactory, show, stack

ALLOWED = 1.4
WORKERS = 2
UP_SECONDS = 900
EDGES = ("start", "end")


@dataclass(frozen=True)
class Search:
    """A search of one family, as Airflow remembers it."""

    machine: str
    begun: datetime
    ended: datetime


def compose(environment: Mapping[str, str], *arguments: str) -> str:
    """Run docker compose and return what it printed; what it says of itself goes to stderr."""
    done = subprocess.run(
        ["docker", "compose", "--env-file", os.devnull, *arguments],
        cwd=REPOSITORY,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


@contextmanager
def server() -> Iterator[dict[str, str]]:
    """Give the environment of a compose stack that is up; it and its volumes are removed then."""
    environment = {
        **os.environ,
        "COMPOSE_PROJECT_NAME": f"mlfactory-bench-{os.getpid()}",
        "MLFACTORY_AIRFLOW_PORT": str(free_port()),
        "MLFACTORY_MLFLOW_PORT": str(free_port()),
    }
    try:
        compose(
            environment,
            *("up", "--detach", "--scale", f"worker={WORKERS}"),
            *("--wait", "--wait-timeout", str(UP_SECONDS)),
        )
        yield environment
    finally:
        compose(environment, "down", "--volumes", "--timeout", "5")


def searches(environment: Mapping[str, str], product: str) -> list[Search]:
    """Return every search of the product, as the API tells them."""
    password = compose(
        environment, "exec", "-T", "api", "cat", "/run/mlfactory/mlfactory_airflow_password"
    )
    url = f"http://127.0.0.1:{environment['MLFACTORY_AIRFLOW_PORT']}"
    with httpx.Client(base_url=url, timeout=60) as client:
        login = {"username": "admin", "password": password.strip()}
        token = client.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        found = client.get(
            f"/api/v2/dags/{product}.train/dagRuns/~/taskInstances",
            params={"task_id": "search", "limit": 100},
            headers={"Authorization": f"Bearer {token}"},
        ).raise_for_status()
    return [
        Search(row["hostname"], *(datetime.fromisoformat(row[f"{edge}_date"]) for edge in EDGES))
        for row in found.json()["task_instances"]
        if row["task_id"] == "search" and row["end_date"]
    ]


def seconds_at_once(found: Sequence[Search]) -> float:
    """Return for how many seconds searches went on at once on two machines or more."""
    edges = sorted({edge for search in found for edge in (search.begun, search.ended)})
    total = 0.0
    for begun, ended in itertools.pairwise(edges):
        machines = {one.machine for one in found if one.begun <= begun and one.ended >= ended}
        total += (ended - begun).total_seconds() if len(machines) > 1 else 0.0
    return total


def main() -> None:
    """Measure and print; ends non-zero where the server takes more than it may."""
    asked = argparse.ArgumentParser(description="embedded beside the compose stack")
    asked.add_argument("--product", default="flight_delay")
    asked.add_argument("--first", default="2013-01-01")
    asked.add_argument("--last", default="2013-06-01")
    given = asked.parse_args()
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        print("left out: no Docker engine answers (docker info)")
        return
    span = (given.product, given.first, given.last)
    with stack() as (environment, _):
        embedded = mlfactory(["replay", *span], environment)
    compose({**os.environ}, "build", "--quiet", "secrets")
    begun = time.perf_counter()
    with server() as environment:
        up = time.perf_counter() - begun
        begun = time.perf_counter()
        compose(environment, "exec", "-T", "api", "mlfactory", "replay", *span)
        apart = time.perf_counter() - begun
        found = searches(environment, given.product)
    show(
        f"mlfactory replay {' '.join(span)}; the compose stack was up after {up:.0f} s",
        ("", "embedded", "compose", "compose / embedded"),
        [("seconds", embedded, apart, f"{apart / embedded:.2f} (at most {ALLOWED})")],
    )
    show(
        "searches on the compose stack",
        ("", ""),
        [
            ("searches", len(found)),
            ("on machines", len({search.machine for search in found})),
            ("seconds on two at once", seconds_at_once(found)),
        ],
    )
    sys.exit(apart > ALLOWED * embedded)


if __name__ == "__main__":
    main()
