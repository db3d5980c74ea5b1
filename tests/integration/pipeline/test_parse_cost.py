"""What a parse of the DAG file loads: paid for at every parse and at every task's start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mlfactory.settings import REPOSITORY

HEAVY = ("pandas", "sklearn", "mlflow", "great_expectations", "matplotlib", "deltalake", "scipy")

SCRIPT = f"""
import runpy, sys
for name in ("products", "broken_products"):
    runpy.run_path(f"{REPOSITORY}/dags/{{name}}.py")
print(sorted(set({HEAVY!r}) & set(sys.modules)))
"""


def test_parsing_loads_no_heavy_library(tmp_path: Path) -> None:
    # Airflow reads its home when it is imported
    own = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        env={**os.environ, **own},
        check=True,
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"
