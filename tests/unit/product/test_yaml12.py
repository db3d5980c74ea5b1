from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from mlfactory.product.document import read_document
from mlfactory.product.errors import Mistake


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[SE, NO, ON, DE]", ["SE", "NO", "ON", "DE"]),
        ("[yes, no, on, off, y, n, Yes, Off]", ["yes", "no", "on", "off", "y", "n", "Yes", "Off"]),
        ("[true, False, TRUE]", [True, False, True]),
        ("12:30:00", "12:30:00"),
        ("190:20:30", "190:20:30"),
        ("[007, 010, 08]", ["007", "010", "08"]),
        ("[0, 10, -3, +4, 0o17, 0x1F]", [0, 10, -3, 4, 15, 31]),
        ("1_000", "1_000"),
        ("[0.5, .5, 1., 1e3, -2.5E-1]", [0.5, 0.5, 1.0, 1000.0, -0.25]),
        ("[~, null, Null, ]", [None, None, None]),
        ("none", "none"),
        ("2026-01-01", date(2026, 1, 1)),
        ("2026-01-01T05:00:00", datetime(2026, 1, 1, 5)),
        ("[=, <, '-']", ["=", "<", "-"]),
        ("'NO'", "NO"),
    ],
)
def test_scalars_are_read_as_yaml_1_2_reads_them(tmp_path: Path, text: str, value: Any) -> None:
    file = tmp_path / "product.yaml"
    file.write_text(f"a: {text}\n")
    assert read_document(file).content == {"a": value}


def test_infinity_and_nothing_are_no_numbers_of_a_spec(
    mistakes_of: Callable[[str], list[Mistake]], spec_text: str
) -> None:
    text = spec_text + "business: {false_negative: .inf, false_positive: .nan}\n"
    assert {mistake.key for mistake in mistakes_of(text)} == {
        "business.false_negative",
        "business.false_positive",
    }


def test_a_merged_key_may_be_set_again(tmp_path: Path) -> None:
    file = tmp_path / "product.yaml"
    file.write_text("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\n")
    found = read_document(file)
    assert found.mistakes == ()
    assert found.content["b"] == {"x": 1, "y": 3}
