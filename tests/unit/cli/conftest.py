from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from mlfactory.cli.processes import MARK
from mlfactory.product.loader import Product, load_product
from mlfactory.settings import settings

Start = Callable[..., psutil.Process]

STACK = secrets.token_hex(8)
"""Of these tests alone: those of another worker or worktree mark processes of this machine, too."""

SPEC = """\
apiVersion: mlfactory/v1
name: {name}
partition: {{every: month, start: 2013-01-01}}
sources:
  gauge: {{kind: csv, path: gauge.csv, event_time: at}}
features:
  key: [station, at]
  event_time: at
  numeric: [pressure, humidity]
label: {{column: wet, kind: binary}}
"""


@pytest.fixture
def products(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the folder of the products, which the settings of this test name; it is empty."""
    root = tmp_path / "products"
    root.mkdir()
    monkeypatch.setenv("MLFACTORY_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("MLFACTORY_PRODUCTS", str(root))
    settings.cache_clear()
    yield root
    settings.cache_clear()


@pytest.fixture
def add_product(products: Path) -> Callable[..., Product]:
    """Return a function that adds a product which is right."""

    def add(name: str, spec: str = SPEC) -> Product:
        folder = products / name
        folder.mkdir()
        (folder / "product.yaml").write_text(spec.format(name=name), encoding="utf-8")
        (folder / "features.py").write_text("def build(sources):\n    return sources['gauge']\n")
        return load_product(name)

    return add


@pytest.fixture
def rain(add_product: Callable[[str], Product]) -> Product:
    return add_product("rain")


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts a process, which does not outlive the test."""
    begun: list[subprocess.Popen[str]] = []

    def run(*command: str, mark: str = "") -> psutil.Process:
        environment = {**os.environ, **({MARK: mark} if mark else {})}
        begun.append(
            subprocess.Popen(
                command,
                start_new_session=True,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return psutil.Process(begun[-1].pid)

    yield run
    for process in begun:
        process.kill()
        process.communicate()
