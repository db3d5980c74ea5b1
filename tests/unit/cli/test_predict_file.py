"""Where answers cannot be written is said before anything is predicted, and costs no file."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from mlfactory import predict
from mlfactory.cli.predict import predict_file
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product

ROWS = "station,at\nA,2013-01-01\n"


@pytest.fixture
def question(tmp_path: Path) -> Path:
    file = tmp_path / "new.csv"
    file.write_text(ROWS)
    return file


def ask(product: Product, file: Path, out: Path) -> None:
    predict_file(product, file, out, None, None, Console(file=io.StringIO()))


@pytest.mark.parametrize("way", ["same", "dots", "link", "link to it"])
def test_answers_do_not_replace_the_question(rain: Product, question: Path, way: str) -> None:
    out = {
        "same": question,
        "dots": question.parent / "." / ".." / question.parent.name / question.name,
        "link": question.with_name("link.csv"),
        "link to it": question.with_name("soft.csv"),
    }[way]
    if way == "link":
        out.hardlink_to(question)
    elif way == "link to it":
        out.symlink_to(question)
    with pytest.raises(UsageError, match=r"the file to predict"):
        ask(rain, question, out)
    assert question.read_text() == ROWS


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("answers.csv", "is a folder"),
        ("/proc/answers.csv", "cannot be written"),
        (f"{'x' * 300}.csv", "cannot be written"),
        ("new.csv/answers.csv", "there is no folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_the_work(
    rain: Product,
    question: Path,
    where: str,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def worked(*_: object, **__: object) -> None:
        raise AssertionError("it predicted first")

    monkeypatch.setattr(predict, "run", worked)
    (question.parent / "answers.csv").mkdir()
    with pytest.raises(UsageError, match=why):
        ask(rain, question, question.parent / where)
    assert sorted(file.name for file in question.parent.iterdir() if file.is_file()) == ["new.csv"]
