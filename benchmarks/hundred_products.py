"""Many small products on one Airflow, each through three partitions and a training: what it holds.

All runs of data are asked for at once, which no schedule does: it is the worst that can come. Then
there are more tasks than places, on workers and in the pool of trainings: that wait is the
machine's. The scheduler's is while a place was free, see waiting.py.

The products are made by this script. They run on an embedded stack of its own, or with `--compose`
on the services of docker-compose.yaml, with PostgreSQL, Celery and two workers.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
from stacks import Factory, composed, embedded
from support import REPOSITORY, show
from waiting import Task, task_of, waits_for_scheduler, waits_to_be_seen

KEYS = ("2026-01-01", "2026-02-01", "2026-03-01")
PARTS = ("data", "score", "monitor", "train")
ROWS_A_MONTH = 280
WORKERS = 2
POLL_SECONDS = 3.0
ATTEMPTS = 6
TASKS = REPOSITORY / "var" / "hundred_products.json"
# Airflow's name of it in its log of events
STUCK = "stuck in queued reschedule"

SPEC = """\
apiVersion: mlfactory/v1
name: {name}
partition: {{every: month, start: 2026-01-01, end: 2026-04-01}}
sources:
  rows: {{kind: csv, path: rows.csv, event_time: at}}
features: {{key: [id], event_time: at, numeric: [x, z]}}
label: {{column: y, kind: binary}}
train:
  window: 2 partitions
  holdout: 1 partition
  candidates: [logistic_regression]
  search: {{trials: 1, seconds: 5}}
"""


@dataclass
class Airflow:
    """The API of a factory's Airflow.

    Attributes:
        refused: how often it was too busy to answer.
    """

    factory: Factory
    refused: int = 0

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.factory.url, timeout=120)
        answer = self.client.post("/auth/token", json=self.factory.login).raise_for_status()
        self.client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def ask(self, method: str, path: str, **given: Any) -> Any:
        """Return the answer to a request."""
        for attempt in range(ATTEMPTS):
            answer = self.client.request(method, f"/api/v2{path}", **given)
            if answer.status_code < 500:
                break
            # SQLite is locked while the scheduler writes
            self.refused += 1
            time.sleep(0.5 * 2**attempt)
        if answer.status_code != 409:
            answer.raise_for_status()
        return answer.json()

    def pages(self, path: str, name: str, **asked: Any) -> Iterator[dict[str, Any]]:
        """Yield the rows of all pages of an answer."""
        offset = 0
        while True:
            page = self.ask("GET", path, params={**asked, "limit": 100, "offset": offset})
            yield from page[name]
            offset += len(page[name])
            if not page[name] or offset >= page["total_entries"]:
                return


def make_products(folder: Path, count: int) -> list[str]:
    """Write so many products of ten rows a day; return their names."""
    names = [f"bench_{number:03}" for number in range(count)]
    for name in names:
        draw = random.Random(name)  # noqa: S311 rows, no secrets
        own = folder / name
        own.mkdir(parents=True, exist_ok=True)
        lines = ["id,at,x,z,y"]
        for key in KEYS:
            for row in range(ROWS_A_MONTH):
                x, z = draw.gauss(0, 1), draw.gauss(0, 1)
                y = int(x + draw.gauss(0, 1) > 0)
                at = f"{key[:7]}-{1 + row // 10:02}T{row % 24:02}:{row % 60:02}:00"
                lines.append(f"{key}-{row},{at},{x:.4f},{z:.4f},{y}")
        (own / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (own / "features.py").write_text(
            "def build(sources):\n    return sources['rows']\n", encoding="utf-8"
        )
        (own / "product.yaml").write_text(SPEC.format(name=name), encoding="utf-8")
    return names


def switch_on(airflow: Airflow, names: list[str]) -> float:
    """Return how many seconds it took until all DAGs were known; they are not paused then."""
    start = time.perf_counter()
    wanted = {f"{name}.{part}" for name in names for part in PARTS}
    while True:
        # a DAG is listed before it can be run: until its first version is written
        versions = airflow.pages("/dags/~/dagVersions", "dag_versions")
        if wanted <= {row["dag_id"] for row in versions}:
            break
        time.sleep(1)
    seconds = time.perf_counter() - start
    for dag_id in sorted(wanted):
        airflow.ask("PATCH", f"/dags/{dag_id}", json={"is_paused": False})
    return seconds


def run_all(airflow: Airflow, names: list[str], longest: float) -> tuple[float, float, int]:
    """Ask for every partition of every product at once, and wait until all is at rest.

    Returns:
        The seconds that it took, the most memory, and how many runs are not over after `longest`.
    """
    start = time.perf_counter()
    for key in KEYS:
        for name in names:
            body = {"dag_run_id": f"bench__{key}", "logical_date": None, "partition_key": key}
            airflow.ask("POST", f"/dags/{name}.data/dagRuns", json=body)
    megabytes = 0.0
    while True:
        megabytes = max(megabytes, airflow.factory.megabytes())
        # each key has its data, score and monitor, and each product one training at least
        runs = airflow.ask(
            "GET", "/dags/~/dagRuns", params={"dag_id_prefix_pattern": "bench", "limit": 1}
        )["total_entries"]
        active = airflow.ask(
            "GET",
            "/dags/~/dagRuns",
            params={
                "dag_id_prefix_pattern": "bench",
                "state": ["queued", "running"],
                "limit": 1,
            },
        )["total_entries"]
        left = max(active, len(names) * (3 * len(KEYS) + 1) - runs)
        seconds = time.perf_counter() - start
        if not left or seconds > longest:
            return seconds, megabytes, left
        print(f"{seconds:.0f} s: {runs} runs, {active} not over", file=sys.stderr)
        time.sleep(POLL_SECONDS)


def tasks_of(airflow: Airflow, names: list[str]) -> tuple[list[Task], list[str]]:
    """Return the tasks that have run, and those that failed in words."""
    found, failed = list[Task](), list[str]()
    for name in names:
        for part in PARTS:
            path = f"/dags/{name}.{part}/dagRuns/~/taskInstances"
            for told in airflow.pages(path, "task_instances"):
                if told["state"] in ("failed", "upstream_failed"):
                    failed.append(f"{told['dag_id']} {told['task_id']}: {told['state']}")
                if task := task_of(told):
                    found.append(task)
    return found, failed


def main() -> None:
    """Measure and print; ends non-zero where a task failed, or all was not at rest in time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=100)
    parser.add_argument("--compose", action="store_true", help="on the services of a server")
    parser.add_argument("--seconds", type=float, default=3 * 3600, help="to wait at most")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-") as folder:
        # workers in containers have another user
        Path(folder).chmod(0o755)
        names = make_products(Path(folder), given.products)
        where = composed(WORKERS, Path(folder)) if given.compose else embedded(Path(folder))
        with where as factory:
            measure(Airflow(factory), names, given.seconds)


