"""Validation that names every bad row, against what one would use instead; in one run.

    python benchmarks/validation/compare.py [--rows 1000000 10000000] [--runs 2]

Rows of twenty columns, of which few are bad, and thirty rules (`rules.py`). Ours reads the landed
table, puts the bad rows into the quarantine with their reasons and writes the page; the others read
the same rows from Parquet and keep what breaks each rule in memory. That all find the same rows is
checked, rule by rule. Ours also profiles a partition as its rows go by, which the others do not: it
is measured without, and with it. pandera and DuckDB run in an environment of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rules import RULES, write
from support import show

WAYS = {
    "ours": "ML Factory, with quarantine and page",
    "profiled": "the same, and the partition's profile",
    "gx": "Great Expectations, COMPLETE (places)",
    "gx_ids": "Great Expectations, COMPLETE with an id column",
    "pandera": "pandera, lazy",
    "duckdb": "DuckDB, a query a rule",
}
ELSEWHERE = ["pandera==0.32.1", "duckdb==1.5.4", "pandas", "pyarrow", "numpy"]
ELSEWHERE_RUN = {"pandera", "duckdb"}
HERE = Path(__file__).parent


def environment(folder: Path) -> str:
    """Make the environment of pandera and DuckDB, and return its Python."""
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "venv", "-q", "-p", sys.executable, str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run([uv, "pip", "install", "-q", "-p", python, *ELSEWHERE], check=True)
    return python


def measured(way: str, file: Path, elsewhere: str) -> dict[str, Any]:
    """Return what a way says of itself, None of what it could not do."""
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-", dir=file.parent) as folder:
        python = elsewhere if way in ELSEWHERE_RUN else sys.executable
        command = [python, str(HERE / "ways.py"), way, str(file), folder]
        told = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    if told.returncode:
        print(told.stderr[-2000:], file=sys.stderr)
        raise SystemExit(f"{way} failed")
    answer: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return answer


def compare(rows: int, runs: int, folder: Path, elsewhere: str, ways: list[str]) -> None:
    """Measure all ways in turns, prove that they agree, and print the table."""
    file = folder / f"rows-{rows}.parquet"
    write(file, rows)
    found = [{way: measured(way, file, elsewhere) for way in ways} for _ in range(runs)]
    expected = found[0]["ours"]["rules"]
    differing = [
        (way, rule["type"], rule.get("column"), mine, theirs)
        for way in ways
        for rule, mine, theirs in zip(RULES, expected, found[0][way]["rules"], strict=True)
        if mine != theirs
    ]
    best = {way: min(run[way]["seconds"] for run in found) for way in ways}
    processor = {way: min(run[way]["processor"] for run in found) for way in ways}
    table = [
        (
            WAYS[way],
            f"{best[way]:.1f} s",
            f"{processor[way]:.1f} s",
            f"{best[way] / best['ours']:.1f}",
            f"{processor[way] / processor['ours']:.1f}",
            f"{max(run[way]['peak'] for run in found):,} MiB",
        )
        for way in ways
    ]
    bad = sum(count for count, _ in expected)
    title = f"{rows:,} rows, {len(RULES)} rules, {bad:,} bad rows rule by rule"
    show(
        title,
        ["way", "seconds", "of processor", "times ours", "of processor", "peak memory"],
        table,
    )
    for each in differing:
        print("DIFFERS:", *each)
    if not differing:
        print(f"The rows that break each of the {len(RULES)} rules are the same in all ways.")


def main() -> None:
    """Compare at each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-") as folder:
        apart = set(given.ways) & ELSEWHERE_RUN
        elsewhere = environment(Path(folder) / "elsewhere") if apart else ""
        for rows in given.rows:
            compare(rows, given.runs, Path(folder), elsewhere, given.ways)


if __name__ == "__main__":
    main()
