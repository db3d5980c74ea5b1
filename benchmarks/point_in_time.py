"""Features as of each event: 17,000 events, 10 tables, 1,000 features, beside plain ways.

    python benchmarks/point_in_time.py [--events 17000] [--rows 100000]

Two questions. `joined`: the newest row of each of ten tables at each event, 100 columns each,
beside pandas' merge_asof and DuckDB's ASOF JOIN. `windows`: means of 20 columns of each table over
five windows before each event, beside groupby().rolling() in pandas and a range join in DuckDB.
Each way is a process of its own that reads the tables from Parquet and writes its answer, which is
compared. DuckDB gets an environment of its own, made for this by uv; without one it is left out. It
works with as many threads as there are cores, the others with one: compare the processor, too.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TABLES = [f"t{number}" for number in range(10)]
COLUMNS = [f"c{number:02}" for number in range(100)]
AVERAGED, WINDOWS = COLUMNS[:20], (1, 3, 7, 14, 30)
QUESTIONS = ("joined", "windows")
KEYS, DAYS = 2_000, 365
DUCKDB = "duckdb"


def write_tables(folder: Path, events: int, rows: int) -> None:
    """Write events and tables of a year: a key, a time, and numbers with gaps; nothing sorted."""
    import numpy as np
    import pandas as pd

    dice = np.random.default_rng(3003)

    def named(count: int) -> dict[str, Any]:
        seconds = dice.integers(0, DAYS * 86_400, count)
        start = pd.Timestamp("2025-01-01", tz="UTC")
        return {"who": dice.integers(0, KEYS, count), "at": start + pd.to_timedelta(seconds, "s")}

    frame = pd.DataFrame({"id": np.arange(events), **named(events)})
    frame.to_parquet(folder / "events.parquet", index=False)
    for name in TABLES:
        numbers = dice.normal(size=(rows, len(COLUMNS))).round(6)
        numbers[dice.random(numbers.shape) < 0.05] = np.nan
        frame = pd.concat(
            [pd.DataFrame(named(rows)), pd.DataFrame(numbers, columns=COLUMNS)], axis=1
        )
        # two rows of one key at one time are the order of the file, which DuckDB does not keep
        frame = frame.drop_duplicates(["who", "at"])
        frame.to_parquet(folder / f"{name}.parquet", index=False)


def wanted(question: str) -> list[str]:
    """Return the columns that a question needs of a table."""
    return ["who", "at", *(COLUMNS if question == "joined" else AVERAGED)]


def ours(folder: Path, question: str) -> Any:
    """Declare the features in a spec."""
    import pandas as pd

    from mlfactory.prepare.asof import with_declared
    from mlfactory.product.spec import ProductSpec

    if question == "joined":
        features: dict[str, Any] = {
            "joined": [
                {"source": name, "by": "who", "make": {f"{name}_{each}": each for each in COLUMNS}}
                for name in TABLES
            ]
        }
    else:
        features = {
            "windows": [
                {
                    "source": name,
                    "by": "who",
                    "over": [f"{days} days" for days in WINDOWS],
                    "make": {
                        f"{name}_{each}_{{over}}": {"how": "mean", "of": each} for each in AVERAGED
                    },
                }
                for name in TABLES
            ]
        }
    spec = ProductSpec.model_validate(
        {
            "apiVersion": "mlfactory/v1",
            "name": "past",
            "partition": {"every": "month", "start": "2025-01-01"},
            "sources": {
                name: {"kind": "parquet", "path": "t.parquet", "event_time": "at"}
                for name in TABLES
            },
            "features": {"key": ["id"], "event_time": "at", "history": "400 days", **features},
            "label": {"column": "y", "kind": "binary"},
        }
    )
    columns = wanted(question)
    sources = {
        name: pd.read_parquet(folder / f"{name}.parquet", columns=columns) for name in TABLES
    }
    events = pd.read_parquet(folder / "events.parquet")
    return with_declared(spec, "past", events, sources).drop(columns=["who", "at"])


def plain_pandas(folder: Path, question: str) -> Any:
    """Join with merge_asof, or put the events among the rows and roll over both."""
    import pandas as pd

    events = pd.read_parquet(folder / "events.parquet").sort_values("at", ignore_index=True)
    found = [events[["id"]]]
    for name in TABLES:
        rows = pd.read_parquet(folder / f"{name}.parquet", columns=wanted(question))
        if question == "joined":
            joined = pd.merge_asof(events, rows.sort_values("at"), on="at", by="who")
            found.append(joined[COLUMNS].add_prefix(f"{name}_"))
            continue
        both = pd.concat([rows, events], ignore_index=True).sort_values(["who", "at"])
        for days in WINDOWS:
            spans = both.groupby("who").rolling(f"{days}D", on="at", closed="left")
            rolled = spans[AVERAGED].mean().set_axis(both["id"])
            own = rolled[rolled.index.notna()].reindex(events["id"]).reset_index(drop=True)
            found.append(own[AVERAGED].add_prefix(f"{name}_").add_suffix(f"_{days}d"))
    return pd.concat(found, axis=1)


def duckdb(folder: Path, question: str) -> None:
    """Ask DuckDB, which writes its own answer."""
    import duckdb as engine

    base = engine.connect()
    base.execute(f"CREATE TABLE events AS FROM '{folder}/events.parquet'")
    made = []
    for name in TABLES:
        file = f"'{folder}/{name}.parquet'"
        if question == "joined":
            columns = ", ".join(f"t.{each} AS {name}_{each}" for each in COLUMNS)
            base.execute(
                f"CREATE TABLE {name} AS SELECT e.id, {columns} FROM events e "  # noqa: S608 ours
                f"ASOF LEFT JOIN {file} t ON e.who = t.who AND e.at >= t.at"
            )
        else:
            since = "FILTER (t.at >= e.at - INTERVAL {} DAY)"
            columns = ", ".join(
                f"avg(t.{each}) {since.format(days)} AS {name}_{each}_{days}d"
                for days in WINDOWS
                for each in AVERAGED
            )
            base.execute(
                f"CREATE TABLE {name} AS SELECT e.id, {columns} FROM events e "  # noqa: S608 ours
                f"LEFT JOIN {file} t ON e.who = t.who AND t.at < e.at "
                f"AND t.at >= e.at - INTERVAL {max(WINDOWS)} DAY GROUP BY e.id"
            )
        made.append(name)
    joined = " ".join(f"JOIN {name} USING (id)" for name in made)
    answer = f"SELECT * FROM (SELECT id FROM events) {joined}"  # noqa: S608 ours
    base.execute(f"COPY ({answer}) TO '{folder}/{question}-duckdb.parquet'")


WAYS: dict[str, Callable[[Path, str], Any]] = {
    "ours": ours,
    "pandas": plain_pandas,
    DUCKDB: duckdb,
}


def child(way: str, question: str, folder: Path) -> None:
    """Answer a question in one way in this process, and print what it took."""
    start = time.perf_counter()
    answer = WAYS[way](folder, question)
    if answer is not None:
        answer.to_parquet(folder / f"{question}-{way}.parquet", index=False)
    seconds, processor = time.perf_counter() - start, time.process_time()
    # what getrusage tells begins with the memory of whoever started the process
    told = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    peak = int(told[1]) >> 10 if told else 0
    print(json.dumps({"seconds": seconds, "processor": processor, "peak": peak}))


def with_duckdb(folder: Path) -> str | None:
    """Return a Python that has DuckDB, None if none can be had."""
    uv, python = Path(sys.executable).parent / "uv", folder / "bin" / "python"
    for command in (["venv", "--quiet", folder], ["pip", "install", "--quiet", DUCKDB]):
        options = ["--python", str(python)] if "pip" in command else []
        done = subprocess.run([str(uv), *map(str, command), *options], capture_output=True)
        if done.returncode:
            print(f"without DuckDB: {done.stderr.decode().strip()[-200:]}", file=sys.stderr)
            return None
    return str(python)


def measured(python: str, way: str, question: str, folder: Path) -> dict[str, float]:
    """Return seconds and peak memory in MiB of a way."""
    command = [python, __file__, "--child", way, question, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def differ(folder: Path, question: str, way: str) -> float:
    """Return the largest difference between our answer and another, inf if one lacks values."""
    import numpy as np
    import pandas as pd

    mine, other = (
        pd.read_parquet(folder / f"{question}-{each}.parquet").set_index("id").sort_index()
        for each in ("ours", way)
    )
    one, another = mine.to_numpy("float64"), other[mine.columns].to_numpy("float64")
    if (np.isnan(one) != np.isnan(another)).any():
        return float("inf")
    return float(np.nanmax(np.abs(one - another)))


def main() -> None:
    """Measure all ways, and print the table."""
    from support import show

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=17_000)
    parser.add_argument("--rows", type=int, default=100_000)
    given = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="mlfactory-bench-") as name:
        folder = Path(name)
        write_tables(folder, given.events, given.rows)
        pythons = {"ours": sys.executable, "pandas": sys.executable}
        if python := with_duckdb(folder / "environment"):
            pythons[DUCKDB] = python
        for question in QUESTIONS:
            for way, python in pythons.items():
                told = measured(python, way, question, folder)
                off = f"{differ(folder, question, way):.0e}"
                peak = f"{told['peak']:,.0f} MiB"
                took = (f"{told[each]:.1f} s" for each in ("seconds", "processor"))
                found.append((question, way, *took, peak, off))
    show(
        f"{given.events:,} events, {len(TABLES)} tables of {given.rows:,} rows, 1,000 features",
        ("question", "way", "seconds", "processor", "peak memory", "differs from ours by"),
        found,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
    else:
        main()
