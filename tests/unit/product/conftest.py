from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlfactory.product.errors import Mistake, SpecError
from mlfactory.product.loader import load_folder

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
    content: dict[str, Any] = copy.deepcopy(yaml.safe_load(SPEC))
    return content


@pytest.fixture
def write_product(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes the folder of a product and returns it."""

    def write(spec: str | dict[str, Any] = SPEC, name: str = "rain") -> Path:
        folder = tmp_path / "products" / name
        folder.mkdir(parents=True, exist_ok=True)
        text = spec if isinstance(spec, str) else yaml.safe_dump(spec, sort_keys=False)
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
