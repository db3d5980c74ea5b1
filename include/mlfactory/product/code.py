"""The functions a product's own Python files provide, imported only when they are called.

A product is a package, `mlfactory_products.<name>`. Its files import each other as the files of a
package (`from . import shared`) or as files that lie beside each other (`import shared`), and never
meet those of another product. What is run is what `Product.code_hash` is the digest of.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from threading import RLock
from typing import Any

from mlfactory.product.errors import BuildError
from mlfactory.product.imports import Finder, module_of
from mlfactory.product.loader import Product
from mlfactory.product.shared import ROOT_PACKAGE

_lock = RLock()
_finder = Finder()


def product_function(product: Product, reference: str) -> Callable[..., Any]:
    """Return the function that `reference` (`module:function`) names in the product's folder.

    Raises:
        BuildError: if the module cannot be imported or has no such function.
    """
    module_name, function_name = reference.split(":")
    name = f"{ROOT_PACKAGE}.{product.name}.{module_name}"
    file = product.folder / f"{module_name}.py"
    with _lock:
        _offer(product)
        if _finder.find_spec(name) is None:
            raise BuildError(f"{file} cannot be imported: there is no such file")
        try:
            module = importlib.import_module(name)
        except (Exception, SystemExit) as error:
            raise BuildError(
                f"{file} cannot be imported: {type(error).__name__}: {error}"
                f"{at_line(error, product.folder)}",
                remedy=f"mend the file, then try it with: mlfactory check {product.name}",
            ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise BuildError(
            f"{file} has no function '{function_name}'",
            remedy="define or import it there, or name another one in product.yaml",
        )
    return function  # type: ignore[no-any-return]


def at_line(error: BaseException, place: Path) -> str:
    """Return ` (file:line)` for the deepest line of a product that `error` came from, or nothing.

    Args:
        place: the product's folder, or one of its files.
    """
    root = place.parent if place.is_dir() else place.parent.parent
    if isinstance(error, SyntaxError) and _is_below(error.filename, root):
        return f" ({error.filename}:{error.lineno})"
    found = ""
    trace = error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if _is_below(file, root):
            found = f" ({file}:{trace.tb_lineno})"
        trace = trace.tb_next
    return found


def _is_below(file: str | None, root: Path) -> bool:
    return file is not None and Path(file).is_relative_to(root)


def _offer(product: Product) -> None:
    """Let the product's modules be imported; forget those that were imported from other text."""
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)
    files = {module_of(name): (name, content) for name, content in product.code.items()}
    changed = _finder.replace(product.folder.parent, files)
    for loaded in list(sys.modules):
        package = loaded.split(".")[:2]
        if ".".join(package) in changed:
            del sys.modules[loaded]
            parent, _, name = loaded.rpartition(".")
            if parent in sys.modules:
                vars(sys.modules[parent]).pop(name, None)