def measure(airflow: Airflow, names: list[str], longest: float) -> None:
    """Let the products live and print what was seen; see `main`."""
    factory = airflow.factory
    parsed = switch_on(airflow, names)
    before = factory.database_megabytes()
    seconds, megabytes, left = run_all(airflow, names, longest)
    tasks, failed = tasks_of(airflow, names)
    slots = {pool["name"]: pool["slots"] for pool in airflow.pages("/pools", "pools")}
    scheduler = waits_for_scheduler(tasks, slots, factory.places)
    TASKS.parent.mkdir(exist_ok=True)
    TASKS.write_text(json.dumps([asdict(task) for task in tasks]), encoding="utf-8")
    print(f"every task with its times: {TASKS}", file=sys.stderr)
    for wait, task in sorted(zip(scheduler, tasks, strict=True), key=lambda each: -each[0])[:5]:
        print(f"waited {wait:.1f} s for the scheduler: {task}", file=sys.stderr)
    place = [task.begun - task.ready - wait for task, wait in zip(tasks, scheduler, strict=True)]
    seen = waits_to_be_seen(tasks)
    again = airflow.ask("GET", "/eventLogs", params={"event": STUCK, "limit": 1})["total_entries"]
    after = factory.database_megabytes()
    status = factory.command(["status", names[0]])
    rows: list[tuple[str, object]] = [
        ("until all DAGs are known, s", parsed),
        ("until all is at rest, s", f"{seconds:.0f}" if not left else f"over {seconds:.0f}"),
        ("runs that are not over, or not begun", left),
        ("tasks that have run", len(tasks)),
        ("tasks a minute", len(tasks) / seconds * 60),
        ("not given out though workers had too little to do, median s", _share(scheduler, 0.5)),
        ("not given out though workers had too little to do, worst s", max(scheduler)),
        ("not known to be ready after the task before, worst s", max(seen)),
        ("both of one task together, worst s", max(map(sum, zip(scheduler, seen, strict=True)))),
        ("waited for a place in their pool or on a worker, median s", _share(place, 0.5)),
        ("waited for a place, worst s", max(place)),
        ("most memory, all parts together, MiB", megabytes),
        ("Airflow's database before / after, MiB", f"{before:.1f} / {after:.1f}"),
        ("mlfactory status of one product, s", status),
        ("tasks that failed", len(failed)),
        ("tasks that waited so long on the queue that they were given out again", again),
        ("requests that Airflow was too busy for, and were sent again", airflow.refused),
    ]
    show(f"{len(names)} products, {len(KEYS)} partitions each", ("", ""), rows)
    if failed:
        print("\n".join(failed[:20]), file=sys.stderr)
    sys.exit(bool(failed or left))


def _share(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


if __name__ == "__main__":
    main()
