"""How Python finds a product's modules: by the text that was read, below a package of their own."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path, PurePosixPath
from types import CodeType, ModuleType

from mlfactory.product.shared import ROOT_PACKAGE, imported_by

Files = Mapping[str, tuple[str, bytes]]
"""By a module's full name: its file's place below the folder of products, and its content."""


def module_of(place: str) -> str:
    """Return the full name of the module in the file at `place` below the folder of products."""
    path = PurePosixPath(place).with_suffix("")
    parts = path.parts[:-1] if path.name == "__init__" else path.parts
    return ".".join((ROOT_PACKAGE, *parts))


class Finder(MetaPathFinder):
    """Finds the modules of the products that were offered to it."""

    def __init__(self) -> None:
        self._packages: dict[str, tuple[Path, dict[str, tuple[str, bytes]]]] = {}

    def replace(self, root: Path, files: Files) -> set[str]:
        """Offer the files of a product and of the packages it shares; return what is new in them.

        Returns:
            The packages, such as `mlfactory_products.rain`, whose modules must be imported again:
            those whose files are others now, and all if a shared one is among them.
        """
        offered: dict[str, dict[str, tuple[str, bytes]]] = {}
        for module, file in files.items():
            offered.setdefault(".".join(module.split(".")[:2]), {})[module] = file
        changed = {
            name: (root, own)
            for name, own in offered.items()
            if self._packages.get(name) != (root, own)
        }
        self._packages |= changed
        shared = any(name.split(".")[1].startswith("_") for name in changed)
        return set(self._packages if shared else changed)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return how to import a module of a product, or None for any other."""
        if fullname == ROOT_PACKAGE:
            return ModuleSpec(fullname, None, is_package=True)
        if not fullname.startswith(f"{ROOT_PACKAGE}."):
            return None
        package = ".".join(fullname.split(".")[:2])
        root, files = self._packages.get(package, (Path(), {}))
        if fullname in files:
            place, content = files[fullname]
            is_package = PurePosixPath(place).name == "__init__.py"
            loader = _Loader(root / place, content, package, _beside(package, files), is_package)
            spec = ModuleSpec(fullname, loader, origin=str(root / place), is_package=is_package)
            spec.has_location = True
            return spec
        if any(name.startswith(f"{fullname}.") for name in files):
            return ModuleSpec(fullname, None, is_package=True)  # a folder without __init__.py
        return None


def _beside(package: str, files: Files) -> frozenset[str]:
    """Return the names of the modules and packages directly below a product's folder."""
    depth = package.count(".") + 1
    return frozenset(name.split(".")[depth] for name in files if name.count(".") >= depth)


class _Loader(InspectLoader):
    """Runs the text it was given; no compiled file is written beside it, or read."""

    def __init__(
        self, file: Path, content: bytes, package: str, beside: frozenset[str], is_package: bool
    ) -> None:
        self._file, self._content = file, content
        self._package, self._beside = package, beside
        self._is_package = is_package

    def is_package(self, fullname: str) -> bool:
        return self._is_package

    def get_source(self, fullname: str) -> str:
        return self._content.decode("utf-8", errors="replace")

    def get_code(self, fullname: str) -> CodeType:
        tree = ast.parse(self._content, str(self._file))
        for node in ast.walk(tree):
            for module in imported_by(node, tuple(fullname.split("."))[: self._depth(fullname)]):
                self._refuse_other_products(module, node)
        tree = ast.fix_missing_locations(_Siblings(self._package, self._beside).visit(tree))
        return compile(tree, str(self._file), "exec", dont_inherit=True)

    def _depth(self, fullname: str) -> int:
        """Return how many parts of a module's name are the package that it imports from."""
        return fullname.count(".") + (1 if self._is_package else 0)

    def _refuse_other_products(self, module: tuple[str, ...], node: ast.AST) -> None:
        if len(module) < 2 or module[0] != ROOT_PACKAGE or module[1].startswith("_"):
            return
        if module[1] != self._package.split(".")[1]:
            raise ImportError(
                f"{self._file}:{getattr(node, 'lineno', 0)} imports from the product "
                f"'{module[1]}': products share code in a folder beside them whose name begins "
                "with _, as `from .._shared import columns`"
            )


class _Siblings(ast.NodeTransformer):
    """Turns `import shared` into an import from the product, where such a file lies beside it.

    Put on `sys.path`, the folder would be seen by every other product too.
    """

    def __init__(self, package: str, beside: frozenset[str]) -> None:
        self._package, self._beside = package, beside

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        """Turn `from shared import x`."""
        if not node.level and node.module and node.module.split(".")[0] in self._beside:
            node.module = f"{self._package}.{node.module}"
        return node

    def visit_Import(self, node: ast.Import) -> ast.AST | list[ast.stmt]:
        """Turn `import shared`, `import shared as s` and `import folder.shared`."""
        found: list[ast.stmt] = []
        for alias in node.names:
            first = alias.name.split(".")[0]
            if first not in self._beside:
                found.append(ast.Import([alias]))
            elif alias.asname is not None:
                whole = ast.alias(f"{self._package}.{alias.name}", alias.asname)
                found.append(ast.Import([whole]))
            else:
                # what is bound is the first part; the parts below it must be imported too
                if "." in alias.name:
                    hidden = ast.alias(f"{self._package}.{alias.name}", "__imported")
                    found.append(ast.Import([hidden]))
                found.append(ast.ImportFrom(self._package, [ast.alias(first)], 0))
        return [ast.copy_location(each, node) for each in found]
