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
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx
from stacks import Factory, composed, embedded
from support import show

ALLOWED = 1.4
WORKERS = 2
EDGES = ("start", "end")


@dataclass(frozen=True)
class Search:
    """A search of one family, as Airflow remembers it."""

    machine: str
    begun: datetime
    ended: datetime


def searches(factory: Factory, product: str) -> list[Search]:
    """Return every search of the product, as the API tells them."""
    with httpx.Client(base_url=factory.url, timeout=60) as client:
        answer = client.post("/auth/token", json=factory.login).raise_for_status()
        found = client.get(
            f"/api/v2/dags/{product}.train/dagRuns/~/taskInstances",
            params={"task_id": "search", "limit": 100},
            headers={"Authorization": f"Bearer {answer.json()['access_token']}"},
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
    with embedded() as factory:
        alone = factory.command(["replay", *span])
    with composed(WORKERS) as factory:
        apart = factory.command(["replay", *span])
        found = searches(factory, given.product)
    show(
        f"mlfactory replay {' '.join(span)}",
        ("", "embedded", "compose", "compose / embedded"),
        [("seconds", alone, apart, f"{apart / alone:.2f} (at most {ALLOWED})")],
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
    sys.exit(apart > ALLOWED * alone)


if __name__ == "__main__":
    main()
