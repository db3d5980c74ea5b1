from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlfactory.lake.catalog import manifest_file
from mlfactory.lake.store import product_store, write_json
from mlfactory.product.loader import Product, load_product
from mlfactory.settings import settings

SPEC = """\
apiVersion: mlfactory/v1
name: rain
partition: {partition}
sources:
  gauge: {{kind: csv, path: gauge.csv, event_time: at}}
features: {{key: [station, at], event_time: at, numeric: [pressure]}}
label: {{column: wet, kind: binary, arrives_after: {delay}}}
"""

PROMISE = "monitor: {slo: {freshness: 3 days}}\n"

NOW = datetime(2026, 3, 10, 6, tzinfo=UTC)
"""Six in the morning: the partition 2026-03-09 is over since midnight."""

Ran = Callable[..., None]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Product]]:
    """Return a function that makes the product `rain`, cut as said, and with more said of it."""
    monkeypatch.setenv("MLFACTORY_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("MLFACTORY_PRODUCTS", str(tmp_path / "products"))
    settings.cache_clear()

    def product(partition: str, more: str = "", delay: str = "0 hours") -> Product:
        folder = tmp_path / "products" / "rain"
        folder.mkdir(parents=True, exist_ok=True)
        spec = SPEC.format(partition=partition, delay=delay) + more
        if "snapshot" in partition:
            spec = spec.replace(", event_time: at", "")
        (folder / "product.yaml").write_text(spec)
        (folder / "features.py").write_text("def build(sources): return sources['gauge']\n")
        return load_product("rain")

    yield product
    settings.cache_clear()


@pytest.fixture
def rain(make: Callable[..., Product]) -> Product:
    return make("{every: day, start: 2026-01-01}")


@pytest.fixture
def ran() -> Ran:
    """Return a function that leaves the manifests of stage runs."""

    def run(
        *stages: str,
        key: str,
        at: str = "2026-03-01T00:00:00+00:00",
        mark: str = "1",
        verdict: str = "pass",
        labelled: int = 10,
        code: str = "",
    ) -> None:
        built_by = code or load_product("rain").code_hash
        for place, stage in enumerate(stages):
            write_json(
                product_store("rain"),
                manifest_file(stage, key),
                {
                    "id": f"{stage}-{key}-{mark}",
                    "stage": stage,
                    "name": key,
                    "partition": key,
                    "started_at": at,
                    "seconds": 1.0,
                    "code_hash": built_by,
                    "counts": {"rows": 10, "labelled": labelled},
                    "facts": {"verdict": verdict},
                    "reads": {
                        f"{before}/{key}": f"{before}-{key}-{mark}"
                        for before in stages[max(place - 1, 0) : place]
                    },
                },
            )

    return run
