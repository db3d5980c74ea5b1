from __future__ import annotations

from pathlib import Path

import pytest

from mlfactory.product.document import Document, read_document


def document(tmp_path: Path, text: str) -> Document:
    file = tmp_path / "product.yaml"
    file.write_text(text, encoding="utf-8")
    return read_document(file)


NESTED = """\
name: rain
sources:
  gauge:
    kind: csv
    path: gauge.csv
gates:
  - {metric: roc_auc, at_least: 0.6}
  - metric: cost
    beats: champion
"""


@pytest.mark.parametrize(
    ("path", "line", "key"),
    [
        (("name",), 1, "name"),
        (("sources",), 2, "sources"),
        (("sources", "gauge", "path"), 5, "sources.gauge.path"),
        (("gates", 0, "at_least"), 7, "gates[0].at_least"),
        (("gates", 1), 8, "gates[1]"),
        (("gates", 1, "beats"), 9, "gates[1].beats"),
    ],
)
def test_every_key_has_its_line_and_its_name(
    tmp_path: Path, path: tuple[str | int, ...], line: int, key: str
) -> None:
    found = document(tmp_path, NESTED)
    assert found.mistakes == ()
    assert (found.line(path), found.key(path)) == (line, key)


def test_a_key_that_is_missing_has_the_line_of_what_should_hold_it(tmp_path: Path) -> None:
    found = document(tmp_path, NESTED)
    assert found.line(("sources", "gauge", "event_time")) == 3
    assert found.key(("sources", "gauge", "event_time")) == "sources.gauge"


def test_names_that_only_pydantic_knows_are_left_out(tmp_path: Path) -> None:
    found = document(tmp_path, NESTED)
    assert found.line(("gates", 1, "BeatsGate", "beats")) == 9
    assert found.key(("gates", 1, "BeatsGate", "beats")) == "gates[1].beats"


def test_a_key_written_twice_is_a_mistake_at_every_depth(tmp_path: Path) -> None:
    found = document(
        tmp_path,
        "name: a\nsources:\n  x: {kind: csv, kind: parquet}\ngates:\n- {m: 1,\n   m: 2}\nname: b\n",
    )
    repeated = {mistake.key: mistake for mistake in found.mistakes}
    assert {key: mistake.line for key, mistake in repeated.items()} == {
        "kind": 3,
        "m": 6,
        "name": 7,
    }
    assert repeated["name"].message == "the key stands already in line 1"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("name: [a\nlabel: b\n", 2, "did not find expected"),
        ("a: b: c\n", 1, "mapping values are not allowed"),
        ("name: a\n\tlabel: b\n", 2, "found a tab character"),
        ("", 1, "expected keys and values"),
        ("- a\n- b\n", 1, "expected keys and values"),
        ("just words\n", 1, "expected keys and values"),
        ("name: a\nwhen: 2013-13-45\n", 2, "month must be in 1..12"),
    ],
)
def test_what_is_not_yaml_is_a_mistake_with_its_line(
    tmp_path: Path, text: str, line: int, says: str
) -> None:
    found = document(tmp_path, text)
    assert len(found.mistakes) == 1
    assert found.content is None
    assert says in found.mistakes[0].message
    assert found.mistakes[0].line == line


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    found = read_document(tmp_path / "product.yaml")
    assert "there is no such file" in str(found.mistakes[0])
    assert found.mistakes[0].line == 0


def test_a_file_that_is_not_text_is_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "product.yaml"
    file.write_bytes(b"name: \xff\xfe\n")
    assert "is not UTF-8 text" in read_document(file).mistakes[0].message


def test_yaml_cannot_make_python_objects(tmp_path: Path) -> None:
    found = document(tmp_path, "name: !!python/object/apply:os.getcwd []\n")
    assert found.content is None
    assert "could not determine a constructor" in found.mistakes[0].message
