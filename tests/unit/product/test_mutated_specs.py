"""A product's files may hold anything: reading them ends in a product or in a SpecError."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

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
     missing: [NA], arrives_within: 2 hours}
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

ODD: list[Any] = [
    None, True, 0, -1, 1.5, 10**30, 10**400, float("nan"), float("inf"), "", " ", "x", "0",
    "99999999999 weeks", "99999999999999999999999 partitions", "1 of 99999999999999999999",
    "9" * 5000, "9" * 5000 + " days", "100%", "0%", "-1%", "200%", "0 partitions", "٣ partitions",
    "../../evil", "a\0b", "\ud7ff", "é", "%", "%Y", "\\t", "no:such", "features:build", "at",
    "partition", "label", "Mm", [], [None], [[]], ["x", "x"], {}, {"x": None}, {"every": None},
    {1: 2}, {None: 1}, {"metric": "roc_auc"}, {"drift": "alert"}, "9999-12-31", "0001-01-01",
]  # fmt: skip


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value below `node`."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in pairs:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def mutated(content: dict[str, Any], draw: random.Random) -> dict[str, Any]:
    """Return the spec with a few of its values replaced, removed, moved or added."""
    found = copy.deepcopy(content)
    for _ in range(draw.randint(1, 3)):
        path = draw.choice(list(places(found)))
        holder: Any = found
        for part in path[:-1]:
            holder = holder[part]
        what = draw.choice(("replace", "replace", "replace", "remove", "move", "add"))
        if what == "replace":
            holder[path[-1]] = copy.deepcopy(draw.choice(ODD))
        elif what == "remove":
            del holder[path[-1]]
        elif what == "move":
            holder[path[-1]] = copy.deepcopy(draw.choice(list(found.values())))
        elif isinstance(holder, dict):
            holder[draw.choice(["x", "", "name", 3, None])] = copy.deepcopy(draw.choice(ODD))
        else:
            holder.append(copy.deepcopy(draw.choice(ODD)))
        if not found:
            break
    return found


def mangled(text: str, draw: random.Random) -> bytes:
    """Return the text of a spec with some of its characters lost, doubled or replaced."""
    content = bytearray(text.encode())
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(content))
        content[at : at + draw.randint(0, 4)] = draw.choice(
            [b"", b"- ", b"\n", b"\t", b"{", b"[", b"]", b": ", b"&a ", b"*a", b"<<: ", b"!!int ",
             b"!!set ", b"!!timestamp ", b"? ", b"|", b"'", b"\0", b"\xff", b"\xc3\xa9", b"#", b"%"]
        )  # fmt: skip
    return bytes(content)


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


@pytest.mark.parametrize("seed", range(8))
def test_values_of_any_kind_make_no_other_error_than_a_mistake(folder: Path, seed: int) -> None:
    draw = random.Random(seed)
    content = yaml.safe_load(SPEC)
    seen = set()
    for _ in range(60):
        text = yaml.dump(
            mutated(content, draw), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True
        )
        (folder / "product.yaml").write_text(text, encoding="utf-8")
        seen.add(outcome(folder))
    assert "SpecError" in seen


@pytest.mark.parametrize("seed", range(4))
def test_text_of_any_kind_makes_no_other_error_than_a_mistake(folder: Path, seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(100):
        (folder / "product.yaml").write_bytes(mangled(SPEC, draw))
        outcome(folder)


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
