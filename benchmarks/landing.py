"""Landing against plain pyarrow: one table, read, split by month, written; in one run.

    python benchmarks/landing.py [--rows 2000000] [--runs 3]
    python benchmarks/landing.py --gigabytes 5

Ours does more: types are decided over all rows, rows are numbered, what cannot be read is kept, and
each month is a transaction. Asked for is at most twice the time. Peak memory is of each process.

With `--gigabytes` only ours lands a CSV of that size, which no plain reader would hold in memory:
asked for is a peak below 2 GB (2,000 MB).
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


BATCH = 500_000
YEAR = 365 * 86_400_000_000


def rows_of(count: int, first: int = 0, of: int | None = None) -> pa.Table:
    """Return rows of a year, in the order of time: a key, a time, four numbers and two words.

    Args:
        first: the number of the first, where they are a part of `of` rows.
    """
    chance = np.random.default_rng(7 + first)
    low, high = (YEAR * (first + more) // (of or count) for more in (0, count))
    start = np.datetime64("2025-01-01", "us").astype(np.int64)
    steps = np.sort(chance.integers(low, high, count))
    words = pa.array([f"word {n}" for n in range(1_000)])
    return pa.table(
        {
            "id": pa.array(np.arange(first, first + count)),
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
    start = time.perf_counter(), time.process_time()
    landed = sum(ingest.run(product, product.calendar.parse(key)).rows["rows"] for key in MONTHS)
    told(start, landed)


def told(start: tuple[float, float], rows: int) -> None:
    """Print what a child measured of itself, and of the largest that it started, if any."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = sum(resource.getrusage(who).ru_maxrss for who in whose) >> 10
    seconds, processor = time.perf_counter() - start[0], time.process_time() - start[1]
    found = {"seconds": seconds, "processor": processor, "rows": rows, "peak": peak}
    print(json.dumps(found))


def child(way: str, file: Path, folder: Path) -> None:
    """Do one way in this process."""
    if way == "ours":
        ours(file, folder)
        return
    start = time.perf_counter(), time.process_time()
    plain(file, folder)
    told(start, pyarrow.dataset.dataset(folder, partitioning="hive").count_rows())


def measured(way: str, file: Path) -> dict[str, float]:
    """Return seconds (without the start of Python), rows, and peak memory (MiB) of a way."""
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-", dir=file.parent) as folder:
        command = [sys.executable, __file__, "--child", way, str(file), folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def written(file: Path, gigabytes: float) -> int:
    """Write a CSV of about so many gigabytes, a batch at a time, and return its rows."""
    sample = rows_of(10_000)
    pyarrow.csv.write_csv(sample, file)
    rows = round(gigabytes * 1e9 / file.stat().st_size * len(sample))
    with pyarrow.csv.CSVWriter(file, sample.schema) as writer:
        for first in range(0, rows, BATCH):
            writer.write_table(rows_of(min(BATCH, rows - first), first, rows))
    return rows


def large(gigabytes: float) -> None:
    """Land a CSV of so many gigabytes, and print what that took."""
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-") as folder:
        file = Path(folder) / "rows.csv"
        rows = written(file, gigabytes)
        size = f"{file.stat().st_size / 1e9:,.1f} GB"
        found = measured("ours", file)
    assert found["rows"] == rows
    table = Table("kind", "file", "rows", "ours", "of processor", "peak")
    peak = f"{found['peak']:,.0f} MiB"
    seconds = (f"{found['seconds']:,.0f} s", f"{found['processor']:,.0f} s")
    table.add_row("csv", size, f"{rows:,}", *seconds, peak)
    Console().print(table)


def main() -> None:
    """Measure both ways in turns, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--gigabytes", type=float)
    parser.add_argument("--child", nargs=3, metavar=("WAY", "FILE", "FOLDER"))
    given = parser.parse_args()
    if given.child:
        child(given.child[0], Path(given.child[1]), Path(given.child[2]))
        return
    if given.gigabytes:
        large(given.gigabytes)
        return
    both = ("plain", "ours", "times")
    processor = (f"{each}, processor" for each in both)
    table = Table("kind", "file", *both, *processor, "peak plain", "peak ours")
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
            peaks = [f"{max(run[way]['peak'] for run in runs):,.0f} MiB" for way in (0, 1)]
            cells = []
            for figure in ("seconds", "processor"):
                one, other = (min(run[way][figure] for run in runs) for way in (0, 1))
                cells += [f"{one:.1f} s", f"{other:.1f} s", f"{other / one:.1f}"]
            size = f"{file.stat().st_size / 1e6:,.0f} MB"
            table.add_row(kind, size, *cells, *peaks)
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
