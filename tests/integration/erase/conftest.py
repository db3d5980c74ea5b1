"""A shop whose orders name who ordered, and a look into every file for what must not be there."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from mlfactory.cycle.job import Budget, Job
from mlfactory.cycle.run import run_stages
from mlfactory.lake.store import store_at
from mlfactory.product.loader import Product
from mlfactory.settings import settings

ANNA = "anna.blackwood@example.org"
KEY = "0123456789abcdef0123456789abcdef-of-a-test"

SPEC = """
apiVersion: mlfactory/v1
name: orders
partition: {every: day, start: 2024-01-01}
sources:
  orders:
    kind: csv
    path: "orders-*.csv"
    event_time: at
    key: [number]
    PII
  people: {kind: csv, path: people.csv, key: [email]}
expect:
  orders:
    - {type: expect_column_values_to_be_between, column: amount, min_value: 0, severity: critical}
  quarantine_budget: 20%
features:
  build: "features:build"
  key: [order]
  event_time: at
  numeric: [amount, noise]
  history: 1 day
label: {column: returned, kind: binary, arrives_after: 0 days}
train:
  window: 3 partitions
  holdout: 1 partition
  candidates: [logistic_regression]
  search: {trials: 1, seconds: 20}
promote: {gates: [{metric: roc_auc, at_least: 0.1}]}
"""

FEATURES = """
def build(sources):
    rows = sources["orders"].copy()
    rows["order"] = "order-" + rows["number"].astype(str)
    return rows[["order", "at", "amount", "noise", "returned"]]
"""

DAYS = ("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04")
_ROWS = 120


@dataclass
class Orders:
    """The product, where its files are, and the numbers of Anna's orders."""

    product: Product
    folder: Path
    hers: tuple[int, ...]

    def run(self, *stages: str, days: tuple[str, ...] = DAYS) -> None:
        for day in days:
            slot = self.product.calendar.parse(day)
            job = Job(
                self.product, slot, training_id=f"{day}.cli-test", budget=Budget(reason="test")
            )
            for _ in run_stages(job, stages):
                pass


@pytest.fixture
def orders(
    mlflow_file: Path, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Orders]:
    """Give a function that makes the shop: four days of orders, of which some are Anna's."""
    monkeypatch.setenv("MLFACTORY_PII_KEY", KEY)
    settings.cache_clear()

    def make(pii: str = "", more: str = "") -> Orders:
        text = SPEC.replace("PII", f"pii: {pii}" if pii else "types: {number: integer}") + more
        files = {f"orders-{day}.csv": _csv(place, day) for place, day in enumerate(DAYS)}
        people = "email,since\n" + "".join(f"{each},2020\n" for each in (ANNA, "bert@example.org"))
        product = make_product(text, FEATURES, {**files, "people.csv": people})
        hers = tuple(n for place in range(len(DAYS)) for n in range(place * 1000, place * 1000 + 3))
        return Orders(product, Path(product.folder), hers)

    return make


def _csv(place: int, day: str) -> str:
    random = np.random.default_rng(place)
    lines = ["number,at,email,amount,noise,returned"]
    for row in range(_ROWS):
        # the first three of a day are Anna's, and the third of them is bad
        email = ANNA if row < 3 else f"p{row}@example.org"
        amount = -5.0 if row == 2 or row == 50 else float(random.gamma(2.0))
        returned = int(random.random() < 1 / (1 + np.exp(2 - amount)))
        at = f"{day}T{row // 5:02d}:{row % 5 * 10:02d}:00Z"
        lines.append(
            f"{place * 1000 + row},{at},{email},{amount:.4f},{random.random():.4f},{returned}"
        )
    return "\n".join(lines) + "\n"


def everything() -> Iterator[tuple[str, bytes]]:
    """Yield the content of every file of the lake and of MLflow's, unpacked, by its address."""
    for uri in dict.fromkeys([settings().lake_uri, settings().artifacts_uri]):
        store = store_at(uri)
        for name in store.list():
            content = store.find(name)
            if content is not None:
                yield store.address(name), content + unpacked(name, content)
    database = Path(settings().tracking_uri.removeprefix("sqlite:///"))
    if database.exists():
        yield str(database), database.read_bytes()


def unpacked(name: str, content: bytes) -> bytes:
    """Return what a reader of a packed file reads, as text."""
    if name.endswith(".parquet"):
        return _as_text(pq.read_table(io.BytesIO(content)).to_pylist())
    if name.endswith(".arrow"):
        found, source = [], pa.BufferReader(content)
        while source.tell() < len(content):
            found.append(pa.ipc.open_stream(source).read_all().to_pylist())
        return _as_text(found)
    if name.endswith(".json.z"):
        return zlib.decompress(content)
    if name.endswith(".npz"):
        with np.load(io.BytesIO(content)) as arrays:
            found = [repr(arrays[each].tolist()).encode() for each in arrays.files]
            packed_text = arrays["text"].tobytes() if "text" in arrays.files else zlib.compress(b"")
            return b"".join([*found, zlib.decompress(packed_text)])
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            return b"".join(packed.read(each) for each in packed.namelist())
    return b""


def holding(*texts: str) -> dict[str, list[str]]:
    """Return of each text the files that have it."""
    found: dict[str, list[str]] = {text: [] for text in texts}
    for address, content in everything():
        for text in texts:
            if text.encode() in content:
                found[text].append(address)
    return found


def _as_text(rows: Any) -> bytes:
    return repr(rows).encode()
