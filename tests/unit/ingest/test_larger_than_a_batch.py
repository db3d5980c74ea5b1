"""What is larger than a batch lands as it would in one: same types, rows, rescued cells, words."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlfactory import ingest
from mlfactory.ingest import spool
from mlfactory.ingest.cells import Seen, infer_type
from mlfactory.ingest.readers import csv
from mlfactory.ingest.spool import Spool
from mlfactory.lake import batches
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, DiskFullError
from mlfactory.product.loader import Product
from mlfactory.settings import settings

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {{every: day, start: 2026-01-01}}
sources:
  orders: {{kind: {kind}, path: {path}, event_time: at, key: [id]{more}}}
features: {{key: [id], event_time: at, numeric: [price]}}
label: {{column: bad, kind: binary}}
"""
DAY = "2026-01-02"

pytestmark = pytest.mark.usefixtures("home")


def product(
    make: Callable[..., Product], name: str, *, kind: str = "csv", more: str = ""
) -> Product:
    path = f"orders.{kind}"
    spec = SPEC.format(kind=kind, path=path, more=more).replace("name: shop", f"name: {name}")
    return make(spec)


def cells(kind: str, count: int, random: np.random.Generator) -> list[str]:
    """Return text of a column: of one kind, with something else in it here and there."""
    usual = {
        "whole": lambda n: str(n * 7 - 50),
        "number": lambda n: f"{n / 3:.4f}",
        "code": lambda n: f"{n:05}",
        "word": lambda n: f"w{n % 5}",
        "long": lambda n: str(10**17 + n),
        "empty": lambda n: "",
        "time": lambda n: f"2026-01-01T00:00:00.{n:06}9Z",
    }[kind]
    odd = ["", "NA", "oops", "1e400", "007", "12345678901234567890", "inf", " 5 ", "1.0"]
    wrong = set(random.integers(0, count, int(random.integers(0, 4))).tolist())
    return [str(random.choice(odd)) if n in wrong else usual(n) for n in range(count)]


def orders(random: np.random.Generator, count: int) -> pd.DataFrame:
    start = datetime(2026, 1, 1)
    steps = np.sort(random.integers(0, 3 * 86_400, count))
    if random.random() < 0.3:
        steps = random.permutation(steps)
    times = [f"{start + timedelta(seconds=int(each)):%Y-%m-%dT%H:%M:%SZ}" for each in steps]
    for place in random.integers(0, count, int(random.integers(0, 5))):
        times[place] = str(random.choice(["", "soon", "2026-13-01"]))
    kinds = ["whole", "number", "code", "word", "long", "empty", "time"]
    columns = {f"c{n}_{kind}": cells(kind, count, random) for n, kind in enumerate(kinds)}
    return pd.DataFrame({"id": cells("whole", count, random), "at": times, **columns})


def left(made: Product, caplog: pytest.LogCaptureFixture) -> tuple[Any, str]:
    """Land the day, and return all that is seen of it."""
    caplog.clear()
    for file in made.folder.iterdir():
        os.utime(file, (0, 0))
    with caplog.at_level(logging.INFO, "mlfactory.ingest"):
        result = ingest.run(made, made.calendar.parse(DAY))
    table = Lake(made.name).arrow("raw_orders", [DAY])
    manifest = read_manifest(made.name, "ingest", DAY)
    facts = manifest["facts"]["sources"]["orders"]
    words = sorted(each.getMessage() for each in caplog.records)
    if table is not None:
        table = table.sort_by("_row").drop_columns(["_landing"]).combine_chunks()
    seen = [result.rows, result.rescued, result.state, manifest["counts"], facts, words]
    return table, str(seen).replace(made.name, "")


