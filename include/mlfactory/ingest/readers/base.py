"""What every kind of source is to the ingest stage: its parts, and the rows of each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

import pyarrow as pa

from mlfactory.ingest.request import Request
from mlfactory.product.sources import BaseSource

S = TypeVar("S", bound=BaseSource)


@dataclass(frozen=True)
class Part:
    """What is read as a whole: a file, the answer to a query, what a function returns.

    Attributes:
        name: its address, for messages and the manifest; without secrets.
        fingerprint: another one as soon as its content is. Empty where nobody can tell before it
            is read: it is read each time.
        origin: what the manifest says of it, as far as that is known before it is read.
        of_one: it gives rows of the partition that is asked for, so that a row whose time cannot
            be read is of that.
    """

    name: str
    fingerprint: str = ""
    origin: Mapping[str, Any] = field(default_factory=dict)
    of_one: bool = False


@dataclass(frozen=True)
class Rows:
    """The rows of a part, in their source's order: `tables` come once, and are never held together.

    Every table has the columns of `schema`. Cells of a format that has no types are text.
    """

    schema: pa.Schema
    tables: Iterable[pa.Table]


class Reader(ABC, Generic[S]):
    """One kind of source. A reader lives as long as one request, and holds a few tables at most."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.source = cast(S, request.source)

    @abstractmethod
    def parts(self) -> Sequence[Part]:
        """Return what there is to read for the request, in the order in which it is read.

        Raises:
            LateSourceError: there is nothing yet.
            ServiceError: the source cannot be reached.
            ContractError: it is not what the spec says.
        """

    @abstractmethod
    def opened(self, part: Part) -> AbstractContextManager[Rows]:
        """Give the rows of a part, once; they are taken inside.

        At the end the reader makes sure that what was read is whole, and that it was one thing:
        whoever gives way while rows are taken raises, and nothing of the part is landed.

        Raises:
            ContractError: the part cannot be read, or lacks columns (`Request.check`).
            ServiceError: it changed or went away meanwhile.
            BuildError: it is made by the product's code, and that fails.
        """

    def told(self, part: Part) -> Mapping[str, Any]:
        """Return what the manifest says of a part whose rows were taken; asked while it is open."""
        return part.origin

    def place(self, parts: Sequence[Part]) -> str:
        """Return where all parts are, for messages; by default their names."""
        return ", ".join(part.name for part in parts[:3]) + (", …" if len(parts) > 3 else "")

    def origin(self) -> Mapping[str, Any]:
        """Return what the manifest says of all parts together, where there are several."""
        return {}

    def refuse_empty(self, part: Part) -> None:
        """Raise if a part that has no row at all cannot be meant; by default it can."""
