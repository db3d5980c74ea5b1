"""Landing against plain pyarrow: one table, read, split by month, written; in one run.

    python benchmarks/landing.py [--rows 2000000] [--runs 3]

Ours does more: types are decided over all rows, rows are numbered, what cannot be read is kept, and
each month is a transaction. Asked for is at most twice the time. Peak memory is of each process.
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
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

SPEC = """
apiVersion: mlfactory/v1
name: landing
partition: {{every: month, start: 2025-01-01}}
sources:
  rows: {{kind: {kind}, path: "{path}", event_time: at, key: [id]}}
features: {{key: [id], event_time: at, numeric: [a]}}
label: {{column: f, kind: binary}}
"""
MONTHS = [f"2025-{month:02}-01" for month in range(1, 13)]
KINDS = ("csv", "parquet")


def rows_of(count: int) -> pa.Table:
    """Return rows of a year, in the order of time: a key, a time, four numbers and two words."""
    chance = np.random.default_rng(7)
    start = np.datetime64("2025-01-01", "us").astype(np.int64)
    steps = np.sort(chance.integers(0, 365 * 86_400_000_000, count))
    words = pa.array([f"word {n}" for n in range(1_000)])
    return pa.table(
        {
            "id": pa.array(np.arange(count)),
            "at": pa.array(start + steps, pa.timestamp("us", "UTC")),
            **{name: pa.array(chance.normal(size=count).round(6)) for name in "abcd"},
            "e": words.take(pa.array(chance.integers(0, 1_000, count))),
            "f": pa.array(chance.integers(0, 2, count)),
        }
    )


def plain(file: Path, folder: Path) -> None:
    """Read, split by month and write with pyarrow alone."""
    is_csv = file.suffix == ".csv"
    table = pyarrow.csv.read_csv(file) if is_csv else pq.read_table(file)
    months = pc.strftime(table["at"], "%Y-%m-01")
    pyarrow.dataset.write_dataset(
        table.append_column("partition", months),
        folder,
        format="parquet",
        partitioning=["partition"],
        partitioning_flavor="hive",
    )


def ours(file: Path, folder: Path) -> None:
    """Land all months, one after another."""
    made = folder / "products" / "landing"
    made.mkdir(parents=True)
    made.joinpath("product.yaml").write_text(SPEC.format(kind=file.suffix[1:], path=file))
    made.joinpath("features.py").write_text("def build(sources): ...\n")
    os.environ["MLFACTORY_HOME"] = str(folder / "home")
    from mlfactory import ingest
    from mlfactory.product.loader import load_product

    product = load_product("landing", folder / "products")
    start = time.perf_counter()
    landed = sum(ingest.run(product, product.calendar.parse(key)).rows["rows"] for key in MONTHS)
    told(start, landed)


def told(start: float, rows: int) -> None:
    """Print what a child measured of itself."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(json.dumps({"seconds": time.perf_counter() - start, "rows": rows, "peak": peak}))


def child(way: str, file: Path, folder: Path) -> None:
    """Do one way in this process."""
    if way == "ours":
        ours(file, folder)
        return
    start = time.perf_counter()
    plain(file, folder)
    told(start, pyarrow.dataset.dataset(folder, partitioning="hive").count_rows())


def measured(way: str, file: Path) -> dict[str, float]:
    """Return seconds (without the start of Python), rows, and peak memory (MiB) of a way."""
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-", dir=file.parent) as folder:
        command = [sys.executable, __file__, "--child", way, str(file), folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def main() -> None:
    """Measure both ways in turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--child", nargs=3, metavar=("WAY", "FILE", "FOLDER"))
    given = parser.parse_args()
    if given.child:
        child(given.child[0], Path(given.child[1]), Path(given.child[2]))
        return
    table = Table("kind", "file", "plain pyarrow", "ours", "times", "peak plain", "peak ours")
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-") as folder:
        rows = rows_of(given.rows)
        for kind in KINDS:
            file = Path(folder) / f"rows.{kind}"
            if kind == "csv":
                pyarrow.csv.write_csv(rows, file)
            else:
                pq.write_table(rows, file)
            runs = [(measured("plain", file), measured("ours", file)) for _ in range(given.runs)]
            assert all(one["rows"] == other["rows"] == given.rows for one, other in runs)
            one, other = (min(run[way]["seconds"] for run in runs) for way in (0, 1))
            peaks = [f"{max(run[way]['peak'] for run in runs):,.0f} MiB" for way in (0, 1)]
            seconds = (f"{one:.1f} s", f"{other:.1f} s", f"{other / one:.1f}")
            size = f"{file.stat().st_size / 1e6:,.0f} MB"
            table.add_row(kind, size, *seconds, *peaks)
    Console().print(table)


if __name__ == "__main__":
    main()
