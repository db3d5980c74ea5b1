"""The functions a product's own Python files provide, imported only when they are called."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlfactory.product.errors import BuildError
from mlfactory.product.loader import Product


def product_function(product: Product, reference: str) -> Callable[..., Any]:
    """Return the function that `reference` (`module:function`) names in the product's folder.

    Raises:
        BuildError: if the module cannot be imported or has no such function.
    """
    module_name, function_name = reference.split(":")
    file = product.folder / f"{module_name}.py"
    # the module is named for its product, so that two products' `features` stay apart
    name = f"mlfactory_products.{product.name}.{module_name}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise BuildError(f"{file} cannot be imported: there is no such file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise BuildError(
            f"{file} cannot be imported: {type(error).__name__}: {error}{at_line(error, file)}",
            remedy="run it on its own: python " + str(file),
        ) from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise BuildError(f"{file} has no function '{function_name}'")
    return function  # type: ignore[no-any-return]


def at_line(error: BaseException, file: Path) -> str:
    """Return ` (file:line)` for the deepest place in `file` that `error` came from, or nothing."""
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" ({file}:{line})" if line else ""
