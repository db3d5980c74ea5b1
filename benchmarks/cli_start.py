"""How long the command line takes to answer, beside the command lines of Airflow and MLflow."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from support import best_seconds, show

BIN = Path(sys.executable).parent
COMMANDS = (
    ("mlfactory", "--help"),
    ("mlfactory", "check"),
    ("mlflow", "--version"),
    ("airflow", "version"),
)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "AIRFLOW_HOME": folder}
        rows = [
            (
                " ".join(command),
                best_seconds(
                    [str(BIN / command[0]), *command[1:]], runs=5, environment=environment
                ),
            )
            for command in COMMANDS
        ]
    show("Answering on the command line, best of 5", ("command", "seconds"), rows)


if __name__ == "__main__":
    main()
