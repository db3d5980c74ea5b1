"""APIs and web servers: JSON, lines of it, or CSV, in one piece or in pages."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa

from mlfactory.ingest.opening import without_cells
from mlfactory.ingest.readers.base import Part, Reader, Rows
from mlfactory.product.errors import ContractError, ServiceError
from mlfactory.product.sources import CsvSource, HttpSource

if TYPE_CHECKING:
    from mlfactory.ingest.web import Api, Gathered


class HttpReader(Reader[HttpSource]):
    """What an API answers. All pages are here, and known to be whole, before a row is given."""

    _told: Mapping[str, Any]

    def parts(self) -> Sequence[Part]:
        """Return the one answer, with what the server says it is known by."""
        from mlfactory.ingest.web import fingerprint

        source, api = self.source, self._api
        # pages have marks of their own, and what one of them says tells nothing of the others
        known = "" if source.paging or source.is_of_one else fingerprint(self.request, api)
        origin = {"address": api.shown}
        return (Part(api.shown, fingerprint=known, origin=origin, of_one=source.is_of_one),)

    @contextmanager
    def opened(self, part: Part) -> Iterator[Rows]:
        """Give the rows of all pages; see `Reader`."""
        from mlfactory.ingest.web import fingerprint, gathered

        with gathered(self.request, self.source, self._api) as found:
            # where the server does not say just now, nothing tells that it is another answer
            now = fingerprint(self.request, self._api) if part.fingerprint else ""
            if now and now != part.fingerprint:
                raise ServiceError(
                    f"{self.request.where}: {part.name} changed while it was read; nothing of it "
                    "was landed",
                    remedy="run it again",
                )
            self._told = found.told
            yield self._rows(part, found)

    def told(self, part: Part) -> Mapping[str, Any]:
        """Return address, pages, bytes and digest of what was received."""
        return self._told

    def refuse_empty(self, part: Part) -> None:
        """Refuse an answer without rows, unless it is a timed partition's own, or of labels.

        Raises:
            ContractError: it has none.
        """
        tells_labels = self.request.product.spec.tells_labels(self.request.name)
        if self.source.event_time is None or not (part.of_one or tells_labels):
            raise ContractError(
                f"{self.request.where}: {part.name} gives no rows",
                remedy=f"correct sources.{self.request.name} in product.yaml, or ask who runs it",
            )

    def _rows(self, part: Part, found: Gathered) -> Rows:
        if found.text is not None:
            return self._rows_of_csv(part, found.text)
        schema = found.objects.schema
        if not schema.names:
            # without a row nobody can say which columns it would have
            schema = pa.schema([(name, pa.string()) for name in self.request.needed])
        self.request.check(schema.names, part.name)
        return Rows(schema, found.objects.tables())

    def _rows_of_csv(self, part: Part, text: IO[bytes]) -> Rows:
        from mlfactory.ingest.readers.csv import header_of, pieces_of

        source = self.source
        as_csv = CsvSource(
            kind="csv",
            path="-",
            delimiter=source.delimiter,
            encoding=source.encoding,
            missing=source.missing,
        )
        with self._explained(part):
            header = header_of(_again(text), as_csv)
        if not header:
            raise ContractError(
                f"{self.request.where}: {part.name} is empty",
                remedy="ask who runs the server; a CSV needs a header",
            )
        names = [name or f"column_{place}" for place, name in enumerate(header)]
        self.request.check(names, part.name)

        def tables() -> Iterator[pa.Table]:
            with self._explained(part):
                for piece in pieces_of(_again(text), as_csv, header):
                    yield pa.Table.from_batches([piece]).rename_columns(names)

        return Rows(pa.schema([(name, pa.string()) for name in names]), tables())

    @contextmanager
    def _explained(self, part: Part) -> Iterator[None]:
        try:
            yield
        except (ValueError, pa.ArrowInvalid) as error:
            words = str(error).removeprefix("CSV parse error: ").strip()[:300]
            told = without_cells(self.request, words)
            raise ContractError(
                f"{self.request.where}: {part.name} cannot be read as csv: {told}",
                remedy=f"correct format, delimiter or encoding of sources.{self.request.name}, or "
                "ask who runs the server",
            ) from None

    @cached_property
    def _api(self) -> Api:
        from mlfactory.ingest.web import api_of

        return api_of(self.request, self.source)


def _again(text: IO[bytes]) -> IO[bytes]:
    """Return a file from its start, which whoever reads it may close."""
    text.flush()
    text.seek(0)
    return os.fdopen(os.dup(text.fileno()), "rb")
