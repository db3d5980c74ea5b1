from __future__ import annotations

from typing import Any

import pytest
from tests.unit.product.conftest import Write

from mlfactory.product.code import product_function
from mlfactory.product.errors import BuildError
from mlfactory.product.loader import Product


def build(product: Product) -> Any:
    return product_function(product, product.spec.features.build)({})


SHARED = "VALUE = {}\n\ndef value():\n    return VALUE\n"


@pytest.mark.parametrize(
    "features",
    [
        "from . import shared\n\ndef build(sources): return shared.value()\n",
        "from .shared import value\n\ndef build(sources): return value()\n",
        "import shared\n\ndef build(sources): return shared.value()\n",
        "import shared as s\n\ndef build(sources): return s.value()\n",
        "from shared import value as v\n\ndef build(sources): return v()\n",
        "def build(sources):\n    import shared\n    return shared.value()\n",
        "import deep.more\n\ndef build(sources): return deep.more.twice() // 2\n",
        "from deep import more\n\ndef build(sources): return more.twice() // 2\n",
        "from importlib import import_module\n\ndef build(sources):\n"
        "    return import_module('.shared', __package__).value()\n",
    ],
)
def test_files_of_a_product_import_each_other(write: Write, features: str) -> None:
    product = write(
        {
            "features.py": features,
            "shared.py": SHARED.format(7),
            "deep/more.py": "from ..shared import value\n\ndef twice(): return 2 * value()\n",
        }
    )
    assert build(product) == 7


def test_modules_of_two_products_never_meet(write: Write) -> None:
    features = "import shared\n\ndef build(sources): return shared.value()\n"
    rain = write({"features.py": features, "shared.py": SHARED.format(1)}, name="rain")
    snow = write({"features.py": features, "shared.py": SHARED.format(2)}, name="snow")
    assert [build(rain), build(snow), build(rain)] == [1, 2, 1]

    nosy = "from ..rain import shared\n\ndef build(sources): return shared.value()\n"
    with pytest.raises(BuildError, match=r"features\.py:1 imports from the product 'rain'"):
        build(write({"features.py": nosy}, name="hail"))
    lost = write({"features.py": features}, name="fog")
    with pytest.raises(BuildError, match="No module named 'shared'"):
        build(lost)


def test_products_share_the_packages_beside_them(write: Write) -> None:
    features = "from .._weather import scales\n\ndef build(sources): return scales.value()\n"
    files = {"features.py": features, "_weather/scales.py": SHARED.format(5)}
    assert [build(write(files, name=name)) for name in ("rain", "snow")] == [5, 5]
    files["_weather/scales.py"] = SHARED.format(6)
    assert [build(write(files, name=name)) for name in ("rain", "snow")] == [6, 6]


def test_what_runs_is_what_the_code_hash_is_of(write: Write) -> None:
    first = write({"features.py": "def build(sources): return 1\n"})
    assert first.code_hash
    second = write({"features.py": "def build(sources): return 2\n"})
    assert [build(first), build(second), build(first)] == [1, 2, 1]
    assert not list(first.folder.rglob("__pycache__"))


def test_an_error_names_the_line_of_the_product_it_came_from(write: Write) -> None:
    product = write(
        {
            "features.py": "import helper\n\ndef build(sources): ...\n",
            "helper.py": "VALUE = 1\nRATIO = VALUE / 0\n",
        }
    )
    file = product.folder / "helper.py"
    with pytest.raises(BuildError, match="ZeroDivisionError") as caught:
        build(product)
    assert f"({file}:2)" in caught.value.problem


def test_a_module_that_exits_is_an_error_of_the_product(write: Write) -> None:
    product = write({"features.py": "import sys\nsys.exit(3)\n\ndef build(sources): ...\n"})
    with pytest.raises(BuildError, match="SystemExit: 3"):
        build(product)
