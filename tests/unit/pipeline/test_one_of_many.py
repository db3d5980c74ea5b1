"""What is done about one product looks at that one, however many others there are.

Files are counted and not seconds: what is opened and listed below the products and the lake.
"""

from __future__ import annotations

import os
import runpy
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from mlfactory.cli.main import app as cli
from mlfactory.lake import ledger
from mlfactory.lake.catalog import report_page
from mlfactory.lake.ledger import Entry
from mlfactory.lake.store import product_store
from mlfactory.pipeline.pages import app, may_read
from mlfactory.product.loader import load_product
from mlfactory.settings import REPOSITORY, settings

OTHERS = 30
OF_FILES = {"open", "os.listdir", "os.scandir"}

_opened: list[str] | None = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened is not None and event in OF_FILES and isinstance(arguments[0], str | os.PathLike):
        _opened.append(os.fspath(arguments[0]))


# a hook stays for the life of the process; this one notes nothing but while it is asked to
sys.addaudithook(_note)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a home in which the one product `rain` has a page and a decision."""
    monkeypatch.setenv("MLFACTORY_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("MLFACTORY_PRODUCTS", str(tmp_path / "products"))
    settings.cache_clear()
    add(tmp_path, "rain")
    app.dependency_overrides[may_read] = lambda: None
    yield tmp_path
    app.dependency_overrides.clear()
    settings.cache_clear()


def add(home: Path, name: str) -> None:
    folder = home / "products" / name
    shutil.copytree(REPOSITORY / "include" / "products" / "wine_cultivar", folder)
    spec = folder / "product.yaml"
    spec.write_text(spec.read_text().replace("name: wine_cultivar", f"name: {name}"))
    product_store(name).write(report_page("snapshot"), b"<html></html>")
    ledger.record(name, Entry("promoted", "snapshot", "the first", subject="t", details={}))


def opened(home: Path, done: Callable[[], object]) -> list[str]:
    """Return what is opened and listed below the products and the lake, in the order of names."""
    global _opened
    _opened = []
    try:
        done()
        found = [Path(name) for name in _opened]
    finally:
        _opened = None
    inside = (path.relative_to(home) for path in found if path.is_relative_to(home))
    return sorted(str(path) for path in inside if path.parts)


def page(path: str) -> None:
    assert TestClient(app).get(path).status_code == 200


def status() -> None:
    done = CliRunner().invoke(cli, ["status", "rain"])
    assert done.exit_code == 0, done.output


def dag_file_of_a_task() -> None:
    made = runpy.run_path(str(REPOSITORY / "dags" / "products.py"))
    assert {name for name in made if "." in name} >= {"rain.data", "rain.train"}


@pytest.mark.parametrize(
    "done",
    [
        lambda: page("/rain.data/"),
        lambda: page("/rain.data/ledger"),
        lambda: page(f"/rain.data/files/{report_page('snapshot')}"),
        status,
        lambda: load_product("rain"),
        dag_file_of_a_task,
    ],
    ids=["pages", "ledger", "file", "status", "load", "task"],
)
def test_one_product_opens_the_same_files_however_many_there_are(
    home: Path, done: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "rain.data")
    opened(home, done)
    alone = opened(home, done)
    for number in range(OTHERS):
        add(home, f"rain_{number}")
    among_others = opened(home, done)
    assert among_others == alone != []
    # nor is it sought among all
    assert not {"products", "var/lake"} & set(among_others)
