"""What of the user's shell counts for us: what configures another Airflow or MLflow does not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

LOG_IN = (
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_AUTH",
    "MLFLOW_TRACKING_AWS_SIGV4",
    "MLFLOW_TRACKING_INSECURE_TLS",
    "MLFLOW_TRACKING_SERVER_CERT_PATH",
    "MLFLOW_TRACKING_CLIENT_CERT_PATH",
    "MLFLOW_HTTP_REQUEST_",
)
"""How a client gets in at an MLflow server; at which one is a setting of ours."""

LET_IN = ("MLFLOW_SERVER_ALLOWED_", "MLFLOW_SERVER_CORS_", "MLFLOW_SERVER_X_FRAME_")
"""Who may reach our MLflow server; where it keeps what it has is a setting of ours."""

_ANOTHER_AIRFLOW = ("AIRFLOW__", "AIRFLOW_HOME", "AIRFLOW_CONFIG", "_AIRFLOW_")
_ANY_MLFLOW = ("MLFLOW_", "_MLFLOW_")
_ELSEWHERE = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_REGISTRY_URI",
    "MLFLOW_EXPERIMENT_",
    "MLFLOW_RUN_",
    "MLFLOW_ACTIVE_MODEL_",
    "MLFLOW_S3_",
    "MLFLOW_WORKSPACE",
    "MLFLOW_ENABLE_WORKSPACES",
)
"""What says which server, run, model or place is meant where none is named."""


def own_environment(*of_mlflow: str) -> dict[str, str]:
    """Return the environment of a service of ours: without what configures another one.

    Airflow's connections and variables stay: alerts name them.

    Args:
        of_mlflow: how the names begin of those of MLflow's variables that stay.
    """
    return {
        **{
            name: value
            for name, value in os.environ.items()
            if not name.startswith((*_ANOTHER_AIRFLOW, *_ANY_MLFLOW)) or name.startswith(of_mlflow)
        },
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        # else a process that names itself overwrites what it is known by: see processes.py
        "SPT_NOENV": "1",
    }


def leave_another_mlflow() -> None:
    """Forget in this process what the shell says of a server, run or model of another MLflow.

    MLflow's client looks at some of it even where it is told which server is meant.
    """
    for name in list(os.environ):
        if name.startswith(_ELSEWHERE):
            del os.environ[name]
