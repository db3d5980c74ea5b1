"""A factory of its own for the session: real Airflow, real MLflow, free ports, a new home."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.login import airflow_home, airflow_login
from mlfactory.scheduler.runs import DagRun
from mlfactory.settings import REPOSITORY, Settings, settings
from tests.e2e import clinic

PRODUCTS = REPOSITORY / "include" / "products"
COMMAND = Path(sys.executable).parent / "mlfactory"

SHOP = """
apiVersion: mlfactory/v1
name: NAME
owner: {team: shop}
partition: {every: day, start: 2026-01-01}
sources:
  sales:
    {kind: csv, path: "sales-{partition}.csv", event_time: at, key: [id], arrives_within: 2 days}
features: {key: [id], event_time: at, numeric: [price]}
label: {column: sold, kind: binary}
"""


@dataclass(frozen=True)
class Factory:
    """A running stack, and the ways to it."""

    environment: dict[str, str]
    settings: Settings
    api: AirflowApi

    def mlfactory(self, *arguments: str, ends_with: int = 0) -> str:
        """Run the command line as a user would and return all it printed."""
        done = subprocess.run(
            [COMMAND, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == ends_with, done.stdout
        return done.stdout

    def sales(self, product: str, day: str) -> None:
        """Let the file of a day arrive."""
        folder = Path(self.environment["MLFACTORY_PRODUCTS"]) / product
        rows = f"id,at,price,sold\n{day}a,{day}T08:00:00Z,1,0\n{day}b,{day}T09:00:00Z,2,1\n"
        (folder / f"sales-{day}.csv").write_text(rows)

    def backfill(self, dag_id: str, at: str) -> None:
        """Let Airflow run the one partition that begins at a moment, as a backfill of it."""
        asked = {
            "dag_id": dag_id,
            "from_date": at,
            "to_date": at,
            "reprocess_behavior": "none",
            "max_active_runs": 1,
            "run_backwards": False,
            "dag_run_conf": {},
        }
        self.api._ask("POST", "/backfills", json=asked)

    def ended(self, dag_id: str, key: str | None, run_id: str = "", seconds: float = 180) -> DagRun:
        """Wait until a run of the DAG for the key is over, the one of that id if it is given."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for run in self.api.runs([dag_id], key):
                if run.is_over and (not run_id or run.run_id == run_id):
                    return run
            time.sleep(0.5)
        raise AssertionError(f"no run of {dag_id} {key} ended in {seconds:.0f} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def small_budget(folder: Path) -> None:
    """Let a product's search be short: what is tested here is the loop, not the model."""
    spec = folder / "product.yaml"
    text = spec.read_text()
    assert "search: {trials: 6, seconds: 18" in text
    spec.write_text(
        text.replace("search: {trials: 6, seconds: 18", "search: {trials: 3, seconds: 9")
    )


def hourly(folder: Path) -> None:
    """Cut a shop into hours, all of them in one file, which nothing of the last hour is in."""
    spec = folder / "product.yaml"
    text = spec.read_text().replace("every: day", "every: hour")
    spec.write_text(text.replace("sales-{partition}.csv", "sales.csv"))
    first = datetime.now(UTC) - timedelta(hours=9)
    hours = [f"{first + timedelta(hours=ago):%Y-%m-%dT%H:30:00Z}" for ago in range(9)]
    rows = "".join(f"{hour},{hour},1,0\n" for hour in hours)
    (folder / "sales.csv").write_text("id,at,price,sold\n" + rows)


@pytest.fixture(scope="session")
def factory(
    tmp_path_factory: pytest.TempPathFactory, lake_place: str, request: pytest.FixtureRequest
) -> Iterator[Factory]:
    root = tmp_path_factory.mktemp("factory")
    products = root / "products"
    products.mkdir()
    for name in ("_flights", "flight_delay", "wine_cultivar"):
        shutil.copytree(PRODUCTS / name, products / name)
    small_budget(products / "flight_delay")
    for name in ("shop", "kiosk", "stall", "cart", "booth", "ticker"):
        (products / name).mkdir()
        (products / name / "product.yaml").write_text(SHOP.replace("NAME", name))
        (products / name / "features.py").write_text(
            "def build(sources): return sources['sales']\n"
        )

    hourly(products / "ticker")
    clinic.lay_out(products)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFACTORY_HOME", str(root / "home"))
        patch.setenv("MLFACTORY_PRODUCTS", str(products))
        patch.setenv("MLFACTORY_AIRFLOW_PORT", str(free_port()))
        patch.setenv("MLFACTORY_MLFLOW_PORT", str(free_port()))
        patch.setenv("MLFACTORY_PII_KEY", clinic.PII_KEY)
        if lake_place == "s3":
            server = request.getfixturevalue("s3_server")
            patch.setenv("MLFACTORY_LAKE", f"s3://{server.bucket}/{root.name}")
            for name, value in server.environment.items():
                patch.setenv(name, value)
        settings.cache_clear()
        chosen = settings()
        clinic.secrets_backend(root, airflow_home(chosen))
        environment = dict(os.environ)
        subprocess.run([COMMAND, "up"], env=environment, check=True)
        try:
            # where it has just been started on a busy machine, its first answer takes a while
            with AirflowApi(chosen.airflow_url, *airflow_login(chosen), patience=60) as api:
                yield Factory(environment, chosen, api)
        finally:
            subprocess.run([COMMAND, "down"], env=environment, check=True)
            settings.cache_clear()
