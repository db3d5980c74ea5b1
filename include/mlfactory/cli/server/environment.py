"""How Airflow's parts are configured where they run apart: the same in every one of them."""

from __future__ import annotations

from pydantic import SecretStr

from mlfactory.cli.airflow_environment import airflow_environment
from mlfactory.cli.server.beside import LEEWAY_SECONDS
from mlfactory.product.errors import UsageError
from mlfactory.settings import Settings

_SHARED = ("airflow_database", "broker", "fernet_key", "jwt_secret", "session_secret", "stack_name")
_FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"


def server_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of every part of Airflow on a server.

    Raises:
        UsageError: if a secret or an address is missing that all parts share.
    """
    shared = _shared(settings)
    return {
        **airflow_environment(settings),
        "AIRFLOW__CORE__AUTH_MANAGER": _FAB,
        "AIRFLOW__CORE__EXECUTOR": settings.executor,
        # how many of them run, the workers' slots say
        "AIRFLOW__CORE__PARALLELISM": str(settings.tasks_at_once),
        "AIRFLOW__CORE__FERNET_KEY": shared["fernet_key"],
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{settings.airflow_url}/execution/",
        "AIRFLOW__API_AUTH__JWT_SECRET": shared["jwt_secret"],
        "AIRFLOW__API_AUTH__JWT_LEEWAY": str(LEEWAY_SECONDS),
        "AIRFLOW__API__SECRET_KEY": shared["session_secret"],
        "AIRFLOW__API__BASE_URL": settings.airflow_ui or settings.airflow_url,
        "AIRFLOW__CELERY__BROKER_URL": shared["broker"],
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{shared['airflow_database']}",
        # one task more than it runs, held by a busy worker, would wait while another is idle
        "AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
        # a task that takes longer is given to a second worker, and the first is ended
        "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": str(2 * 24 * 3600),
        # what nobody took for so long is queued again: the queue was lost, or there is no room yet.
        # So it goes on for as long as nobody takes it; after the third time it would fail
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "120",
        "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "15",
        "AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "1000000",
        # in a rolling update a worker may not have a new product yet: it is asked again for half an
        # hour. Counted with it are the times that a task was handed back: see same_code.py
        "AIRFLOW__WORKERS__MISSING_DAG_RETRIES": "60",
        "AIRFLOW__WORKERS__MISSING_DAG_RETRY_DELAY": "30",
        # what follows a task is found by looking at its run: with the runs of a hundred products at
        # once, a few at a time, it would take half a minute to come round
        "AIRFLOW__SCHEDULER__MAX_DAGRUNS_PER_LOOP_TO_SCHEDULE": "100",
        # files change with the image, and then this part starts anew; a hundred products that are
        # read and written every half minute take half a core
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "True",
        # a worker that is killed says nothing: its task is given to another after this many seconds
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        # the ports of the log servers are free ones on a machine of many uses only
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": "8793",
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": "8794",
    }


def _shared(settings: Settings) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _SHARED:
        value = getattr(settings, name)
        if not value:
            raise UsageError(
                f"MLFACTORY_{name.upper()} is not set, and all parts must have the same",
                remedy="run `mlfactory server secrets` once, or set it",
            )
        found[name] = value.get_secret_value() if isinstance(value, SecretStr) else value
    return found
