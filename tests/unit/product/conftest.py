from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlfactory.product.errors import Mistake, SpecError
from mlfactory.product.loader import Product, load_folder, load_product

SPEC = """\
apiVersion: mlfactory/v1
name: rain
partition: {every: day, start: 2026-01-01}
sources:
  gauge: {kind: csv, path: gauge.csv, event_time: at}
features:
  key: [station, at]
  event_time: at
  numeric: [pressure, humidity]
  categorical: [station]
label: {column: wet, kind: binary}
"""
"""A spec with little more than it needs: a binary label, a day's partitions, one source."""


@pytest.fixture
def spec_text() -> str:
    return SPEC


@pytest.fixture
def spec_content() -> dict[str, Any]:
    content: dict[str, Any] = yaml.load(SPEC, yaml.CSafeLoader)
    return content


@pytest.fixture
def write_product(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes the folder of a product and returns it."""

    def write(spec: str | dict[str, Any] = SPEC, name: str = "rain") -> Path:
        folder = tmp_path / "products" / name
        folder.mkdir(parents=True, exist_ok=True)
        text = spec
        if not isinstance(spec, str):
            text = yaml.dump(spec, Dumper=yaml.CSafeDumper, sort_keys=False)
        (folder / "product.yaml").write_text(text, encoding="utf-8")
        (folder / "features.py").write_text("def build(sources):\n    return sources['gauge']\n")
        return folder

    return write


@pytest.fixture
def mistakes_of(
    write_product: Callable[..., Path],
) -> Callable[[str | dict[str, Any]], list[Mistake]]:
    """Return a function that gives the mistakes of a spec; none if it is right."""

    def find(spec: str | dict[str, Any]) -> list[Mistake]:
        try:
            load_folder(write_product(spec))
        except SpecError as error:
            return list(error.mistakes)
        return []

    return find


CODE_SPEC = """\
apiVersion: mlfactory/v1
name: {name}
partition: {{every: day, start: 2026-01-01}}
sources:
  gauge: {{kind: csv, path: gauge.csv, event_time: at}}
{more}
features: {{key: [at], event_time: at, numeric: [mm]}}
label: {{column: wet, kind: binary}}
"""

Write = Callable[..., Product]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a product's files beside those of others, and loads it."""

    def written(files: Mapping[str, str], *, name: str = "rain", more: str = "") -> Product:
        for place, text in {f"{name}/product.yaml": CODE_SPEC.format(name=name, more=more)}.items():
            (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place).write_text(text)
        for place, text in files.items():
            file = tmp_path / (place if place.startswith("_") else f"{name}/{place}")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return load_product(name, tmp_path)

    return written
