"""Kinds of one's own: rows from a class or generator of the product."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd
import pyarrow as pa

from mlfactory.ingest.kinds import plain_schema
from mlfactory.ingest.readers.base import Part, Reader, Rows
from mlfactory.ingest.readers.function import as_received, explained_code
from mlfactory.ingest.request import Request
from mlfactory.ingest.widening import widened
from mlfactory.product.code import product_function
from mlfactory.product.errors import BuildError
from mlfactory.product.own import problem_of
from mlfactory.product.sources import OwnSource


class OwnReader(Reader[OwnSource]):
    """What `mlfactory.product.own.source` decorates."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        reads: Any = product_function(request.product, self.source.reads)
        if problem := problem_of(reads, self.source.options):
            raise BuildError(
                f"{request.where}: {self.source.reads} {problem}",
                remedy=f"mend it, then try it with: mlfactory check {request.product.name}",
            )
        self._reads = reads

    def parts(self) -> Sequence[Part]:
        """Return the one call; see `Reader`."""
        name = self.source.reads
        made = self._made()
        if not hasattr(made, "fingerprint"):
            return (Part(name, of_one=True),)
        with explained_code(self.request, name):
            fingerprint = made.fingerprint()
        if not isinstance(fingerprint, str):
            raise BuildError(
                f"{self.request.where}: fingerprint() of {name} returned "
                f"{type(fingerprint).__name__}",
                remedy="return a text; an empty one where nobody can tell",
            )
        options = repr(sorted(self.source.options.items()))
        code = self.request.product.code_hash
        # other code may give other rows of the same
        return (Part(name, fingerprint and f"{fingerprint} {options} {code}"),)

    @contextmanager
    def opened(self, part: Part) -> Iterator[Rows]:
        """Give the rows that the product's code gives; see `Reader`."""
        partition = self.request.partition
        timed = part.of_one and self.source.event_time
        bounds = (partition.start, partition.end) if timed else (None, None)
        with explained_code(self.request, part.name):
            made = self._made()
            if isinstance(self._reads, type):
                given = made.rows(*bounds)
            else:
                given = self._reads(*bounds, **self.source.options)
            rows = widened(self._tables(given, part))
        if not rows.schema.names:
            rows = Rows(pa.schema([(name, pa.null()) for name in self.request.needed]), ())
        self.request.check(rows.schema.names, part.name)
        yield rows

    def _made(self) -> Any:
        if not isinstance(self._reads, type):
            return self._reads
        with explained_code(self.request, self.source.reads):
            return self._reads(**self.source.options)

    def _tables(self, given: Any, part: Part) -> Iterator[pa.Table]:
        """Yield what the code gives, each as a table.

        Raises:
            BuildError: it is none.
        """
        one = isinstance(given, pa.Table | pa.RecordBatch | pd.DataFrame)
        if not one and not isinstance(given, Iterable):
            raise self._no_rows(given, part)
        for each in [given] if one else given:
            self._refuse_names(each, part)
            if isinstance(each, pd.DataFrame):
                yield as_received(each)
            elif isinstance(each, pa.Table | pa.RecordBatch):
                table = pa.Table.from_batches([each]) if isinstance(each, pa.RecordBatch) else each
                plain = plain_schema(table.schema)
                yield table if plain == table.schema else table.cast(plain)
            else:
                raise self._no_rows(each, part)

    def _refuse_names(self, each: Any, part: Part) -> None:
        names: list[str] = []
        if isinstance(each, pd.DataFrame):
            names = [str(name) for name in each.columns]
        elif isinstance(each, pa.Table | pa.RecordBatch):
            names = each.schema.names
        wrong = [name for name in names if "\0" in name or names.count(name) > 1]
        if wrong:
            told = "with a NUL in its name" if "\0" in wrong[0] else "more than once"
            raise BuildError(
                f"{self.request.where}: {part.name} gave the column {wrong[0]!r} {told}",
                remedy="give each column a name of its own",
            )

    def _no_rows(self, given: Any, part: Part) -> BuildError:
        return BuildError(
            f"{self.request.where}: {part.name} gave {type(given).__name__}",
            remedy="give tables or record batches of Arrow, or DataFrames",
        )
