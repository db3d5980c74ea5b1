"""What readers of files have in common: where the files are, and that they stay the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from mlfactory.ingest.opening import explained, unchanged
from mlfactory.ingest.origin import File, Listing, fingerprint_of, origin_of, origin_of_all
from mlfactory.ingest.places import locate
from mlfactory.ingest.readers.base import Part, Reader
from mlfactory.product.errors import ContractError, LateSourceError
from mlfactory.product.sources import FileSource

F = TypeVar("F", bound=FileSource)


class FileReader(Reader[F]):
    """A reader of what lies at a path: each file is a part."""

    listing: Listing
    _files: dict[str, File]

    def parts(self) -> Sequence[Part]:
        """Return the files; see `Reader`."""
        request = self.request
        with explained(request, self.source.path):
            found = locate(request.product, self.source.path, request.partition)
            files = tuple(file for file in found.files if file.address not in request.left_out)
            self.listing = replace(found, files=files)
            self._files = {file.address: file for file in self.listing.files}
            if not self._files:
                raise LateSourceError(
                    f"{request.where}: the folder {self.listing.place} has no "
                    f"{self.source.kind} file",
                    remedy="run it again when the files have arrived",
                )
            return [
                Part(address, fingerprint_of(file), of_one=self.source.per_partition)
                for address, file in self._files.items()
            ]

    @contextmanager
    def unchanged(self, part: Part) -> Iterator[File]:
        """Give the file of a part, and make sure that it is the same to the end.

        Raises:
            ServiceError: it changed.
        """
        file = self._files[part.name]
        with unchanged(self.request, Listing(part.name, (file,))):
            yield file

    def check(self, names: Sequence[str], part: Part) -> None:
        """Check the columns of a file; of several, one may lack what others have, but its times.

        Raises:
            ContractError: it cannot be landed.
        """
        elsewhere: list[str] = []
        if len(self._files) > 1:
            needed = self.request.needed
            elsewhere = [
                name for name in needed if name not in names and name != self.source.event_time
            ]
        self.request.check([*names, *elsewhere], part.name)

    def told(self, part: Part) -> Mapping[str, Any]:
        """Return path, bytes, time of change and digest of a file."""
        with explained(self.request, part.name):
            return origin_of(self._files[part.name])

    def place(self, parts: Sequence[Part]) -> str:
        """Return the file, folder or pattern."""
        return self.listing.place

    def origin(self) -> Mapping[str, Any]:
        """Return path, bytes, newest time of change and a digest of what was found."""
        with explained(self.request, self.listing.place):
            return origin_of_all(self.listing)


class TextFileReader(FileReader[F]):
    """A reader of files of text, which are made by people and programs that stop halfway."""

    no_rows = "has no rows"

    def refuse_empty(self, part: Part) -> None:
        """Refuse a file without rows, unless it is a timed partition's own, or of labels.

        Raises:
            ContractError: it has none.
        """
        tells_labels = self.request.product.spec.tells_labels(self.request.name)
        if self.source.event_time and (part.of_one or tells_labels):
            return
        raise ContractError(
            f"{self.request.where}: {part.name} {self.no_rows}", remedy="ask for the file again"
        )
