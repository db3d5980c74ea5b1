"""Trying products' code: interpreters are started, which may hang, end and be killed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.product.conftest import Write

import mlfactory
from mlfactory.product import trial
from mlfactory.product.code import product_function
from mlfactory.product.trial import code_mistakes


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


def test_build_may_be_imported_from_another_file(write: Write) -> None:
    product = write(
        {"features.py": "from x import build\n", "x.py": "def build(sources): return 3\n"}
    )
    assert product_function(product, product.spec.features.build)({}) == 3
    assert code_mistakes([product]) == [[]]
