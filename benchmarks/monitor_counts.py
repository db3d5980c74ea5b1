"""Monitoring a partition by what prepare counted, and by its rows: the same findings, side by side.

    python benchmarks/monitor_counts.py [--rows 1000000] [--columns 20]

The rows are made by this script: three quarters of the columns are numbers, the others words. Two
small months teach a model, and the third one has the rows. Prepare runs with its counting and with
`counts_of` taken out, monitor with the summary of features and with that file away, each in a
process of its own. Of other work on the machine the processor's seconds know little and the wall's
much. Besides the features monitor reads predictions and labels, which it has to join either way.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from support import MLFACTORY, fresh_environment, show

TAUGHT, KEY = ("2026-01-01", "2026-02-01"), "2026-03-01"
TAUGHT_ROWS = 20_000
MEGABYTE = 1024

SPEC = """\
apiVersion: mlfactory/v1
name: wide
partition: {{every: month, start: 2026-01-01}}
sources:
  rows: {{kind: parquet, path: "rows-{{partition}}.parquet", event_time: at, key: [id]}}
features: {{key: [id], event_time: at, numeric: [{numeric}], categorical: [{words}]}}
label: {{column: y, kind: binary}}
train:
  window: 2 partitions
  holdout: 1 partition
  candidates: [logistic_regression]
  search: {{trials: 1, seconds: 60}}
monitor: {{performance: {{metric: roc_auc, warn: 0.6, alert: 0.55}}}}
"""

BUILD = '''\
"""Rows as they come: each is looked at for itself."""


def build(sources):
    return sources["rows"]
'''


def main() -> None:
    """Run prepare and monitor both ways, and print what each took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        measure(*arguments.way.split())
        return
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-") as folder:
        home = Path(folder)
        make(home / "products" / "wide", arguments.rows, arguments.columns)
        environment = fresh_environment(home) | {"MLFACTORY_PRODUCTS": str(home / "products")}
        for key in TAUGHT:
            call([MLFACTORY, "run", "wide", key], environment)
        for stage in ("ingest", "validate"):
            call([MLFACTORY, "run", "wide", KEY, "--stage", stage], environment)
        found = {}
        for step, way in (("prepare", "rows"), ("prepare", "counts")):
            found[step, way] = of_way(environment, step, way)
        call([MLFACTORY, "run", "wide", KEY, "--stage", "score"], environment)
        for step, way in (("monitor", "rows"), ("monitor", "counts")):
            found[step, way] = of_way(environment, step, way)
    if found["monitor", "rows"]["found"] != found["monitor", "counts"]["found"]:
        raise SystemExit("what was counted is judged otherwise than its rows")
    table = [
        (step, way, one["processor"], one["wall"], one["megabytes"])
        for (step, way), one in found.items()
    ]
    title = f"{arguments.rows:,} rows, {arguments.columns} columns; the same findings both ways"
    show(title, ["", "of", "processor s", "wall s", "MB at most"], table)


def make(home: Path, rows: int, columns: int) -> None:
    """Write a product and its rows."""
    home.mkdir(parents=True)
    words = [f"c{place}" for place in range(columns // 4)]
    numeric = [f"n{place}" for place in range(columns - len(words))]
    for number, (key, count) in enumerate(
        [*((key, TAUGHT_ROWS) for key in TAUGHT), (KEY, rows)], start=1
    ):
        rng = np.random.default_rng(number)
        step = 27 * 86_400_000_000 // count
        at = np.datetime64(key, "us") + np.arange(count) * np.timedelta64(step, "us")
        data: dict[str, object] = {
            "id": number * 10**10 + np.arange(count),
            "at": pa.array(at, pa.timestamp("us", "UTC")),
        }
        for name in numeric:
            gaps = rng.random(count) < 0.02
            data[name] = pa.array(np.where(gaps, np.nan, rng.normal(size=count)), from_pandas=True)
        for place, name in enumerate(words):
            levels = np.array([f"v{each}" for each in range(5 * 4**place)])
            data[name] = levels[rng.integers(0, len(levels), count)]
        chance = 1 / (1 + np.exp(-np.nan_to_num(np.asarray(data[numeric[0]], dtype=float))))
        data["y"] = (rng.random(count) < chance).astype(float)
        pq.write_table(pa.table(data), home / f"rows-{key}.parquet", row_group_size=250_000)
    spec = SPEC.format(numeric=", ".join(numeric), words=", ".join(words))
    (home / "product.yaml").write_text(spec)
    (home / "features.py").write_text(BUILD)


def of_way(environment: dict[str, str], step: str, way: str) -> dict[str, float]:
    """Return what a stage took in a process of its own."""
    said = call([sys.executable, __file__, "--way", f"{step} {way}"], environment)
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


def call(command: list[str], environment: dict[str, str]) -> str:
    """Run a command, and return what it printed."""
    print(" ".join(command[1:]), "…", file=sys.stderr, flush=True)
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def measure(step: str, way: str) -> None:
    """Run a stage here, and print what it took as JSON."""
    from mlfactory import monitor, prepare
    from mlfactory.lake.tables import Lake
    from mlfactory.product.loader import load_product

    product = load_product("wide")
    partition = product.calendar.parse(KEY)
    if (step, way) == ("prepare", "rows"):
        import mlfactory.prepare.profiling as made

        made.counts_of = lambda *_: None  # type: ignore[assignment]
    with without_summary() if (step, way) == ("monitor", "rows") else nothing():
        start, processor = time.perf_counter(), time.process_time()
        (prepare if step == "prepare" else monitor).run(product, partition)
        spent = time.perf_counter() - start, time.process_time() - processor
    written = Lake("wide").read("metrics", [KEY]) if step == "monitor" else None
    found = "" if written is None else written.drop(columns="_run").to_json(double_precision=15)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE
    told = {"wall": spent[0], "processor": spent[1], "megabytes": most, "found": found}
    print(json.dumps(told))


@contextmanager
def without_summary() -> Iterator[None]:
    """Take the summary of the features away, and put it back."""
    from mlfactory.lake.catalog import profiled_file
    from mlfactory.lake.store import product_store

    store, file = product_store("wide"), profiled_file("features", KEY)
    content = store.read(file)
    store.delete(file)
    yield
    store.write(file, content)


@contextmanager
def nothing() -> Iterator[None]:
    """Leave everything as it is."""
    yield


if __name__ == "__main__":
    main()
