from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.unit.cli.conftest import add_product, products, rain, start

from mlfactory.cli.airflow_environment import airflow_environment, prepare_airflow_home
from mlfactory.product.loader import Product, load_folder
from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.login import airflow_home, airflow_login
from mlfactory.settings import Settings

__all__ = ["add_product", "products", "rain", "start"]

SPEC = """\
apiVersion: mlfactory/v1
name: {name}
partition: {{every: month, start: 2013-01-01}}
sources:
  gauge: {{kind: csv, path: gauge.csv, event_time: at}}
features: {{key: [station, at], event_time: at, numeric: [pressure]}}
label: {{column: wet, kind: binary}}
"""


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowApi]:
    """Return a client of a real Airflow, on a free port, with the DAGs of this folder."""
    home = tmp_path_factory.mktemp("stack")
    settings = Settings(home=home, airflow_port=free_port(), airflow_parallelism=4)
    prepare_airflow_home(settings)
    # these tasks need none of the libraries that a product's do
    (airflow_home(settings) / "config" / "airflow_local_settings.py").unlink()
    (home / "plugins").mkdir()
    environment = {
        **airflow_environment(settings),
        "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parent / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
    }
    with (home / "airflow.log").open("wb") as log:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / "airflow"), "standalone"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=home,
            start_new_session=True,
        )
    try:
        # where it has just been started on a busy machine, its first answer takes a while
        with AirflowApi(settings.airflow_url, *airflow_login(settings), patience=60) as client:
            client.wait_until_healthy()
            yield client
    finally:
        stop(process)


@pytest.fixture
def product(tmp_path: Path) -> Callable[[str], Product]:
    """Return a function that gives the product of a name."""

    def make(name: str) -> Product:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "product.yaml").write_text(SPEC.format(name=name))
        (folder / "features.py").write_text("def build(sources):\n    return sources['gauge']\n")
        return load_folder(folder)

    return make


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def stop(process: subprocess.Popen[bytes]) -> None:
    members = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    os.killpg(process.pid, signal.SIGINT)
    # an Airflow that ends in its own time takes ten seconds and more; nothing here is worth that
    _, stubborn = psutil.wait_procs(members, timeout=2)
    for member in stubborn:
        member.kill()
    process.wait(timeout=10)
