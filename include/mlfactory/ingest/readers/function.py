"""Functions of the product: what one returns for a partition, as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pandas as pd
import pyarrow as pa

from mlfactory.ingest.kinds import plain_schema
from mlfactory.ingest.outages import is_absent, is_outage
from mlfactory.ingest.readers.base import Part, Reader, Rows
from mlfactory.ingest.request import Request
from mlfactory.product.code import at_line, product_function
from mlfactory.product.errors import BuildError, FactoryError, LateSourceError, ServiceError
from mlfactory.product.sources import PythonSource


class FunctionReader(Reader[PythonSource]):
    """A function that is called with the partition's bounds, or with None for a register."""

    def parts(self) -> Sequence[Part]:
        """Return the one call of the function; what it would return is not known before."""
        return (Part(self.source.function, of_one=True),)

    @contextmanager
    def opened(self, part: Part) -> Iterator[Rows]:
        """Give what the function returns.

        Raises:
            LateSourceError: it does not find its data.
            ServiceError: it cannot reach its source.
            BuildError: it fails, or returns no DataFrame.
            ContractError: a column is missing.
        """
        request, partition = self.request, self.request.partition
        function = product_function(request.product, self.source.function)
        bounds = (partition.start, partition.end) if self.source.event_time else (None, None)
        with explained_code(request, self.source.function):
            frame = function(*bounds)
        if not isinstance(frame, pd.DataFrame):
            raise BuildError(
                f"{request.where}: {part.name} returned {type(frame).__name__}",
                remedy="return a pandas DataFrame",
            )
        request.check([str(name) for name in frame.columns], part.name)
        table = as_received(frame)
        yield Rows(table.schema, [table])


@contextmanager
def explained_code(request: Request, reference: str) -> Iterator[None]:
    """Turn what code of the product (`module:name`) raises into an error that says where and why.

    Raises:
        LateSourceError: it does not find its data.
        ServiceError: it cannot reach its source.
        BuildError: for anything else.
    """
    file = request.product.folder / f"{reference.partition(':')[0]}.py"
    try:
        yield
    except FactoryError:
        raise
    except Exception as error:
        told = f"{type(error).__name__}: {error}{at_line(error, file)}"
        if is_absent(error):
            raise LateSourceError(
                f"{request.where}: {reference} does not find its data: {told}",
                remedy="run it again when the data has arrived, or mend the function",
            ) from error
        if is_outage(error):
            raise ServiceError(
                f"{request.where}: {reference} cannot reach its source: {told}",
                remedy="run it again when the source answers",
            ) from error
        raise BuildError(
            f"{request.where}: {reference} raised {told}",
            remedy="mend the function and run it again",
        ) from error


def as_received(frame: pd.DataFrame) -> pa.Table:
    """Return a frame as a table; a column of several types becomes text, to be cast by cell."""
    columns: dict[str, pa.Array] = {}
    for name in frame.columns:
        try:
            columns[str(name)] = pa.array(frame[name], from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            texts = frame[name].map(str).where(frame[name].notna(), None)
            columns[str(name)] = pa.array(texts, pa.string(), from_pandas=True)
    table = pa.table(columns)
    plain = plain_schema(table.schema)
    return table if plain == table.schema else table.cast(plain)
