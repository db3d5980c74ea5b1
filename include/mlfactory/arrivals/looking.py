"""Looking: which files of a source lie there that nobody has looked into yet."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mlfactory.ingest.origin import File, LocalFile, seen_as
from mlfactory.ingest.places import lying
from mlfactory.product.errors import ServiceError
from mlfactory.product.loader import Product
from mlfactory.product.sources import FileSource

QUIET = 30.0
"""Seconds for which a file must have been as it is before it is taken for whole."""


@dataclass(frozen=True)
class Lying:
    """A file that lies there now.

    Attributes:
        key: the partition that its name tells; empty where its rows do.
        seen_as: another one as soon as the file is replaced or written to.
        read_as: another one as soon as the spec has the source's files read in another way.
    """

    file: File
    key: str
    seen_as: str
    read_as: str

    @property
    def address(self) -> str:
        """Return where it is."""
        return self.file.address

    def is_whole(self, now: datetime, quiet: float = QUIET) -> bool:
        """Tell whether nobody seems to be writing it: it has been as it is for some seconds.

        An object of S3 is there when all of it is.
        """
        if not isinstance(self.file, LocalFile):
            return True
        # a program that copies sets the first back, and never the second
        changed = max(self.file.stat.st_mtime, self.file.stat.st_ctime)
        # a clock that is behind that of the disk must not make it wait for ever
        return not 0 <= now.timestamp() - changed < quiet


def watched(product: Product) -> dict[str, FileSource]:
    """Return the sources whose places are watched."""
    return {name: source for name, source in tellable(product).items() if source.watch}


def tellable(product: Product) -> dict[str, FileSource]:
    """Return the sources of whose files it can be told which partitions they are of."""
    return {
        name: source
        for name, source in product.spec.sources.items()
        if isinstance(source, FileSource)
        and (source.event_time or source.per_partition or product.calendar.is_snapshot)
    }


def look(product: Product, name: str) -> Sequence[Lying]:
    """Return the files of a source that lie there now, sorted by their addresses.

    Raises:
        ServiceError: the place cannot be looked at now.
        ContractError: it cannot be looked at by us.
    """
    source = product.spec.sources[name]
    assert isinstance(source, FileSource)
    read_as = hashlib.sha256(source.model_dump_json().encode()).hexdigest()[:16]
    try:
        return [
            Lying(file, key, seen_as(file), read_as) for file, key in lying(product, source.path)
        ]
    except OSError as error:
        raise ServiceError(
            f"{product.name}.{name}: {error.filename or source.path} cannot be looked at: "
            f"{error.strerror or error}",
            remedy="it is looked at again soon; let the user that runs the factory read it",
        ) from error