def test_a_csv_lands_in_batches_as_it_does_whole(
    make_product: Callable[..., Product],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(csv, "_PIECE", 1_500)
    for seed in range(12):
        random = np.random.default_rng(seed)
        rows = orders(random, int(random.integers(20, 120)))
        more = ", types: {c3_word: string, c1_number: integer}" if seed % 3 == 0 else ""
        found = []
        for size in (1_000_000, 7):
            monkeypatch.setattr(batches, "BATCH", size)
            made = product(make_product, f"shop_{seed}_{size}", more=more)
            rows.to_csv(made.folder / "orders.csv", index=False)
            found.append(left(made, caplog))
        (whole, seen), (parts, seen_in_parts) = found
        assert seen == seen_in_parts
        assert whole.schema == parts.schema, seed
        assert whole.equals(parts), seed


@pytest.mark.parametrize("missing", [False, True])
def test_parquet_lands_in_batches_as_it_does_whole(
    make_product: Callable[..., Product],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    missing: bool,
) -> None:
    count = 90
    at = [datetime(2026, 1, 1) + timedelta(hours=n * 0.7) for n in range(count)]
    given = [None if missing and n % 11 == 0 else each for n, each in enumerate(at)]
    table = pa.table(
        {
            "id": range(count),
            "at": pa.array(given, pa.timestamp("us", "UTC")),
            "list": [[n, None] for n in range(count)],
            "part": [{"a": n, "b": f"x{n}"} for n in range(count)],
            "day": pa.array([each.date() for each in at]),
            "kind": pa.array([f"k{n % 4}" for n in range(count)]).dictionary_encode(),
            "never": pa.nulls(count),
        }
    )
    found = []
    for size in (1_000_000, 7):
        monkeypatch.setattr(batches, "BATCH", size)
        made = product(make_product, f"shop_{size}", kind="parquet")
        pq.write_table(table, made.folder / "orders.parquet", row_group_size=10)
        found.append(left(made, caplog))
    (whole, seen), (parts, seen_in_parts) = found
    assert seen == seen_in_parts
    assert whole.schema == parts.schema
    assert whole.equals(parts)
    assert whole.num_rows > 30


def test_a_register_larger_than_a_batch_lands_whole(
    make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH", 7)
    spec = SPEC.format(kind="csv", path="orders.csv", more="").replace(
        "features:", "  prices: {kind: csv, path: prices.csv}\nfeatures:"
    )
    made = make_product(
        spec,
        files={
            "orders.csv": "id,at\n1,2026-01-02T00:00:00Z\n",
            "prices.csv": "item,price\n" + "".join(f"i{n},{n}\n" for n in range(40)),
        },
    )
    assert ingest.run(made, made.calendar.parse(DAY)).rows == {"orders": 1, "prices": 40}
    rows = Lake("shop").read("raw_prices")
    assert rows["price"].to_list() == list(range(40))
    assert rows["_seen_at"].nunique() == 1


def test_what_would_be_landed_again_for_labels_is_judged_in_batches(
    make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH", 7)
    made = product(make_product, "shop")
    (made.folder / "orders.csv").write_text(
        "id,at\n" + "".join(f"{n},2026-01-02T00:00:{n:02}Z\n" for n in range(40))
    )
    ingest.run(made, made.calendar.parse(DAY))
    judged: list[int] = []

    def judge(rows: Any) -> None:
        judged.extend(each.num_rows for each in rows["orders"])

    ingest.run(made, made.calendar.parse(DAY), again=judge)
    assert judged == [7] * 5 + [5]
    assert Lake("shop").read("raw_orders")["id"].to_list() == list(range(40))


def test_a_large_file_without_a_time_that_can_be_read_is_told(
    make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH", 7)
    made = product(make_product, "shop")
    (made.folder / "orders.csv").write_text("id,at\n" + "1,yesterday\n" * 40)
    with pytest.raises(ContractError, match="no event time can be read"):
        ingest.run(made, made.calendar.parse(DAY))


def test_a_full_disk_is_told_and_nothing_is_landed(
    make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH", 7)
    made = product(make_product, "shop")
    (made.folder / "orders.csv").write_text("id,at\n" + "1,2026-01-02T00:00:00Z\n" * 40)

    def full(**_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spool.tempfile, "TemporaryFile", full)
    with pytest.raises(DiskFullError, match="spool cannot be written: the disk is full"):
        ingest.run(made, made.calendar.parse(DAY))
    assert Lake("shop").version("raw_orders") is None


@pytest.mark.parametrize("seed", range(10))
def test_parts_of_a_column_tell_the_type_of_the_whole(seed: int) -> None:
    random = np.random.default_rng(seed)
    for kind in ("whole", "number", "code", "word", "long", "empty"):
        texts = cells(kind, int(random.integers(1, 60)), random)
        column = pa.chunked_array([pa.array([text or None for text in texts], pa.string())])
        for strict in (False, True):
            seen = Seen()
            for start in range(0, len(column), 7):
                seen.look_at(column.slice(start, 7))
            assert seen.kind(strict=strict) == infer_type(column, strict=strict), texts


def test_a_spool_gives_its_rows_again_and_leaves_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH", 7)
    table = pa.table({"n": range(50), "text": ["ä"] * 50})
    kept = Spool(table.schema)
    for start in range(0, 50, 5):
        kept.add(table.slice(start, 5))
    # two at once, as when rows are compared
    both = zip(kept, kept, strict=True)
    assert all(one.equals(other) for one, other in both)
    assert pa.concat_tables(kept).equals(table)
    rows = kept.changed(lambda part: part.filter(pa.compute.less(part["n"], 20)), 20)
    assert isinstance(rows, batches.Batched)
    assert [each.num_rows for each in rows] == [7, 7, 6] == [each.num_rows for each in rows]
    folder = Path(settings().spool_folder)
    assert list(folder.iterdir()) == []
