"""What parsing dags/products.py costs, beside a DAG file that only imports airflow.sdk.

Airflow pays it at every parse and again at the start of every task. Each figure is the best of
several fresh processes.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from support import REPOSITORY, best_seconds, show

RUNS = 5
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


def parse_seconds(statement: str, products: Path) -> float:
    """Return the seconds of a fresh process that runs `statement`."""
    environment = {**os.environ, "MLFACTORY_PRODUCTS": str(products)}
    return best_seconds([sys.executable, "-c", statement], runs=RUNS, environment=environment)


def main() -> None:
    """Measure and print."""
    parse = f"import runpy; runpy.run_path({str(REPOSITORY / 'dags' / 'products.py')!r})"
    with tempfile.TemporaryDirectory() as folder:
        os.environ["AIRFLOW_HOME"] = folder
        one = many_products(Path(folder) / "one", 1)
        hundred = many_products(Path(folder) / "hundred", 100)
        bare = parse_seconds("import airflow.sdk; airflow.sdk.DAG", one)
        own = parse_seconds(parse, PRODUCTS)
        single = parse_seconds(parse, one)
        many = parse_seconds(parse, hundred)
    show(
        "Parsing the DAG file, fresh process, seconds",
        ("what is parsed", "seconds", "more than airflow.sdk alone"),
        [
            ("a file that only imports airflow.sdk", bare, 0.0),
            ("dags/products.py, this repository's products", own, own - bare),
            ("dags/products.py, 1 product", single, single - bare),
            ("dags/products.py, 100 products", many, many - bare),
        ],
    )
    show(
        "Each further product",
        ("", "milliseconds"),
        [("(100 products - 1 product) / 99", (many - single) / 99 * 1000)],
    )


if __name__ == "__main__":
    main()
