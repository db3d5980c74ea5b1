from __future__ import annotations

import ast
import sys

import pytest

from mlfactory.product.digest import digest_of_code

CODE = """\
import pandas as pd

FACTOR = 2


def build(sources):
    gauge = sources["gauge"]
    return gauge.assign(mm=gauge["mm"] * FACTOR, at=None)
"""


def digest(text: str | bytes, name: str = "rain/features.py") -> str:
    return digest_of_code({name: text.encode() if isinstance(text, str) else text})


@pytest.mark.parametrize(
    "told",
    [
        "# what rain is\n" + CODE,
        '"""What rain is."""\n' + CODE,
        CODE.replace("FACTOR = 2\n", 'FACTOR = 2  # see the manual\n"""Of the gauge."""\n'),
        CODE.replace("sources):\n", 'sources):\n    """Return the rain."""\n'),
        CODE.replace("\n\n\n", "\n"),
        CODE.replace("(mm", "(\n        mm"),
        CODE.replace('"gauge"', "'gauge'"),
        CODE.replace("\n", "\r\n"),
    ],
)
def test_comments_docstrings_and_layout_do_not_change_the_digest(told: str) -> None:
    assert told != CODE
    assert digest(told) == digest(CODE)


@pytest.mark.parametrize(
    "changed",
    [
        CODE.replace("2", "3"),
        CODE.replace("2", "2.0"),
        CODE.replace("FACTOR, at=None", "FACTOR"),
        CODE.replace("None", "''"),
        CODE.replace("*", "/"),
        CODE.replace("gauge.assign", "gauge.head().assign"),
        CODE.replace("    gauge =", "    if gauge := sources: pass\n    gauge ="),
        "\n".join(reversed(CODE.splitlines()[:3])) + "\n".join(CODE.splitlines()[3:]),
    ],
)
def test_what_runs_otherwise_changes_the_digest(changed: str) -> None:
    ast.parse(changed)
    assert digest(changed) != digest(CODE)


def test_a_file_of_another_name_has_another_digest() -> None:
    assert digest(CODE, "rain/a.py") != digest(CODE, "rain/b.py")


def test_bodies_that_do_nothing_are_alike_and_unlike_where_they_are_not() -> None:
    assert digest("def f():\n    'said'\n") == digest("def f():\n    pass\n")
    assert digest("if x:\n    pass\nelse:\n    y()\n") != digest("if x:\n    y()\n")
    assert digest("def f():\n    return None\n") != digest("def f():\n    pass\n")
    assert digest("f(None)\n") != digest("f()\n")
    assert digest("x = 'y'\n") != digest("x = y\n")
    assert digest("x = ['a', 'b']\n") != digest("x = ['a]', 'b']\n")


@pytest.mark.parametrize("broken", ["def build(:\n", "\xff\xfe", "x = 1\0", "(" * 300 + ")" * 300])
def test_a_file_that_cannot_be_parsed_counts_with_its_bytes(broken: str) -> None:
    content = broken.encode("latin-1")
    assert digest(content) == digest(content)
    assert digest(content) != digest(content + b" ")


def test_the_digest_is_the_same_however_deep_the_caller_is() -> None:
    long = "x = " + " + ".join("1" * 150)
    depth = sys.getrecursionlimit() // 2

    def deep(left: int) -> str:
        return digest(long) if left == 0 else deep(left - 1)

    assert deep(depth) == digest(long)


def test_the_digest_of_a_text_is_what_it_was_with_every_version_of_python() -> None:
    named = CODE + "\n\ndef name(day):\n    return f'{day=!s:>{9}}' f'\\N{BULLET}{day:%d}'\n"
    assert digest(named) == "2cfcf2bc2f869d50"
