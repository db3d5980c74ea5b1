"""The call of the product's build function, and a plain account of what goes wrong in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mlfactory.prepare.asof import with_declared
from mlfactory.product.code import at_line, product_function
from mlfactory.product.errors import BuildError, FactoryError
from mlfactory.product.loader import Product
from mlfactory.product.mistakes import nearest


def call_build(product: Product, where: str, sources: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the frame that the product's build function makes of `sources`.

    What the spec declares under `features.joined` and `features.windows` is added to it.

    Args:
        where: what an error begins with.

    Raises:
        BuildError: if the function raises, or does not return a frame, or what is declared asks for
            a column that is not there.
    """
    reference = product.spec.features.build
    file = product.folder / f"{reference.partition(':')[0]}.py"
    function = product_function(product, reference)
    try:
        # a function may write into the frames it is given; what is declared is made of the rows
        frame: Any = function({name: rows.copy(deep=False) for name, rows in sources.items()})
    except FactoryError:
        raise
    except Exception as error:
        raise BuildError(
            f"{where}: {reference} raised {_told(error, sources)}{at_line(error, file)}",
            remedy="mend the function, or product.yaml if it names the wrong columns",
        ) from error
    if not isinstance(frame, pd.DataFrame):
        raise BuildError(
            f"{where}: {reference} returned {type(frame).__name__} ({file})",
            remedy="return a pandas DataFrame with one row for each event",
        )
    return with_declared(product.spec, where, frame, sources)


def _told(error: Exception, sources: Mapping[str, pd.DataFrame]) -> str:
    if not isinstance(error, KeyError) or not error.args:
        return f"{type(error).__name__}: {error}"
    name = str(error.args[0])
    columns = {str(column) for frame in sources.values() for column in frame.columns}
    known = {*columns, *sources}
    held = "; ".join(f"{source}: {list(frame.columns)}" for source, frame in sources.items())
    return f"KeyError: there is no {name!r}{nearest(name, known)}. It was given {held}"
