"""What the profile of a partition costs the data DAG: processor seconds, and memory.

    python benchmarks/profiles.py [--rows 1000000] [--columns 20]

The rows are made by this script: half of the columns are numbers, a quarter whole numbers and a
quarter words, read from Parquet and given to the model as they are, so that sources and features
are profiled alike. Five rules are asked. Each way of it is a process of its own: with profiles,
and with `Profiling.look` taken out. Of other work on the machine the processor's seconds know
little and the wall's much.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from support import show

KEY = "2026-01-01"
STEPS = ("ingest", "validate", "prepare")
MEGABYTE = 1024

SPEC = """\
apiVersion: mlfactory/v1
name: wide
partition: {{every: month, start: 2026-01-01}}
sources:
  rows: {{kind: parquet, path: "rows.parquet", event_time: at, key: [id]}}
expect:
  rows:
    - {{type: expect_column_values_to_be_between, column: n0, min_value: -9, max_value: 9}}
    - {{type: expect_column_values_to_be_between, column: n1, min_value: -90, max_value: 90}}
    - {{type: expect_column_values_to_not_be_null, column: n2, mostly: 0.5}}
    - {{type: expect_column_values_to_be_between, column: w0, min_value: 0, max_value: 9}}
    - {{type: expect_column_values_to_not_be_null, column: c0}}
features: {{key: [id], event_time: at, numeric: [{numeric}], categorical: [{words}]}}
label: {{column: y, kind: binary}}
"""

BUILD = '''\
"""Rows as they come: each is looked at for itself."""


def build(sources):
    return sources["rows"]
'''


def main() -> None:
    """Run the data stages with and without profiles, and print what each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--way", choices=["with", "without"], help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        measure(looks=arguments.way == "with")
        return
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-") as folder:
        make(Path(folder), arguments.rows, arguments.columns)
        found = {way: run(Path(folder), way) for way in ("without", "with")}
    rows = []
    for step in (*STEPS, "page", "all", "MB at most"):
        without, with_it = found["without"][step], found["with"][step]
        share = f"{with_it / without - 1:+.1%}" if step != "page" else ""
        rows.append((step, without, with_it, share))
    title = f"{arguments.rows:,} rows, {arguments.columns} columns: processor seconds"
    show(title, ["", "without profiles", "with", "more"], rows)


def make(folder: Path, rows: int, columns: int) -> None:
    """Write a product and its rows."""
    rng = np.random.default_rng(0)
    data: dict[str, object] = {
        "id": np.arange(rows),
        "at": pa.array(
            np.datetime64(KEY, "us") + np.arange(rows) * np.timedelta64(2_000_000, "us"),
            pa.timestamp("us", "UTC"),
        ),
    }
    numeric, words = [], []
    for place in range(columns):
        if place % 4 == 3:
            words.append(f"c{place // 4}")
            data[words[-1]] = np.array([f"v{i}" for i in range(5 * 4 ** (place // 4 % 5))])[
                rng.integers(0, 5 * 4 ** (place // 4 % 5), rows)
            ]
        elif place % 4 == 2:
            numeric.append(f"w{place // 4}")
            data[numeric[-1]] = rng.integers(0, 10 ** (1 + place // 4 % 4), rows)
        else:
            numeric.append(f"n{place // 4 * 2 + place % 4}")
            values = rng.normal(size=rows) * 10 ** (place % 3)
            data[numeric[-1]] = pa.array(np.where(rng.random(rows) < 0.02, np.nan, values))
    data["y"] = (rng.random(rows) < 0.2).astype(float)
    home = folder / "products" / "wide"
    home.mkdir(parents=True)
    pq.write_table(pa.table(data), home / "rows.parquet", row_group_size=250_000)
    spec = SPEC.format(numeric=", ".join(numeric), words=", ".join(words))
    (home / "product.yaml").write_text(spec)
    (home / "features.py").write_text(BUILD)


def run(folder: Path, way: str) -> dict[str, float]:
    """Run the data stages in a process of its own, and return what they took."""
    environment = {
        **os.environ,
        "MLFACTORY_HOME": str(folder / f"home-{way}"),
        "MLFACTORY_PRODUCTS": str(folder / "products"),
    }
    command = [sys.executable, __file__, "--way", way]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(*, looks: bool) -> None:
    """Run the data stages here, and print what each took as JSON."""
    from mlfactory import ingest, prepare, validate
    from mlfactory.product.loader import load_product
    from mlfactory.profiles.kept import Profiling
    from mlfactory.profiles.page import write_page

    if not looks:
        Profiling.look = lambda *_: None  # type: ignore[method-assign]
    product = load_product("wide")
    partition = product.calendar.parse(KEY)
    steps = {
        "ingest": lambda: ingest.run(product, partition),
        "validate": lambda: validate.run(product, partition),
        "prepare": lambda: prepare.run(product, partition),
        "page": lambda: write_page(product, partition) if looks else None,
    }
    found = {}
    for name, step in steps.items():
        start = time.process_time()
        step()
        found[name] = time.process_time() - start
    found["all"] = sum(found.values())
    found["MB at most"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE
    print(json.dumps(found))


if __name__ == "__main__":
    main()
