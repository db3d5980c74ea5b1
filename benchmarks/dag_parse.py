"""What parsing dags/products.py costs beyond importing airflow.sdk, which every DAG file does.

Airflow pays it at every parse and again at the start of every task. Each figure is the best of
several fresh processes; what a file costs more than airflow.sdk is taken within the process, since
the import before it takes ten times as long and differs by more than that from one to the next.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from support import REPOSITORY, show

RUNS = 5
PARSE = """
import runpy, sys, time
start = time.perf_counter()
import airflow.sdk
airflow.sdk.DAG
bare = time.perf_counter()
runpy.run_path(sys.argv[1])
print()
print(bare - start, time.perf_counter() - bare)
"""
PRODUCTS = REPOSITORY / "include" / "products"


def many_products(root: Path, count: int) -> Path:
    """Write `count` products, each a copy of flight_delay under its own name."""
    spec = (PRODUCTS / "flight_delay" / "product.yaml").read_text(encoding="utf-8")
    for number in range(count):
        name = f"copy_{number:03d}"
        shutil.copytree(PRODUCTS / "flight_delay", root / name)
        text = spec.replace("name: flight_delay", f"name: {name}", 1)
        (root / name / "product.yaml").write_text(text, encoding="utf-8")
    return root


def parse_seconds(products: Path) -> tuple[float, float]:
    """Return the seconds of importing airflow.sdk, and of then parsing the DAG file."""
    environment = {**os.environ, "MLFACTORY_PRODUCTS": str(products)}
    command = [sys.executable, "-c", PARSE, str(REPOSITORY / "dags" / "products.py")]
    runs = [
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        for _ in range(RUNS)
    ]
    told = [run.stdout.split()[-2:] for run in runs]
    return min(float(bare) for bare, _ in told), min(float(more) for _, more in told)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AIRFLOW_HOME"] = folder
        bare, own = parse_seconds(PRODUCTS)
        _, single = parse_seconds(many_products(Path(folder) / "one", 1))
        _, many = parse_seconds(many_products(Path(folder) / "hundred", 100))
    show(
        "Parsing the DAG file, fresh process, seconds",
        ("what is done", "seconds"),
        [
            ("import airflow.sdk", bare),
            ("then dags/products.py, this repository's products", own),
            ("or dags/products.py, 1 product", single),
            ("or dags/products.py, 100 products", many),
        ],
    )
    show(
        "Each further product",
        ("", "milliseconds"),
        [("(100 products - 1 product) / 99", (many - single) / 99 * 1000)],
    )


if __name__ == "__main__":
    main()
