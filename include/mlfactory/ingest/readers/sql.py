"""Databases: the answer to a query, streamed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from mlfactory.ingest.readers.base import Part, Reader, Rows
from mlfactory.product.errors import ContractError
from mlfactory.product.sources import SqlSource

if TYPE_CHECKING:
    from mlfactory.ingest.databases import Place


class SqlReader(Reader[SqlSource]):
    """What a query gives for a partition; of a source without event times, all that it gives."""

    def parts(self) -> Sequence[Part]:
        """Return the one answer; what is in it nobody can tell before it is read."""
        from mlfactory.ingest.databases import query_digest

        shown = self._place.shown
        origin = {"database": shown, "query_digest": query_digest(self.source)}
        return (Part(shown, origin=origin, of_one=self.source.event_time is not None),)

    @contextmanager
    def opened(self, part: Part) -> Iterator[Rows]:
        """Give the rows of the answer; see `Reader`."""
        from mlfactory.ingest.databases import answer

        with answer(self.request, self.source, self._place) as found:
            yield Rows(found.schema, found.tables)

    def refuse_empty(self, part: Part) -> None:
        """Refuse a register without rows; a partition may well have none.

        Raises:
            ContractError: it has none.
        """
        if self.source.event_time is None:
            raise ContractError(
                f"{self.request.where}: {part.name} gives no rows",
                remedy=f"correct sources.{self.request.name}.query, or fill what it reads",
            )

    @cached_property
    def _place(self) -> Place:
        from mlfactory.ingest.databases import place_of

        return place_of(self.request, self.source)
