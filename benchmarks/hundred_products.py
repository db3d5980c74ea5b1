"""Many small products on one Airflow, each through three partitions and a training: what it holds.

All runs of data are asked for at once, which no schedule does: it is the worst that can come. From
ready to queued a task waits for the scheduler; from queued to running for the executor, which has
more tasks than places here: that wait is mostly the machine's.

The products are made by this script. By default they run on an embedded stack of its own. With
`--airflow URL` they run on that server, which must read its products in `--folder` (a folder that
server and workers share, and nothing else lies in); login and database are those of the settings
(MLFACTORY_AIRFLOW_USER, MLFACTORY_AIRFLOW_PASSWORD, MLFACTORY_AIRFLOW_DATABASE).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from support import fresh_environment, members, mlfactory, show

KEYS = ("2026-01-01", "2026-01-02", "2026-01-03")
PARTS = ("data", "score", "monitor", "train")
ROWS_A_DAY = 60
POLL_SECONDS = 3.0
ATTEMPTS = 6

SPEC = """\
apiVersion: mlfactory/v1
name: {name}
partition: {{every: day, start: 2026-01-01, end: 2026-01-04}}
sources:
  rows: {{kind: csv, path: rows.csv, event_time: at}}
features: {{key: [id], event_time: at, numeric: [x, z]}}
label: {{column: y, kind: binary}}
train:
  window: 2 partitions
  holdout: 1 partition
  min_rows: 20
  min_holdout: 20
  candidates: [logistic_regression]
  search: {{trials: 1, seconds: 5}}
"""


@dataclass
class Airflow:
    """An Airflow that is up.

    Args:
        url: where it answers.
        processes: of the stack, where it is one of this machine.
        database: the file of it, where it is one.
        refused: how often it was too busy to answer.
    """

    url: str
    login: Mapping[str, str]
    processes: list[int] = field(default_factory=list)
    database: Path | None = None
    refused: int = 0

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=self.url, timeout=120)
        answer = self.client.post("/auth/token", json=dict(self.login)).raise_for_status()
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

    def megabytes(self) -> float:
        """Return the proportional set size of the stack, as far as it is on this machine."""
        total = 0
        for pid in self.processes:
            for process in members(pid):
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    # a task that has just ended
                    continue
        return total / 2**20


def make_products(folder: Path, count: int) -> list[str]:
    """Write so many products of a few rows a day; return their names."""
    names = [f"bench_{number:03}" for number in range(count)]
    for name in names:
        draw = random.Random(name)  # noqa: S311 rows, no secrets
        own = folder / name
        own.mkdir(parents=True, exist_ok=True)
        lines = ["id,at,x,z,y"]
        for key in KEYS:
            for row in range(ROWS_A_DAY):
                x, z = draw.gauss(0, 1), draw.gauss(0, 1)
                y = int(x + draw.gauss(0, 1) > 0)
                at = f"{key}T{row % 24:02}:{row % 60:02}:00"
                lines.append(f"{key}-{row},{at},{x:.4f},{z:.4f},{y}")
        (own / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (own / "features.py").write_text(
            "def build(sources):\n    return sources['rows']\n", encoding="utf-8"
        )
        (own / "product.yaml").write_text(SPEC.format(name=name), encoding="utf-8")
    return names


@contextmanager
def embedded(count: int) -> Iterator[tuple[Airflow, list[str], dict[str, str]]]:
    """Give an embedded stack that has the products; it is stopped afterwards."""
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-") as name:
        home, products = Path(name) / "var", Path(name) / "products"
        names = make_products(products, count)
        environment = {
            **fresh_environment(home),
            "MLFACTORY_PRODUCTS": str(products),
            "MLFACTORY_AIRFLOW_PASSWORD": "hundred-products",
        }
        try:
            mlfactory(["up"], environment)
            told = json.loads((home / "stack.json").read_text(encoding="utf-8"))
            yield (
                Airflow(
                    told["addresses"]["airflow"],
                    {"username": "admin", "password": "hundred-products"},
                    [leader["pid"] for leader in told["leaders"].values()],
                    home / "airflow" / "airflow.db",
                ),
                names,
                environment,
            )
        finally:
            mlfactory(["down"], environment)


@contextmanager
def server(url: str, folder: Path, count: int) -> Iterator[tuple[Airflow, list[str], None]]:
    """Give a server that is up, with the products in the folder that it reads."""
    user, password = (os.environ[f"MLFACTORY_AIRFLOW_{name}"] for name in ("USER", "PASSWORD"))
    yield (
        Airflow(url.rstrip("/"), {"username": user, "password": password}),
        make_products(folder, count),
        None,
    )


def switch_on(airflow: Airflow, names: list[str]) -> float:
    """Return how many seconds it took until all DAGs were known; they are not paused then."""
    start = time.perf_counter()
    wanted = {f"{name}.{part}" for name in names for part in PARTS}
    while True:
        known = {row["dag_id"] for row in airflow.pages("/dags", "dags")}
        if wanted <= known:
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
        megabytes = max(megabytes, airflow.megabytes())
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


def waits(airflow: Airflow, names: list[str]) -> tuple[dict[str, list[float]], list[str]]:
    """Return the seconds of each kind of wait of all tasks, and the tasks that failed."""
    found: dict[str, list[float]] = {"place": [], "running": []}
    failed = []
    for name in names:
        for part in PARTS:
            path = f"/dags/{name}.{part}/dagRuns/~/taskInstances"
            for task in airflow.pages(path, "task_instances"):
                if task["state"] in ("failed", "upstream_failed"):
                    failed.append(f"{task['dag_id']} {task['task_id']}: {task['state']}")
                ready, queued, begun = (
                    datetime.fromisoformat(task[at]) if task[at] else None
                    for at in ("scheduled_when", "queued_when", "start_date")
                )
                if ready and queued and begun:
                    found["place"].append((queued - ready).total_seconds())
                    found["running"].append((begun - queued).total_seconds())
    return found, failed


def database_megabytes(airflow: Airflow) -> float | str:
    """Return the size of Airflow's database, or a dash where it is not known."""
    if airflow.database is not None:
        files = airflow.database.parent.glob(f"{airflow.database.name}*")
        return sum(file.stat().st_size for file in files) / 2**20
    address = os.environ.get("MLFACTORY_AIRFLOW_DATABASE", "")
    if not address.startswith("postgresql"):
        return "-"
    from sqlalchemy import create_engine, text

    with create_engine(address).connect() as connection:
        size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    return float(size) / 2**20


