"""YAML with line numbers: what a file says, and where it says it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mlfactory.product.errors import Mistake
from mlfactory.product.yaml12 import Loader

_MOST_BYTES = 1_000_000
_MOST_NODES = 50_000
_DEEPEST = 30
"""No spec needs as much; aliases of aliases (`*a`) unfold to more than any machine holds."""


@dataclass(frozen=True)
class Document:
    """The content of a YAML file, with the line of each of its keys."""

    file: Path
    content: Any
    root: yaml.Node | None
    mistakes: tuple[Mistake, ...] = ()
    text: str = ""

    def line(self, path: tuple[str | int, ...]) -> int:
        """Return the line (from 1) of the deepest part of `path` that the file has."""
        node, line = self.root, 1
        for part in path:
            if isinstance(node, yaml.MappingNode):
                pairs = {str(key.value): (key, value) for key, value in node.value}
                if str(part) not in pairs:
                    continue  # missing, or the name of a model that pydantic put into the path
                key, node = pairs[str(part)]
                line = key.start_mark.line + 1
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                if part >= len(node.value):
                    break
                node = node.value[part]
                line = node.start_mark.line + 1
        return line

    def key(self, path: tuple[str | int, ...]) -> str:
        """Return `path` as a person writes it, without the parts that the file does not have."""
        node, text = self.root, ""
        for part in path:
            if isinstance(node, yaml.MappingNode):
                pairs = {str(key.value): value for key, value in node.value}
                if str(part) in pairs:
                    text += f".{part}" if text else str(part)
                    node = pairs[str(part)]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                text += f"[{part}]"
                node = node.value[part] if part < len(node.value) else None
        return text


def read_document(file: Path) -> Document:
    """Read a YAML file; what is wrong with it as YAML is in the document's `mistakes`."""

    def wrong(line: int, message: str) -> Document:
        return Document(file, None, None, (Mistake(file, line, "", message),))

    try:
        content = file.read_bytes()
        if len(content) > _MOST_BYTES:
            return wrong(0, f"is {len(content):,} bytes long; no spec is longer than 1,000,000")
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        return wrong(0, "there is no such file")
    except UnicodeDecodeError as error:
        return wrong(0, f"is not UTF-8 text: {error.reason}")
    except OSError as error:
        return wrong(0, f"cannot be read: {error.strerror or error}")
    try:
        return _parsed(file, text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return wrong(mark.line + 1 if mark else 0, str(error.problem or error.context))
    except yaml.YAMLError as error:
        return wrong(0, " ".join(str(error).split()))
    except RecursionError:
        return wrong(0, "is nested too deeply")


def _parsed(file: Path, text: str) -> Document:
    loader = Loader(text)
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            mistake = Mistake(file, 1, "", "expected keys and values, like 'name: my_product'")
            return Document(file, None, None, (mistake,))
        if problem := _too_much(root):
            return Document(file, None, None, (Mistake(file, 0, "", problem),))
        repeated = _repeated_keys(file, root)
        return Document(file, loader.construct_document(root), root, tuple(repeated), text)
    finally:
        loader.dispose()


def _too_much(root: yaml.Node) -> str:
    """Say why the document is more than a spec can be, with aliases unfolded; or nothing."""
    waiting, count = [(root, 1)], 0
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if depth > _DEEPEST:
            return f"is nested more than {_DEEPEST} deep, or holds itself by an alias"
        if count > _MOST_NODES:
            return f"holds more than {_MOST_NODES:,} values once its aliases are unfolded"
        if isinstance(node, yaml.MappingNode):
            waiting += [(part, depth + 1) for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(part, depth + 1) for part in node.value]
    return ""


def _repeated_keys(file: Path, node: yaml.Node) -> list[Mistake]:
    found: list[Mistake] = []
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line, name = key.start_mark.line + 1, str(key.value)
            if isinstance(key, yaml.ScalarNode) and name in seen:
                where = f"the key stands already in line {seen[name]}"
                found.append(Mistake(file, line, name, where))
            seen[name] = line
            found += _repeated_keys(file, value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            found += _repeated_keys(file, value)
    return found
