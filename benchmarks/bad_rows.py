"""How long it takes to tell of rows that are bad, beside rows of the same kind that are good.

    python benchmarks/bad_rows.py [--rows 1000000]

Twenty columns and thirty rules. The rows are made in memory, so that reading costs nothing: once
all of them are good, once every one is bad (a number that is too small, and a cell that cannot be
read), so that the partition stops. What the second takes longer is what telling of bad rows costs:
finding them, counting them by reason, keeping a sample, the quarantine, the page. Seconds of
processor.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from support import show

BATCH = 1_000_000
NUMBERS = [f"x{number:02d}" for number in range(14)]
TEXTS = [f"t{number:02d}" for number in range(4)]
KEY = "2026-01-01"


def spec() -> str:
    """Return a product with thirty rules about its source."""
    between = "    - {{type: expect_column_values_to_be_between, column: {}, min_value: -9}}"
    present = "    - {{type: expect_column_values_to_not_be_null, column: {}}}"
    among = "    - {{type: expect_column_values_to_be_in_set, column: {}, value_set: [a, b, c]}}"
    rules = [between.format(name) for name in NUMBERS]
    rules += [present.format(name) for name in NUMBERS[:12]]
    rules += [among.format(name) for name in TEXTS]
    return "\n".join(
        [
            "apiVersion: mlfactory/v1",
            "name: big",
            "partition: {every: day, start: 2026-01-01}",
            "sources: {rows: {kind: parquet, path: rows.parquet, event_time: at}}",
            "expect:",
            "  rows:",
            *rules,
            "features: {key: [id], event_time: at, numeric: [x00]}",
            "label: {column: y, kind: binary}",
        ]
    )


def made(rows: int, bad: bool) -> Iterator[pa.Table]:
    """Yield rows in batches."""
    for start in range(0, rows, BATCH):
        count = min(BATCH, rows - start)
        dice = np.random.default_rng(start)
        told = {name: dice.normal(size=count) for name in NUMBERS}
        numbers: dict[str, pa.Array] = {name: pa.array(each) for name, each in told.items()}
        if bad:
            numbers["x03"] = pa.array(told["x03"] - 100)
            numbers["x05"] = pa.nulls(count, pa.float64())
        texts = {name: pa.array(dice.choice(["a", "b", "c"], count)) for name in TEXTS}
        moments = 1_767_225_600_000_000 + dice.integers(0, 86_400_000_000, count)
        unread = pa.nulls(count, pa.string())
        if bad:
            unread = pa.array([f'{{"x05": "free {number}"}}' for number in range(count)])
        table = pa.table(
            {
                "id": pa.array(np.arange(start, start + count)),
                "at": pa.array(moments, pa.int64()).cast(pa.timestamp("us", "UTC")),
                **numbers,
                **texts,
                "_rescued": unread,
            }
        )
        yield table


def main() -> None:
    """Measure both and print them."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rows", type=int, default=1_000_000)
    rows = asked.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLFACTORY_HOME"] = folder
        os.environ["MLFACTORY_PRODUCTS"] = f"{folder}/products"
        place = Path(folder, "products", "big")
        place.mkdir(parents=True)
        (place / "product.yaml").write_text(spec())
        (place / "features.py").write_text("def build(sources): ...\n")
        told = [_measured(rows, bad) for bad in (False, True)]
    good, bad = told
    show(
        "Telling of bad rows, seconds of processor",
        ["rows", "all good", "all bad", "telling of bad rows", "for 10 million"],
        [
            (
                f"{rows:,}",
                f"{good:.1f} s",
                f"{bad:.1f} s",
                f"{bad - good:.1f} s",
                f"{(bad - good) * 10_000_000 / rows:.1f} s",
            )
        ],
    )


def _measured(rows: int, bad: bool) -> float:
    """Return the seconds of processor that a validation takes."""
    from mlfactory.lake.manifests import manifest
    from mlfactory.lake.tables import Lake
    from mlfactory.product.errors import ContractError
    from mlfactory.product.loader import load_product
    from mlfactory.validate import stage
    from mlfactory.validate.cleaned import ToCheck

    product = load_product("big")
    partition = product.calendar.parse(KEY)
    kept = list(made(rows, bad))

    def batches(*, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        yield from (each if columns is None else each.select(list(columns)) for each in kept)

    stage._landed = lambda *_: ToCheck({"rows": batches}, {"rows": rows})
    with manifest(product, "ingest", KEY) as record:
        kinds = next(made(1, bad=False))
        record.write(Lake("big"), "raw_rows", kinds.append_column("_landing", [[record.id]]))
    begun = time.process_time()
    try:
        stage.run(product, partition)
    except ContractError as error:
        print(str(error)[:1000])
    return time.process_time() - begun


if __name__ == "__main__":
    main()
