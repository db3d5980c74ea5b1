"""A product's files may hold anything: many specs drawn by chance."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.product.test_mutated_specs import SPEC, outcome

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
