"""docker-compose.yaml in a real engine: all of it, with two workers and volumes of its own."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mlfactory.scheduler.api import AirflowApi
from mlfactory.settings import REPOSITORY

UP_SECONDS = 600


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """The running services, and the ways to them."""

    environment: dict[str, str]

    def docker(self, *arguments: str, ends_with: int | None = 0) -> str:
        """Run docker and return what it printed."""
        done = subprocess.run(
            ["docker", *arguments],
            env=self.environment,
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert ends_with is None or done.returncode == ends_with, done.stdout[-8000:]
        return done.stdout

    def compose(self, *arguments: str, ends_with: int | None = 0) -> str:
        return self.docker("compose", *arguments, ends_with=ends_with)

    def mlfactory(self, *arguments: str, ends_with: int | None = 0) -> str:
        """Run the command line beside the API, as the deployment page says."""
        return self.compose("exec", "-T", "api", "mlfactory", *arguments, ends_with=ends_with)

    def workers(self) -> list[str]:
        """Return the ids of the containers that are running workers."""
        return self.compose("ps", "--quiet", "worker").split()

    def api(self) -> AirflowApi:
        """Return a client of the API, let in as the first user."""
        password = self.compose(
            "exec", "-T", "api", "cat", "/run/mlfactory/mlfactory_airflow_password"
        )
        url = f"http://127.0.0.1:{self.environment['MLFACTORY_AIRFLOW_PORT']}"
        return AirflowApi(url, "admin", password.strip())


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    own = {
        "COMPOSE_PROJECT_NAME": f"mlfactory-test-{os.getpid()}",
        "MLFACTORY_AIRFLOW_PORT": str(_free_port()),
        "MLFACTORY_MLFLOW_PORT": str(_free_port()),
        "WORKER_GRACE": "20s",
        # a `.env` of whoever runs the tests is none of theirs
        "COMPOSE_ENV_FILES": os.devnull,
    }
    found = Server({**os.environ, **own})
    try:
        found.compose("build", "secrets")
        found.compose(
            *("up", "--detach", "--scale", "worker=2"),
            *("--wait", "--wait-timeout", str(UP_SECONDS)),
        )
        yield found
    finally:
        found.compose("down", "--volumes", "--timeout", "5", ends_with=None)
