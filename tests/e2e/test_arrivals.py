"""A file in a watched folder starts the runs that it touches, once, and with the reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mlfactory.lake.catalog import arrivals_file
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.store import product_store
from tests.e2e.conftest import SHOP, Factory


def day(ago: int) -> str:
    return (datetime.now(UTC) - timedelta(days=ago)).strftime("%Y-%m-%d")


def put(folder: Path, name: str, *rows: str) -> None:
    (folder / name).write_text("\n".join(["id,at,price,sold", *rows, ""]))


def arrived(factory: Factory, key: str, seconds: float = 300) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        runs = factory.api.runs(["counter.data"], key)
        found = [run for run in runs if run.run_id.startswith("arrived__")]
        if found and found[-1].is_over:
            return found
        time.sleep(1)
    raise AssertionError(f"no file of {key} was landed in {seconds:.0f} s")


def wait_for(what: Callable[[], bool], words: str, seconds: float = 180) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, words
        time.sleep(1)


def announced(factory: Factory, key: str) -> list[Any]:
    """Return the reasons with which the features of a partition were announced, in time."""
    asked = {"source_dag_id": "counter.data", "source_task_id": "prepare", "order_by": "timestamp"}
    events = factory.api._pages("/assets/events", "asset_events", asked)
    return [each["extra"].get("because") for each in events if each["extra"]["partition"] == key]


def test_late_rows_are_landed_and_announced_by_themselves(factory: Factory) -> None:
    folder = Path(factory.environment["MLFACTORY_PRODUCTS"]) / "counter"
    (folder / "in").mkdir(parents=True)
    old, new = day(4), day(2)
    put(folder / "in", "a.csv", f"1,{old}T08:00:00Z,1,0", f"2,{old}T09:00:00Z,2,1")
    (folder / "features.py").write_text("def build(sources): return sources['sales']\n")
    spec = SHOP.replace("NAME", "counter").replace('"sales-{partition}.csv"', '"in/*.csv"')
    (folder / "product.yaml").write_text(spec.replace("2 days}", "2 days, watch: true}"))
    wait_for(lambda: factory.api.knows("counter.arrivals"), "counter.arrivals was never parsed")
    store = product_store("counter")
    wait_for(lambda: store.find(arrivals_file("sales")) is not None, "nobody began to watch")
    factory.api.unpause("counter.data")
    factory.api.trigger("counter.data", old, run_id="first")
    assert factory.ended("counter.data", old, "first").state == "success"

    put(folder / "in", "b.csv", f"3,{old}T10:00:00Z,3,1", f"4,{new}T10:00:00Z,3,1")
    [run] = arrived(factory, old)
    assert run.state == "success"
    landed = read_manifest("counter", "ingest", old)
    assert landed["counts"] == {"sales": 3}
    assert landed["facts"]["because"] == ["sales: b.csv brings 1 row"]
    assert announced(factory, old) == [None, ["sales: b.csv brings 1 row"]]
    assert read_manifest("counter", "prepare", old)["counts"]["rows"] == 3
    assert len(arrived(factory, new)) == 1
    assert read_manifest("counter", "ingest", new)["counts"] == {"sales": 1}
    assert announced(factory, new) == [["sales: b.csv brings 1 row"]]
    # written again as it was, it starts nothing: the next look tells it, and nothing comes of it
    (folder / "in" / "b.csv").write_text((folder / "in" / "b.csv").read_text())
    time.sleep(120)
    assert len(arrived(factory, old)) == 1
