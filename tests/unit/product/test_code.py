from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import mlfactory
from mlfactory.product import trial
from mlfactory.product.code import product_function
from mlfactory.product.errors import BuildError
from mlfactory.product.loader import Product, load_product
from mlfactory.product.trial import code_mistakes

SPEC = """\
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
        for place, text in {f"{name}/product.yaml": SPEC.format(name=name, more=more)}.items():
            (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / place).write_text(text)
        for place, text in files.items():
            file = tmp_path / (place if place.startswith("_") else f"{name}/{place}")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return load_product(name, tmp_path)

    return written


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


def test_build_may_be_imported_from_another_file(write: Write) -> None:
    product = write(
        {"features.py": "from x import build\n", "x.py": "def build(sources): return 3\n"}
    )
    assert build(product) == 3
    assert code_mistakes([product]) == [[]]


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


@pytest.mark.parametrize(
    ("features", "says"),
    [
        ("import no_such_library\n\ndef build(sources): ...\n", "features.py:1"),
        ("import helper\n\ndef build(sources): ...\n", "helper.py:2"),
        ("build = 3\n", "has no function 'build'"),
        ("def build(): ...\n", "cannot be called with the sources: too many"),
        ("def build(sources, more): ...\n", "missing a required argument: 'more'"),
        ("import sys\nsys.exit(3)\n\ndef build(sources): ...\n", "SystemExit: 3"),
    ],
)
def test_check_imports_the_code_and_tells_what_is_wrong_with_it(
    write: Write, features: str, says: str
) -> None:
    product = write({"features.py": features, "helper.py": "import os\nos.nothing()\n"})
    ((found,),) = code_mistakes([product])
    assert says in found.message
    assert found.key == "features"
    assert found.line == 7


def test_check_tries_the_products_after_one_that_hangs_kills_or_prints(write: Write) -> None:
    sound = "def build(sources): ...\n"
    codes = {
        "hangs": "import time\ntime.sleep(99)\n" + sound,
        "ends": "import os\nos._exit(4)\n" + sound,
        "kills": "import os\nos.killpg(0, 9)\n" + sound,
        "prints": "import os\nos.write(1, b'[]')\nprint('[]')\n" + sound,
        "sound": sound,
    }
    products = [write({"features.py": code}, name=name) for name, code in codes.items()]
    found = code_mistakes(products, seconds=3)
    assert [[mistake.message for mistake in mistakes] for mistakes in found] == [
        ["importing its module takes more than 3 seconds"],
        ["importing its module ends the process, with code 4"],
        ["importing its module ends the process, with code -9"],
        [],
        [],
    ]
    assert code_mistakes([]) == []


def test_check_tells_of_each_product_its_own_mistake_however_many_share_a_process(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "SHARE", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    names = ["one", "two", "three"]
    code = "raise OSError('{}')\n\ndef build(sources): ...\n"
    products = [write({"features.py": code.format(name)}, name=name) for name in names]
    for name, mistakes in zip(names, code_mistakes(products), strict=True):
        (found,) = mistakes
        assert f"OSError: {name}" in found.message


def test_check_heeds_nothing_that_an_interpreter_prints_when_it_starts(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = write({"features.py": "def build(sources, more): ...\n"})
    (tmp_path / "sitecustomize.py").write_text("print('welcome')\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(mlfactory.__file__).parents[1]}")
    ((found,),) = code_mistakes([product])
    assert "missing a required argument: 'more'" in found.message


def test_check_takes_code_that_prints_starts_threads_and_has_defaults(write: Write) -> None:
    product = write(
        {
            "features.py": "import threading, time\nprint('hello')\n"
            "threading.Thread(target=time.sleep, args=(99,)).start()\n"
            "def build(sources, scale=1): ...\n",
            "data.py": "def load(start, end): ...\n",
        },
        more='  sky: {kind: python, function: "data:load", event_time: at}',
    )
    assert code_mistakes([product]) == [[]]


def test_check_calls_a_source_with_start_and_end(write: Write) -> None:
    product = write(
        {"features.py": "def build(sources): ...\n", "data.py": "def load(day): ...\n"},
        more='  sky: {kind: python, function: "data:load", event_time: at}',
    )
    ((found,),) = code_mistakes([product])
    assert found.key == "sources.sky.function"
    assert "data:load cannot be called with start and end" in found.message
