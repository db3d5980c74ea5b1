"""The parts of a factory on a server: what `mlfactory server PART` becomes.

The programs are Airflow's and MLflow's own; ours is how they are configured, the same for every
part: parts that differ in a key or an address do not find each other.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from mlfactory.cli.airflow_environment import prepare_airflow_home
from mlfactory.cli.server.beside import Say, refuse_another_time, wait_for_the_same
from mlfactory.cli.server.environment import server_environment
from mlfactory.cli.server.health import PART_FILE
from mlfactory.cli.services import mlflow_environment
from mlfactory.lake.stack import refuse_another_stack
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.settings import Settings

ANYWHERE = "0.0.0.0"  # noqa: S104 within a container; whom that lets in, the engine says

_AIRFLOW: Mapping[str, tuple[str, ...]] = {
    "api": ("api-server", "--host", ANYWHERE, "--port", "8080"),
    "scheduler": ("scheduler",),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer",),
    "worker": ("celery", "worker"),
}
_ALLOWED_HOSTS = "MLFLOW_SERVER_ALLOWED_HOSTS"
PARTS = (*_AIRFLOW, "mlflow")


def become(part: str, settings: Settings, say: Say) -> None:
    """Replace this process by a part of the factory, once it fits to the others.

    Args:
        say: told what a worker waits for before it takes tasks.

    Raises:
        UsageError: if there is no such part, a setting that all parts share is missing, its clock
            or its code is another than that of the others, or its lake is another stack's.
        ServiceError: if its program is not installed, or PostgreSQL does not answer.
    """
    if part not in PARTS:
        raise UsageError(
            f"there is no part '{part}'", remedy=f"name one of them: {', '.join(PARTS)}"
        )
    # the number stays: this process is replaced
    told = {"part": part, "api": settings.airflow_url, "process": os.getpid()}
    with suppress(OSError):  # who looks may be told the part instead
        PART_FILE.write_text(json.dumps(told), "utf-8")
    if part == "mlflow":
        environment, command = _mlflow_let_in(settings), _mlflow(settings)
    else:
        environment, command = server_environment(settings), ["airflow", *_AIRFLOW[part]]
        prepare_airflow_home(settings)
    refuse_another_time(settings)
    refuse_another_stack(settings.stack_name)
    if part == "worker":
        wait_for_the_same(settings, say)
        command += ["--queues", settings.queues, "--concurrency", str(settings.worker_slots)]
        # not in Airflow's home, which the workers of a machine may share
        command += ["--pid", str(Path(tempfile.gettempdir()) / "mlfactory-worker.pid")]
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606 the part is this process
    except FileNotFoundError:
        raise ServiceError(
            f"the program {command[0]} is not installed beside this one",
            remedy="make the environment from requirements.txt",
        ) from None


def _mlflow_let_in(settings: Settings) -> dict[str, str]:
    """Return MLflow's environment; it lets itself be asked by the name that people open, too."""
    environment = mlflow_environment(settings)
    known = environment.get(_ALLOWED_HOSTS)
    host = urlsplit(settings.mlflow_url).netloc
    if known and host not in known.split(","):
        environment[_ALLOWED_HOSTS] = f"{known},{host}"
    return environment


def _mlflow(settings: Settings) -> list[str]:
    return [
        *("mlflow", "server", "--host", ANYWHERE, "--port", "5000", "--workers", "1"),
        *("--artifacts-destination", settings.artifacts_uri),
    ]
