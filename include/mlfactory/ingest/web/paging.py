"""From page to page: what is asked next, and what shows that an API repeats itself or skips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlfactory.ingest.web.api import Api, joined, origin_of, with_parameters
from mlfactory.product.services import (
    CursorPaging,
    LinkPaging,
    OffsetPaging,
    PagePaging,
    Paging,
)

MOST_PAGES = 100_000


class Astray(ValueError):
    """The pages lead nowhere; the text says how, and trying again cannot help."""


@dataclass(frozen=True)
class Page:
    """What a page tells of the next.

    Attributes:
        url: where it came from.
        document: its JSON; None of other formats.
        links: its Link header, by `rel`.
        rows: how many it has.
        digest: of its rows.
    """

    url: str
    document: Any
    links: Mapping[str, str]
    rows: int
    digest: bytes


@dataclass
class Walk:
    """The way through the pages so far.

    Attributes:
        rows: of all pages so far.
        total: how many there are in all, as the last page said; None if it does not.
    """

    paging: Paging | None
    api: Api
    number: int = 0
    rows: int = 0
    total: int | None = None
    _asked: set[str] = field(default_factory=set)
    _digests: dict[bytes, int] = field(default_factory=dict)
    _cursors: set[str] = field(default_factory=set)

    def first(self) -> str:
        """Return the address of the first page."""
        paging, url = self.paging, self.api.url
        if isinstance(paging, OffsetPaging):
            url = with_parameters(url, {paging.parameter: 0, paging.limit: paging.size})
        elif isinstance(paging, PagePaging):
            size = {paging.limit: paging.size} if paging.size else {}
            url = with_parameters(url, {paging.parameter: paging.first, **size})
        self._asked.add(url)
        return url

    def after(self, page: Page) -> str | None:
        """Return the address of the page after `page`, None if that was the last.

        Raises:
            Astray: if the pages go round in circles, or never end.
        """
        self.number += 1
        self.rows += page.rows
        self._refuse_repeated(page)
        paging = self.paging
        if paging is None:
            return None
        if paging.total is not None:
            self.total = _whole(value_at(page.document, paging.total), paging.total)
        url = self._next(paging, page)
        if url is None:
            return None
        if url in self._asked:
            raise Astray(f"page {self.number} leads back to a page that was read")
        if self.number >= MOST_PAGES:
            raise Astray(f"there are more than {MOST_PAGES:,} pages")
        self._asked.add(url)
        return url

    def _next(self, paging: Paging, page: Page) -> str | None:
        if isinstance(paging, LinkPaging):
            return self._linked(paging, page)
        if isinstance(paging, CursorPaging):
            cursor = value_at(page.document, paging.field)
            if cursor is None or cursor == "":
                return None
            if isinstance(cursor, bool) or not isinstance(cursor, str | int):
                raise Astray(f"'{paging.field}' on page {self.number} is no cursor")
            if str(cursor) in self._cursors:
                raise Astray(f"page {self.number} has the cursor of an earlier page")
            self._cursors.add(str(cursor))
            return with_parameters(self.api.url, {paging.parameter: cursor})
        # a page may be shorter than was asked for without being the last
        if not page.rows or (self.total is not None and self.rows >= self.total):
            return None
        if isinstance(paging, OffsetPaging):
            asked = {paging.parameter: self.rows, paging.limit: paging.size}
            return with_parameters(self.api.url, asked)
        size = {paging.limit: paging.size} if paging.size else {}
        number = paging.first + self.number
        return with_parameters(self.api.url, {paging.parameter: number, **size})

    def _linked(self, paging: LinkPaging, page: Page) -> str | None:
        if paging.field is None:
            link: Any = page.links.get("next")
        else:
            link = value_at(page.document, paging.field)
        if not link:
            return None
        if not isinstance(link, str):
            raise Astray(f"'{paging.field}' on page {self.number} is no link")
        try:
            url = joined(page.url, link)
            is_address = origin_of(url)[0] in ("http", "https")
        except ValueError:  # its host or port cannot be read
            is_address = False
        if not is_address:
            raise Astray(f"page {self.number} leads to what is no web address")
        return url

    def _refuse_repeated(self, page: Page) -> None:
        if not page.rows:
            return
        earlier = self._digests.setdefault(page.digest, self.number)
        if earlier != self.number:
            raise Astray(
                f"page {self.number} has the very rows of page {earlier}: does it know what it "
                "is asked for?"
            )


def value_at(document: Any, where: str) -> Any:
    """Return what is at a dotted path in a JSON document, None if there is nothing."""
    for key in where.split("."):
        if not isinstance(document, Mapping):
            return None
        document = document.get(key)
    return document


def _whole(value: Any, where: str) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise Astray(f"'{where}' gives no number of rows")
