"""How the local Airflow is configured: all of it in its environment, nothing in a file by hand."""

from __future__ import annotations

import os
import socket

from mlfactory.cli.environment import LOG_IN, own_environment
from mlfactory.cli.local_files import write_text
from mlfactory.cli.own_stack import stack_name
from mlfactory.scheduler import sqlite_waits
from mlfactory.scheduler.login import airflow_home, password_file, write_password
from mlfactory.settings import REPOSITORY, Settings

_PREIMPORTS = '''"""Written by `mlfactory`: imports what tasks need once, where they are forked.

That is the scheduler with LocalExecutor, and a worker with Celery; what is imported here costs a
task nothing. Third-party packages only: these stay as they are until that process starts again.
"""

import os
import sys

_LOCAL = os.environ.get("AIRFLOW__CORE__EXECUTOR", "LocalExecutor") == "LocalExecutor"
if sys.argv[1:3] == ["celery", "worker"] or (_LOCAL and sys.argv[1:2] == ["scheduler"]):
    from mlfactory.pipeline import warm  # noqa: F401
'''


def airflow_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of every process of the local Airflow."""
    url = settings.airflow_url
    return {
        **own_environment(*LOG_IN),
        "AIRFLOW_HOME": str(airflow_home(settings)),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        **_database(settings),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(settings.airflow_parallelism),
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "5",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{settings.airflow_user}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(password_file(settings)),
        # tasks reach the API through these, not through the default port
        "AIRFLOW__API__HOST": settings.host,
        "AIRFLOW__API__PORT": str(settings.airflow_port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        # what a task costs beside its work: see docs/decisions
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "15",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        # fixed by default, so that a second Airflow on the machine would lose its log servers
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(_free_port()),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(_free_port()),
        "MLFACTORY_HOME": str(settings.home),
        "MLFACTORY_STACK_NAME": stack_name(settings),
        "MLFACTORY_PRODUCTS": str(settings.products),
        "MLFACTORY_LAKE": settings.lake_uri,
        "MLFACTORY_ARTIFACTS": settings.artifacts_uri,
        "MLFACTORY_MLFLOW_URI": settings.mlflow_uri or settings.local_mlflow,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # tasks run beside each other; threads that wait for one another's cores cost tenfold
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1"),
    }


def prepare_airflow_home(settings: Settings) -> None:
    """Write the files that Airflow reads from its home: the password and what to import early."""
    write_text(airflow_home(settings) / "config" / "airflow_local_settings.py", _PREIMPORTS)
    write_password(settings)


def _database(settings: Settings) -> dict[str, str]:
    key = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
    if settings.airflow_database is not None:
        return {key: settings.airflow_database.get_secret_value()}
    return {
        key: f"sqlite:///{airflow_home(settings) / 'airflow.db'}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS": f"{sqlite_waits.__name__}.CONNECT_ARGS",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        # where people open pages may be an address that this machine or container has not
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
