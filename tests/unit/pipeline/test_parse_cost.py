"""What a parse of the DAG file loads: paid for at every parse and at every task's start."""

from __future__ import annotations

import os
import subprocess
import sys

from mlfactory.settings import REPOSITORY

HEAVY = ("pandas", "sklearn", "mlflow", "great_expectations", "matplotlib", "deltalake", "scipy")

SCRIPT = f"""
import runpy, sys
for name in ("products", "broken_products"):
    runpy.run_path(f"{REPOSITORY}/dags/{{name}}.py")
print(sorted(set({HEAVY!r}) & set(sys.modules)))
"""


def test_parsing_loads_no_heavy_library() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, env=os.environ, check=True
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"
