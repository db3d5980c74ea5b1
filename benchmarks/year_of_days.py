"""Does a partition cost the same at the end of a year as at its beginning?

Makes a year of daily rows, runs every partition as `mlfactory run` does, in one process, and prints
the mean seconds of each stage over the first and the last 30 partitions once there is a champion.

    OMP_NUM_THREADS=1 python benchmarks/year_of_days.py [DAYS]
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

SPEC = """
apiVersion: mlfactory/v1
name: year
partition: {every: day, start: 2024-01-01}
sources:
  readings: {kind: csv, path: "readings.csv", event_time: at, key: [reading]}
features: {key: [reading], event_time: at, numeric: [load, wind], categorical: [line]}
label: {column: high, kind: binary, arrives_after: 1 day}
train: {candidates: [logistic_regression], search: {trials: 1, seconds: 5}}
retrain: {when: [{every: 400 partitions}, {drift: alert, in: 2 of 3}]}
"""

BUILD = """
def build(sources):
    frame = sources["readings"].copy()
    frame["high"] = frame["high"].astype(int)
    return frame
"""

STAGES = ("ingest", "validate", "prepare", "score", "monitor", "retrain")
SHOWN = 30


def main(days: int) -> None:
    """Run a product of so many days in a home of its own, and print its table."""
    with tempfile.TemporaryDirectory(prefix="mlfactory-year-") as home:
        os.environ["MLFACTORY_HOME"] = home
        folder = Path(home) / "products" / "year"
        folder.mkdir(parents=True)
        (folder / "product.yaml").write_text(SPEC)
        (folder / "features.py").write_text(BUILD)
        _rows(days).to_csv(folder / "readings.csv", index=False)
        print(_table(_run(folder, days)))


def _rows(days: int, a_day: int = 48) -> pd.DataFrame:
    random = np.random.default_rng(7)
    count = days * a_day
    at = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.arange(count) * 24 / a_day, "h")
    load = random.normal(10, 3, count)
    return pd.DataFrame(
        {
            "reading": np.arange(count),
            "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "load": load.round(3),
            "wind": random.normal(size=count).round(3),
            "line": random.choice(["A", "B", "C"], count),
            "high": (random.random(count) < 1 / (1 + np.exp(10 - load))).astype(int),
        }
    )


def _run(folder: Path, days: int) -> dict[str, list[float]]:
    """Run all partitions; return the seconds of each stage, partition after partition."""
    from rich.console import Console

    from mlfactory.cli.cycle import run_partitions
    from mlfactory.cycle.job import Budget
    from mlfactory.lake.manifests import read_manifest
    from mlfactory.product.loader import load_folder

    product = load_folder(folder)
    first = product.calendar.containing(datetime(2024, 1, 1, tzinfo=UTC))
    last = product.calendar.containing(first.start + timedelta(days=days - 1))
    seconds: dict[str, list[float]] = defaultdict(list)
    for partition in product.calendar.span(first, last):
        run_partitions(product, [partition], [], Budget(), Console(file=io.StringIO()))
        for stage in STAGES:
            seconds[stage].append(read_manifest("year", stage, partition.key)["seconds"])
    return seconds


def _table(seconds: dict[str, list[float]]) -> str:
    lines = ["| stage | first 30 | last 30 | times |", "|---|---|---|---|"]
    totals = np.zeros(2)
    for stage, spent in seconds.items():
        if len(spent) < 4 * SHOWN:
            continue
        # the first of all have no champion, and nothing to monitor
        begin = len(spent) // 4
        ends = np.array([np.mean(spent[begin : begin + SHOWN]), np.mean(spent[-SHOWN:])])
        totals += ends
        lines.append(f"| {stage} | {ends[0]:.3f} s | {ends[1]:.3f} s | {ends[1] / ends[0]:.2f} |")
    lines.append(f"| all | {totals[0]:.3f} s | {totals[1]:.3f} s | {totals[1] / totals[0]:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 365)
