"""A partition of many rows through a product's data stages, beside plain pandas on a million rows.

    python benchmarks/hundred_million.py [--rows 100000000] [--shards 20] [--keep FOLDER]

The rows are made by this script: a key, a time, three numbers and a label, one Parquet file a
partition. Two small months teach a model; the third one has the rows. Each stage is a process of
its own, whose largest resident memory is what the kernel says of it. For each million rows it takes
about 35 MB of disk for the source and five times as much for the lake's tables.

Plain pandas reads the first million of the same rows, predicts them with the same model, and looks
at the same figure: no batches, no checks, nothing left behind but the predictions.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from support import MLFACTORY, fresh_environment, show

STAGES = ("ingest", "validate", "prepare", "score", "monitor")
TAUGHT, MEASURED = ("2026-01-01", "2026-02-01"), "2026-03-01"
TAUGHT_ROWS = 200_000
BATCH = 1_000_000
PLAIN_ROWS = 1_000_000
MEGABYTE = 1024 * 1024

SPEC = """\
apiVersion: mlfactory/v1
name: big
partition: {{every: month, start: 2026-01-01{shards}}}
sources:
  rows: {{kind: parquet, path: "rows-{{partition}}.parquet", event_time: at, key: [id]}}
expect:
  rows:
    - {{type: expect_column_values_to_be_between, column: x, min_value: -9, max_value: 9}}
    - {{type: expect_column_values_to_not_be_null, column: z}}
features: {{key: [id], event_time: at, numeric: [x, z, w]}}
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
    return sources["rows"][["id", "at", "x", "z", "w", "y"]]
'''

PLAIN = """\
import sys, time
import pyarrow.parquet as pq
from sklearn.metrics import roc_auc_score
from mlfactory.registry.models import load_version
model = load_version("big", "1")
start = time.perf_counter()
rows = pq.ParquetFile(sys.argv[1]).read_row_group(0).to_pandas().head(int(sys.argv[2]))
read = time.perf_counter()
rows["score"] = model.answer(rows).scores
scored = time.perf_counter()
roc_auc_score(rows["y"], rows["score"])
rows[["id", "at", "score"]].to_parquet(sys.argv[3])
print(read - start, scored - read, time.perf_counter() - scored)
"""


@dataclass(frozen=True)
class Spent:
    """What a process took."""

    seconds: float
    megabytes: float
    said: str = ""


def write_rows(file: Path, rows: int, month: int) -> None:
    """Write rows of a month to a Parquet file, a million at a time, in the order of time."""
    start = np.datetime64(f"2026-{month:02d}-01", "us").astype(np.int64)
    step = max(28 * 86_400_000_000 // rows, 1)
    random = np.random.default_rng(month)
    writer = None
    for first in range(0, rows, BATCH):
        number = np.arange(first, min(first + BATCH, rows))
        x, z, w = random.normal(size=(3, len(number)))
        chance = 1 / (1 + np.exp(-(x + z / 2)))
        table = pa.table(
            {
                "id": month * 10**10 + number,
                "at": pa.array(start + number * step, pa.timestamp("us", "UTC")),
                "x": x.round(3),
                "z": z.round(3),
                "w": w.round(3),
                "y": (random.random(len(number)) < chance).astype(np.int64),
            }
        )
        writer = writer or pq.ParquetWriter(file, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def make_product(folder: Path, rows: int, shards: int) -> None:
    """Write the product and its rows."""
    folder.mkdir(parents=True)
    cut = f", shards: {shards}" if shards > 1 else ""
    (folder / "product.yaml").write_text(SPEC.format(shards=cut))
    (folder / "features.py").write_text(BUILD)
    for month, key in enumerate(TAUGHT, start=1):
        write_rows(folder / f"rows-{key}.parquet", TAUGHT_ROWS, month)
    write_rows(folder / f"rows-{MEASURED}.parquet", rows, 3)


def run(arguments: list[str], environment: dict[str, str], log: Path) -> Spent:
    """Run a command to its end, and return its wall seconds and its largest resident memory.

    Raises:
        SystemExit: if it fails; its last words are printed.
    """
    start = time.perf_counter()
    with log.open("w") as words:
        process = subprocess.Popen(arguments, env=environment, stdout=words, stderr=words)
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    said = log.read_text()
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}:\n{said[-3000:]}")
    return Spent(seconds, used.ru_maxrss * 1024 / MEGABYTE, said)


def stages(environment: dict[str, str], home: Path) -> Iterator[tuple[str, Spent]]:
    """Teach a model by the small months, then run each stage of the large one."""
    for key in TAUGHT:
        run([MLFACTORY, "run", "big", key], environment, home / "taught.log")
    for stage in STAGES:
        command = [MLFACTORY, "run", "big", MEASURED, "--stage", stage]
        print(f"{stage} …", file=sys.stderr, flush=True)
        yield stage, run(command, environment, home / f"{stage}.log")


def plain(environment: dict[str, str], folder: Path, home: Path, rows: int) -> list[list[object]]:
    """Return what plain pandas took for the first million rows."""
    script, source = home / "plain.py", folder / f"rows-{MEASURED}.parquet"
    script.write_text(PLAIN)
    rows = min(rows, PLAIN_ROWS)
    command = [sys.executable, str(script), str(source), str(rows), str(home / "plain.parquet")]
    spent = run(command, environment, home / "plain.log")
    taken = [float(word) for word in spent.said.split()[-3:]]
    names = ("read", "predict", "measure and write")
    found: list[list[object]] = [
        [f"pandas: {name}", f"{rows:,}", seconds, f"{rows / seconds:,.0f}", ""]
        for name, seconds in zip(names, taken, strict=True)
    ]
    total = sum(taken)
    memory = f"{spent.megabytes:,.0f}"
    return [*found, ["pandas: all of it", f"{rows:,}", total, f"{rows / total:,.0f}", memory]]


def main() -> None:
    """Run the benchmark and print its table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=100_000_000)
    options.add_argument("--shards", type=int, default=20)
    options.add_argument("--keep", type=Path, help="work here, and leave everything")
    asked = options.parse_args()
    home = asked.keep or Path(tempfile.mkdtemp(prefix="mlfactory-bench-"))
    folder = home / "products" / "big"
    # without bytecode of its own every process compiles all libraries again
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    environment = {
        **fresh_environment(home),
        "MLFACTORY_PRODUCTS": str(folder.parent),
        "OMP_NUM_THREADS": "1",
    }
    try:
        # a process is told to have as much memory as who started it: this one stays small
        making = get_context("spawn").Process(
            target=make_product, args=(folder, asked.rows, asked.shards)
        )
        making.start()
        making.join()
        table: list[list[object]] = []
        for stage, spent in stages(environment, home):
            rate = f"{asked.rows / spent.seconds:,.0f}"
            table.append([stage, f"{asked.rows:,}", spent.seconds, rate, f"{spent.megabytes:,.0f}"])
            print(json.dumps({stage: [spent.seconds, spent.megabytes]}), file=sys.stderr)
        table += plain(environment, folder, home, asked.rows)
        columns = ["", "rows", "seconds", "rows a second", "largest memory, MB"]
        show(f"One partition of {asked.rows:,} rows", columns, table)
    finally:
        if asked.keep is None:
            shutil.rmtree(home)


if __name__ == "__main__":
    main()
