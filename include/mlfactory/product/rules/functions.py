"""Functions of the product's Python files, as far as can be told without running them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from mlfactory.product.mistakes import Found, nearest
from mlfactory.product.sources import OwnSource, PythonSource
from mlfactory.product.spec import ProductSpec


def functions_of(spec: ProductSpec) -> dict[tuple[str | int, ...], tuple[str, int]]:
    """Return each function that a spec names, `module:function`, and how many values it is given.

    By its place in the spec.
    """
    wanted: dict[tuple[str | int, ...], tuple[str, int]] = {
        ("features", "build"): (spec.features.build, 1)
    }
    for name, source in spec.sources.items():
        if isinstance(source, PythonSource):
            wanted["sources", name, "function"] = (source.function, 2)
        elif isinstance(source, OwnSource):
            wanted["sources", name, "class"] = (source.reads, 2)
    return wanted


def function_mistakes(spec: ProductSpec, folder: Path) -> Iterator[Found]:
    """Yield every function that its file cannot have."""
    for place, (reference, _) in functions_of(spec).items():
        module, function = reference.split(":")
        file = folder / f"{module}.py"
        package = folder / module / "__init__.py"
        if not file.is_file() and package.is_file():
            file = package
        try:
            tree = ast.parse(file.read_bytes())
        except FileNotFoundError:
            yield place, f"there is no file {file}"
            continue
        except OSError as error:
            yield place, f"{file} cannot be read: {error.strerror or error}"
            continue
        except SyntaxError as error:
            line = f":{error.lineno}" if error.lineno else ""
            yield place, f"{file}{line} is not valid Python: {error.msg}"
            continue
        except (ValueError, RecursionError, MemoryError) as error:
            yield place, f"{file} is not valid Python: {error}"
            continue
        names = list(_bound(tree.body))
        if function not in names and "*" not in names:
            yield place, f"{file} has no function '{function}'{nearest(function, names)}"


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that a module gives something to: by def, import or assignment."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
        for child in ast.walk(node):
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                yield child.id
        for part in ("body", "orelse", "finalbody"):
            yield from _bound(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from _bound(handler.body)
