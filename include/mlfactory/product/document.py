"""YAML with line numbers: what a file says, and where it says it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mlfactory.product.errors import Mistake

try:
    from yaml import CSafeLoader as _SafeLoader
except ImportError:  # a PyYAML built without libyaml reads the same, slower
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]


class _Loader(_SafeLoader):
    """Reads a date that does not exist as a mistake with its line."""


def _date(loader: _Loader, node: yaml.ScalarNode) -> Any:
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError as error:
        raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from None


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _date)


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
                pairs = {key.value: (key, value) for key, value in node.value}
                if part not in pairs:
                    continue  # missing, or the name of a model that pydantic put into the path
                key, node = pairs[part]
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
                pairs = {key.value: value for key, value in node.value}
                if part in pairs:
                    text += f".{part}" if text else str(part)
                    node = pairs[part]
            elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
                text += f"[{part}]"
                node = node.value[part] if part < len(node.value) else None
        return text


def read_document(file: Path) -> Document:
    """Read a YAML file; what is wrong with it as YAML is in the document's `mistakes`."""
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Document(file, None, None, (Mistake(file, 0, "", "there is no such file"),))
    except UnicodeDecodeError as error:
        mistake = Mistake(file, 0, "", f"is not UTF-8 text: {error.reason}")
        return Document(file, None, None, (mistake,))
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            mistake = Mistake(file, 1, "", "expected keys and values, like 'name: my_product'")
            return Document(file, None, None, (mistake,))
        content = loader.construct_document(root)
        return Document(file, content, root, tuple(_repeated_keys(file, root)), text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        return Document(file, None, None, (Mistake(file, line, "", str(error.problem)),))
    except yaml.YAMLError as error:
        return Document(file, None, None, (Mistake(file, 0, "", str(error)),))
    finally:
        loader.dispose()


def _repeated_keys(file: Path, node: yaml.Node) -> list[Mistake]:
    found: list[Mistake] = []
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                where = f"the key stands already in line {seen[key.value]}"
                found.append(Mistake(file, line, str(key.value), where))
            seen[key.value] = line
            found += _repeated_keys(file, value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            found += _repeated_keys(file, value)
    return found
