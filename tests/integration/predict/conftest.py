"""A bakery that has lived three days and has a champion; nothing in these tests writes to it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.predict.bakeries import DAYS, make_bakery
from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.product.loader import Product, load_product
from mlfactory.settings import settings


def live(product: Product) -> None:
    """Run every day of the product, the first training among them."""
    keys = [] if product.calendar.is_snapshot else [DAYS[0], "--to", DAYS[-1]]
    done = CliRunner().invoke(app, ["run", product.name, *keys], catch_exceptions=False)
    assert done.exit_code == 0 and "promoted yes" in done.output, done.output


@pytest.fixture(scope="module", params=["id", "event"])
def bakery(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    empty_mlflow_file: Path,
) -> Iterator[Product]:
    """Give the bakery, with a key of the source's and with one that build makes."""
    root = tmp_path_factory.mktemp("bakery")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFACTORY_HOME", str(root / "home"))
        patch.setenv("MLFACTORY_PRODUCTS", str(root / "products"))
        settings.cache_clear()
        mlflow_file = Path(settings().tracking_uri.removeprefix("sqlite:///"))
        mlflow_file.parent.mkdir(parents=True)
        shutil.copy(empty_mlflow_file, mlflow_file)

        def make(yaml_text: str, features_py: str, files: dict[str, str]) -> Product:
            folder = root / "products" / "bakery"
            folder.mkdir(parents=True)
            for name, text in {
                "product.yaml": yaml_text,
                "features.py": features_py,
                **files,
            }.items():
                (folder / name).write_text(text)
            return load_product("bakery", root / "products")

        product = make_bakery(make, key=request.param)
        live(product)
        yield product
    settings.cache_clear()
