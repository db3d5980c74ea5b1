"""Which Python files a product is made of: its own, and those of the packages it shares.

A folder of products may hold packages that are no products: their names begin with `_`. Products
import them as `from .._name import module`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT_PACKAGE = "mlfactory_products"
"""The package whose subpackages are the folders of products, made when one is imported."""


def code_files(folder: Path) -> dict[str, bytes]:
    """Return the Python files of the product in `folder` and of the shared packages it imports.

    Returns:
        Their content, by their place below the folder of products: `rain/features.py`.
    """
    root = folder.parent
    found: dict[str, bytes] = {}
    waiting, seen = [folder.name], {folder.name}
    while waiting:
        package = waiting.pop()
        for file in _python_files(root / package):
            content = file.read_bytes()
            found[file.relative_to(root).as_posix()] = content
            for name in shared_packages(content, file.relative_to(root)):
                if name not in seen and (root / name).is_dir():
                    seen.add(name)
                    waiting.append(name)
    return found


def shared_packages(content: bytes, place: Path) -> set[str]:
    """Return the names of the shared packages that a Python file imports.

    Args:
        content: of the file; if it is not valid Python, it imports nothing.
        place: of the file, below the folder of products.
    """
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    package = (ROOT_PACKAGE, *place.parts[:-1])
    found = set()
    for node in ast.walk(tree):
        for module in imported_by(node, package):
            if len(module) > 1 and module[0] == ROOT_PACKAGE and module[1].startswith("_"):
                found.add(module[1])
    return found


def imported_by(node: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the modules that a statement imports, as the parts of their absolute names."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield tuple(alias.name.split("."))
    elif isinstance(node, ast.ImportFrom):
        module = tuple(node.module.split(".")) if node.module else ()
        if node.level:
            module = package[: len(package) - node.level + 1] + module
        for alias in node.names:
            yield (*module, alias.name)


def _python_files(folder: Path) -> list[Path]:
    """Return the Python files below `folder`, without what is hidden or cached, sorted."""
    return sorted(
        file
        for file in folder.rglob("*.py")
        if file.is_file()
        and not any(
            part.startswith(".") or part == "__pycache__" for part in file.relative_to(folder).parts
        )
    )
