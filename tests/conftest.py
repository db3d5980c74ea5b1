"""What every test may use: a home folder of its own, and products written for the test."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlfactory.product.loader import Product, load_product
from mlfactory.settings import settings
from tests.s3.server import KINDS, S3Server, serving

MakeProduct = Callable[..., Product]

LAKES = ("folder", "s3")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--lake", choices=[*LAKES, "both"], default="folder", help="Where lakes lie")
    parser.addoption("--s3", choices=KINDS, default=KINDS[0], help="Which server holds them on S3")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for a lake's place once in each.

    With `--lake=both`, one that is marked `one_lake` runs in a folder only: what it proves are
    figures and verdicts, computed from rows that other tests see come the same from both.
    `--lake=s3`, which is `make test-s3`, has it on S3.
    """
    if "lake_place" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--lake")
        places: tuple[str, ...] = LAKES if chosen == "both" else (chosen,)
        if chosen == "both" and metafunc.definition.get_closest_marker("one_lake"):
            places = LAKES[:1]
        metafunc.parametrize("lake_place", places, indirect=True, scope="session")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[Any]:
    """Import all that the tests need without looking for garbage in it, then or ever after.

    Of the million objects that the libraries make none becomes garbage, and going through them
    again and again takes a quarter of the time of the imports.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def lake_place(request: pytest.FixtureRequest) -> str:
    """Give where the lakes of the test lie: `folder` or `s3`."""
    return str(request.param)


@pytest.fixture(scope="session")
def s3_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[S3Server]:
    """Start an S3 server with a bucket of its own, once a session."""
    with serving(request.config.getoption("--s3"), tmp_path_factory.mktemp("s3")) as server:
        # made now: later a test may have changed what the environment says of AWS
        assert server.client
        yield server


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
        name = yaml.load(yaml_text, yaml.CSafeLoader)["name"]
        folder = tmp_path / "products" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "product.yaml").write_text(yaml_text)
        (folder / "features.py").write_text(features_py or "def build(sources): ...\n")
        for path, text in (files or {}).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return load_product(name, tmp_path / "products")

    return make
