"""A product's files may hold anything: reading them ends in a product or in a SpecError."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlfactory.product.errors import SpecError
from mlfactory.product.loader import load_folder, load_products

PRODUCTS = Path(__file__).parents[3] / "include" / "products"
SPEC = """\
apiVersion: mlfactory/v1
name: rain
title: Will it rain?
owner: {team: sky, email: sky@example.com}
partition: {every: day, start: 2026-01-01, end: 2027-01-01}
sources:
  gauge:
    {kind: csv, path: gauge.csv, event_time: at, key: [station, at], types: {mm: float},
     delimiter: ";", encoding: utf-8, header: [station, at, mm], formats: {at: "%d/%m/%Y"},
     missing: [NA], arrives_within: 2 hours,
     clean: [{do: trim, columns: station, inner: true}, {do: nulls, words: ["-", -999]},
       {do: map, columns: station, values: {N.Y.: NY}, others: quarantine},
       {do: unit, columns: mm, factor: 25.4}, {do: fill, columns: mm, last_of: station, by: at},
       {do: outliers, columns: [mm], at_least: 0, at_most: 500, then: null},
       {do: duplicates, keep: last, by: mm}]}
  towns: {kind: parquet, path: towns.parquet, key: [town]}
expect:
  quarantine_budget: 2%
  gauge:
    - {type: expect_column_values_to_be_between, column: mm, min_value: 0, severity: warning}
features:
  {build: "features:build", key: [station, at], event_time: at, numeric: [mm], group: town,
   categorical: [station], sensitive: [town], history: 2 days, history_required: true}
label: {column: wet, kind: binary, arrives_after: 1 day}
train:
  {window: 60 partitions, holdout: 14 partitions, min_rows: 200, min_holdout: 50,
   candidates: [logistic_regression], search: {trials: 3, seconds: 5, metric: cost}, seed: 3}
business: {false_negative: 5, false_positive: 1, currency: EUR}
promote:
  gates:
    - {metric: roc_auc, at_least: 0.6}
    - {metric: cost, beats: champion, confidence: 0.9}
    - {metric: roc_auc, slice: town, drop_at_most: 0.03}
    - {metric: latency_p99_ms, at_most: 50}
monitor:
  drift: {false_alarm_rate: 1%, effect_at_least: 0.1}
  performance: {metric: roc_auc, warn: 0.62, alert: 0.58}
  slo: {freshness: 3 days, labels: 1 day}
retrain:
  when: [{every: 30 partitions}, {drift: alert, in: 2 of 3}, {performance: alert}]
  cooldown: 3 partitions
  budget: 6 per 60 partitions
"""


def outcome(folder: Path) -> str:
    """Return what reading a product came to; anything but these two ends the test."""
    try:
        return load_folder(folder).name
    except SpecError as error:
        assert error.mistakes
        assert all(mistake.message for mistake in error.mistakes)
        # the net below the net: what it catches should have been told by name
        assert "cannot be read: " not in str(error) or "Error: " not in str(error), str(error)
        return "SpecError"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rain"
    made.mkdir()
    (made / "features.py").write_text("def build(sources): ...\n")
    (made / "product.yaml").write_text(SPEC)
    return made


def test_the_spec_that_is_mutated_is_right(folder: Path) -> None:
    assert outcome(folder) == "rain"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("retrain: {when: [{every: 6 partitions}, ]}\n", ""),
        (
            "retrain:\n  when:\n    - every: 6 partitions\n    -\n",
            "like {drift: alert}, got nothing",
        ),
        ("promote: {gates: [roc_auc]}\n", "at_least: 0.6}, got 'roc_auc'"),
        ("monitor: {slo: {freshness: 99999999999 weeks}}\n", "is more than 100 years"),
        ("train: {window: 999999999 partitions}\n", "at most 100,000 partitions"),
    ],
)
def test_what_once_took_every_product_down_is_a_mistake_with_its_line(
    folder: Path, line: str, says: str
) -> None:
    shortest = SPEC[: SPEC.index("train:")]
    (folder / "product.yaml").write_text(shortest + line)
    if not says:
        assert outcome(folder) == "rain"
        return
    with pytest.raises(SpecError) as caught:
        load_folder(folder)
    (mistake,) = caught.value.mistakes
    assert says in mistake.message
    assert mistake.line >= len(shortest.splitlines())
    assert mistake.key


@pytest.mark.parametrize("start", ["9999-12-31", "0001-01-01", "20260101", "soon", "2026-13-01"])
def test_a_start_that_no_data_has_is_a_mistake(folder: Path, start: str) -> None:
    text = SPEC.replace("start: 2026-01-01", f"start: {start}")
    (folder / "product.yaml").write_text(text)
    with pytest.raises(SpecError, match=r"product\.yaml:5") as caught:
        load_folder(folder)
    assert any("expected a" in m.message or "cannot be read" in m.message
               for m in caught.value.mistakes)  # fmt: skip


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"name = '\xe9t\xe9'\n\ndef build(sources): ...\n", "is not valid Python"),
        (b"def build(sources): ...\n\0\n", "is not valid Python"),
        (b"x = " + b"(" * 5000 + b")" * 5000 + b"\n", "is not valid Python"),
        (b"def build(sources:\n", "features.py:1"),
    ],
)
def test_a_python_file_of_any_kind_is_a_mistake_of_its_product(
    folder: Path, content: bytes, says: str
) -> None:
    (folder / "features.py").write_bytes(content)
    with pytest.raises(SpecError) as caught:
        load_folder(folder)
    (mistake,) = caught.value.mistakes
    assert says in mistake.message
    assert mistake.key == "features.build"


def test_files_that_are_no_files_are_mistakes(folder: Path) -> None:
    (folder / "features.py").unlink()
    (folder / "features.py").mkdir()
    with pytest.raises(SpecError, match=r"features\.py cannot be read: Is a directory"):
        load_folder(folder)
    (folder / "features.py").rmdir()
    (folder / "features.py").symlink_to("features.py")
    with pytest.raises(SpecError, match=r"features\.py cannot be read: Too many levels"):
        load_folder(folder)
    (folder / "product.yaml").unlink()
    (folder / "product.yaml").mkdir()
    with pytest.raises(SpecError, match=r"product\.yaml: cannot be read: Is a directory"):
        load_folder(folder)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: " + "[" * 3000 + "]" * 3000 + "\n", "deep"),
        ("a: &a [*a]\n", "nested more than 30 deep, or holds itself"),
        (
            "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)),
            "values once its aliases are unfolded",
        ),
        ("? [a, b]\n: c\n", "found unhashable key"),
        ("a: !!timestamp x\n", "cannot be read"),
        ("a: !!int x\n", "cannot be read"),
    ],
)
def test_yaml_made_to_break_its_reader_is_a_mistake(folder: Path, text: str, says: str) -> None:
    (folder / "product.yaml").write_text(text)
    with pytest.raises(SpecError) as caught:
        load_folder(folder)
    assert says in caught.value.mistakes[0].message


def test_a_broken_product_takes_no_other_down(folder: Path) -> None:
    broken = folder.parent / "broken"
    broken.mkdir()
    (broken / "product.yaml").write_text("retrain:\n  when:\n    -\n")
    products, errors = load_products(folder.parent)
    assert [product.name for product in products] == ["rain"]
    assert [error.product for error in errors] == ["broken"]