def main() -> None:
    """Measure and print; ends non-zero where a task failed, or all was not at rest in time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=100)
    parser.add_argument("--airflow", help="a server that is up; an embedded stack by default")
    parser.add_argument("--folder", type=Path, help="where that server reads its products")
    parser.add_argument("--seconds", type=float, default=3 * 3600, help="to wait at most")
    given = parser.parse_args()
    if given.airflow and not given.folder:
        parser.error("--airflow needs --folder")
    count = given.products
    where = server(given.airflow, given.folder, count) if given.airflow else embedded(count)
    with where as (airflow, names, environment):
        parsed = switch_on(airflow, names)
        before = database_megabytes(airflow)
        seconds, megabytes, left = run_all(airflow, names, given.seconds)
        found, failed = waits(airflow, names)
        after = database_megabytes(airflow)
        status = mlfactory(["status", names[0]], environment) if environment else "-"
    tasks = len(found["running"])
    rows: list[tuple[str, object]] = [
        ("until all DAGs are known, s", parsed),
        ("until all is at rest, s", f"{seconds:.0f}" if not left else f"over {seconds:.0f}"),
        ("runs that are not over, or not begun", left),
        ("tasks that have run", tasks),
        ("tasks a minute", tasks / seconds * 60),
        ("from ready to queued (the scheduler), median s", _share(found["place"], 0.5)),
        ("from ready to queued, worst s", max(found["place"])),
        ("from queued to running (a place is waited for), median s", _share(found["running"], 0.5)),
        ("from queued to running, worst s", max(found["running"])),
        ("most memory (PSS of the stack), MiB", megabytes or "-"),
        ("Airflow's database before / after, MiB", f"{_size(before)} / {_size(after)}"),
        ("mlfactory status of one product, s", status),
        ("tasks that failed", len(failed)),
        ("requests that Airflow was too busy for, and were sent again", airflow.refused),
    ]
    show(f"{count} products, {len(KEYS)} partitions each", ("", ""), rows)
    if failed:
        print("\n".join(failed[:20]), file=sys.stderr)
    sys.exit(bool(failed or left))


def _share(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


def _size(megabytes: float | str) -> str:
    return megabytes if isinstance(megabytes, str) else f"{megabytes:.1f}"


if __name__ == "__main__":
    main()
