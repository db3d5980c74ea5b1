"""What readers of files have in common: where the files are, and that they stay the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from mlfactory.ingest.opening import explained, unchanged
from mlfactory.ingest.origin import Listing, fingerprint_of, listing_of, origin_of
from mlfactory.ingest.places import locate
from mlfactory.ingest.readers.base import Part, Reader
from mlfactory.product.sources import FileSource

F = TypeVar("F", bound=FileSource)


class FileReader(Reader[F]):
    """A reader of what lies at a path."""

    _found: dict[str, Listing]

    def parts(self) -> Sequence[Part]:
        """Return the file or folder; see `Reader`."""
        request = self.request
        file = locate(request.product, self.source.path, request.partition)
        with explained(request, file):
            found = listing_of(file)
            self._found = {str(file): found}
            return (Part(str(file), fingerprint_of(found), of_one=self.source.per_partition),)

    @contextmanager
    def unchanged(self, part: Part) -> Iterator[Listing]:
        """Give what there is of a part, and make sure that it is the same to the end.

        Raises:
            ServiceError: it changed.
        """
        with unchanged(self.request, self._found[part.name]) as found:
            yield found

    def told(self, part: Part) -> Mapping[str, Any]:
        """Return path, bytes, time of change and digest of a part."""
        found = self._found[part.name]
        with explained(self.request, found.path):
            return origin_of(found)
