"""What every test may use: a home folder of its own, and products written for the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from mlfactory.product.loader import Product, load_product
from mlfactory.settings import settings

MakeProduct = Callable[..., Product]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give an empty folder in which all state of the test lives."""
    folder = tmp_path / "home"
    monkeypatch.setenv("MLFACTORY_HOME", str(folder))
    monkeypatch.setenv("MLFACTORY_PRODUCTS", str(tmp_path / "products"))
    settings.cache_clear()
    yield folder
    settings.cache_clear()


@pytest.fixture
def make_product(tmp_path: Path) -> MakeProduct:
    """Give a function that writes a product's files and loads it."""

    def make(
        yaml_text: str, features_py: str = "", files: Mapping[str, str] | None = None
    ) -> Product:
        name = yaml.safe_load(yaml_text)["name"]
        folder = tmp_path / "products" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "product.yaml").write_text(yaml_text)
        (folder / "features.py").write_text(features_py or "def build(sources): ...\n")
        for path, text in (files or {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return load_product(name, tmp_path / "products")

    return make
