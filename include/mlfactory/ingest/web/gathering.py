"""All pages of an answer, in order and whole: kept apart until nothing can be missing any more."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from mlfactory.ingest.request import Request
from mlfactory.ingest.untold import Untold
from mlfactory.ingest.web.api import Api
from mlfactory.ingest.web.fetching import Fetched, client_for, fetch
from mlfactory.ingest.web.paging import Astray, Page, Walk, value_at
from mlfactory.product.errors import ContractError, DiskFullError, ServiceError, is_disk_full
from mlfactory.product.mistakes import nearest
from mlfactory.product.services import HttpSource
from mlfactory.settings import settings, without_login

_log = logging.getLogger(__name__)

MOST_OF_JSON = 32 << 20
"""Bytes of a page of JSON, which is read as a whole; Python holds some ten times as much."""

_BATCH = 10_000
"""Rows of jsonl that are made columns at once."""

_BATCH_BYTES = 8 << 20
_PIECE = 1 << 20
_TELL_EVERY = 30.0
_PAGES_OF_THE_WEB = ("text/html", "application/xhtml+xml")


@dataclass
class Gathered:
    """The rows of all pages.

    Attributes:
        objects: of json and jsonl, by column.
        text: of csv, one header and all rows.
        told: for the manifest: pages, bytes, digest, and what the server said of the content.
    """

    objects: Untold = field(default_factory=Untold)
    text: IO[bytes] | None = None
    told: dict[str, Any] = field(default_factory=dict)


@contextmanager
def gathered(request: Request, source: HttpSource, api: Api) -> Iterator[Gathered]:
    """Give what the API answers to a request, on all its pages.

    Raises:
        LateSourceError: if there is nothing yet.
        ServiceError: if the server does not answer, or its pages shifted while they were read.
        ContractError: if it refuses, or what it gives is not what the spec says.
    """
    try:
        folder = settings().spool_folder
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as page, tempfile.TemporaryFile(dir=folder) as text:
            found = Gathered(text=text if source.format == "csv" else None)
            _Pages(request, source, api, found, page).gather()
            yield found
    except OSError as error:
        if is_disk_full(error):
            raise DiskFullError(str(settings().spool_folder)) from error
        raise


class _Pages:
    """The pages of one answer, as they come."""

    def __init__(
        self, request: Request, source: HttpSource, api: Api, found: Gathered, page: IO[bytes]
    ) -> None:
        self.request, self.source, self.api = request, source, api
        self.found, self.page = found, page
        self.walk = Walk(source.paging, api)
        self.digest = hashlib.sha256()
        self.size = 0
        self.header = b""
        self.last: frozenset[bytes] = frozenset()

    def gather(self) -> None:
        told = time.monotonic()
        url: str | None = self.walk.first()
        with client_for(self.api) as client:
            while url is not None:
                fetched, content = self._fetched(client, url)
                page = self._taken(fetched, content)
                url = self._after(page)
                if time.monotonic() - told > _TELL_EVERY:
                    told = time.monotonic()
                    _log.info(
                        "%s: %s rows on %s pages so far",
                        self.request.where,
                        f"{self.walk.rows:,}",
                        f"{self.walk.number:,}",
                    )
        self._refuse_missing()
        one = self.source.paging is None
        self.found.told = {
            "address": self.api.shown,
            "pages": self.walk.number,
            "bytes": self.size,
            "digest": self.digest.hexdigest(),
            "digest_of": "content",
            **({"etag": fetched.tag} if one and fetched.tag else {}),
            **({"changed_at": fetched.changed} if one and fetched.changed else {}),
        }

    def _fetched(self, client: Any, url: str) -> tuple[Fetched, IO[bytes]]:
        is_json = self.source.format == "json"
        sink: IO[bytes] = io.BytesIO() if is_json else self.page
        sink.seek(0)
        most = MOST_OF_JSON if is_json else None
        number = self.walk.number + 1
        check = {"json": _is_half_json, "jsonl": _is_half_line}.get(self.source.format, _never)
        fetched = fetch(
            *(self.request, self.api, client, url, sink), page=number, most=most, is_cut_off=check
        )
        if fetched.kind in _PAGES_OF_THE_WEB:
            raise self._wrong(
                fetched, f"answers with a web page, and not with {self.source.format}"
            )
        self.size += fetched.size
        sink.truncate()
        sink.seek(0)
        return fetched, sink

    def _taken(self, fetched: Fetched, content: IO[bytes]) -> Page:
        document, digest = None, hashlib.sha256()
        if self.source.format == "json":
            raw = content.read()
            self.digest.update(raw)
            document = self._document(fetched, raw)
            rows = self._rows(fetched, document)
            digest.update(json.dumps(rows).encode())
            self._keep(fetched, rows)
            count = len(rows)
        elif self.source.format == "jsonl":
            count = self._lines(fetched, content, digest)
        else:
            count = self._csv(fetched, content, digest)
        return Page(fetched.url, document, fetched.links, count, digest.digest())

    def _document(self, fetched: Fetched, raw: bytes) -> Any:
        try:
            return json.loads(raw) if raw.strip() else []
        except (ValueError, RecursionError) as error:
            raise self._wrong(fetched, f"gives what is no JSON: {_briefly(error)}") from None

    def _rows(self, fetched: Fetched, document: Any) -> list[dict[str, Any]]:
        where = self.source.rows
        rows = document if where is None else value_at(document, where)
        if not isinstance(rows, list):
            has = sorted(map(str, document)) if isinstance(document, Mapping) else []
            told = f"has no list of rows at '{where}'" if where else "is no list of rows"
            lists = ", ".join(has[:10])
            raise self._wrong(
                fetched,
                f"{told}{nearest(where or '', has)}" + (f"; it has {lists}" if lists else ""),
            )
        for number, row in enumerate(rows, 1):
            if not isinstance(row, dict):
                raise self._wrong(fetched, f"has a row that is no object: number {number}")
        return rows

    def _keep(self, fetched: Fetched, rows: Sequence[dict[str, Any]]) -> None:
        """Keep rows of a page, unless one was on the page before: then the pages shifted."""
        if self.source.key and self.source.paging is not None:
            these = frozenset(_mark(row) for row in rows)
            if these & self.last:
                raise ServiceError(
                    f"{self.request.where}: {self._shown(fetched)}: page {self.walk.number + 1} "
                    "repeats a row of the page before, so others may be missing; nothing of the "
                    "answer was landed",
                    remedy="run it again; if rows come while it is read, have them sorted from "
                    "old to new, or page by cursor",
                )
            self.last = these
        for start in range(0, len(rows), _BATCH):
            self._add(fetched, rows[start : start + _BATCH])

    def _lines(self, fetched: Fetched, content: IO[bytes], digest: Any) -> int:
        count, held, size = 0, [], 0
        for number, line in enumerate(content, 1):
            self.digest.update(line)
            if not line.strip():
                continue
            digest.update(line.strip())
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise self._wrong(
                    fetched, f"gives a line {number} that is no JSON: {_briefly(error)}"
                ) from None
            if not isinstance(row, dict):
                raise self._wrong(fetched, f"gives a line {number} that is no object")
            held.append(row)
            count, size = count + 1, size + len(line)
            if len(held) >= _BATCH or size >= _BATCH_BYTES:
                self._add(fetched, held)
                held, size = [], 0
        if held:
            self._add(fetched, held)
        return count

    def _add(self, fetched: Fetched, rows: Sequence[dict[str, Any]]) -> None:
        names = dict.fromkeys(name for row in rows for name in row)
        if not names:
            raise self._wrong(fetched, "has rows without any column")
        if any("\0" in name for name in names):
            raise self._wrong(fetched, "has a column whose name holds a NUL")
        try:
            self.found.objects.add({name: [row.get(name) for row in rows] for name in names})
        except UnicodeEncodeError as error:
            half = ascii(error.object[error.start])[1:-1]
            raise self._wrong(
                fetched, f"has a text with half of a character ({half}), which is no Unicode"
            ) from None

    def _csv(self, fetched: Fetched, content: IO[bytes], digest: Any) -> int:
        """Append a page of CSV; returns 1 if it has rows, as nobody needs to know how many."""
        header = content.readline()
        self.digest.update(header)
        plain = header.removeprefix(b"\xef\xbb\xbf").strip()
        text = self.found.text
        if text is None:
            raise AssertionError("csv is kept as text")
        if not self.header:
            self.header = plain
            text.write(header)
        elif plain and plain != self.header:
            raise self._wrong(fetched, "has other columns than the pages before")
        last, has_rows = b"\n", False
        while piece := content.read(_PIECE):
            self.digest.update(piece)
            digest.update(piece)
            has_rows = has_rows or bool(piece.strip())
            text.write(piece)
            last = piece[-1:]
        if last != b"\n" and self.source.paging is not None:
            text.write(b"\n")
        return int(has_rows)

    def _after(self, page: Page) -> str | None:
        try:
            return self.walk.after(page)
        except Astray as error:
            raise ContractError(
                f"{self.request.where}: {self.api.hide(self.api.shown)}: {error}; nothing of the "
                "answer was landed",
                remedy=f"correct sources.{self.request.name}.paging to what the API does",
            ) from None

    def _refuse_missing(self) -> None:
        walk = self.walk
        if walk.total is not None and walk.total != walk.rows:
            raise ServiceError(
                f"{self.request.where}: {self.api.shown} says that there are {walk.total:,} rows, "
                f"and gave {walk.rows:,} on {walk.number:,} pages; nothing of them was landed",
                remedy="run it again: rows may have come or gone meanwhile; if it stays so, "
                "correct paging, or leave total out",
            )

    def _wrong(self, fetched: Fetched, told: str) -> ContractError:
        of = f", page {self.walk.number + 1}," if self.source.paging else ""
        return ContractError(
            f"{self.request.where}: {self._shown(fetched)}{of} {self.api.hide(told)}",
            remedy=f"correct sources.{self.request.name} in product.yaml (rows, format, paging), "
            "or ask who runs the API",
        )

    def _shown(self, fetched: Fetched) -> str:
        return self.api.hide(without_login(fetched.url))


def _mark(row: Mapping[str, Any]) -> bytes:
    written = json.dumps(row, sort_keys=True).encode()
    return hashlib.blake2b(written, digest_size=16).digest()


def _is_half_json(sink: IO[bytes], start: int) -> bool:
    """Tell whether JSON ends too early, and not what is wrong with it otherwise."""
    sink.seek(start)
    written = sink.read().rstrip()
    try:
        json.loads(written)
    except json.JSONDecodeError as error:
        return error.msg.startswith("Unterminated") or error.pos >= len(error.doc)
    except (ValueError, RecursionError):
        return False
    return False


def _is_half_line(sink: IO[bytes], start: int) -> bool:
    """Tell whether the last line of what was written ends too early."""
    at = end = sink.seek(0, io.SEEK_END)
    tail = b""
    while at > start and b"\n" not in tail.rstrip():
        at = max(start, at - _PIECE)
        sink.seek(at)
        tail = sink.read(min(_PIECE, end - at)) + tail
        end = at
    last = tail.rstrip().rpartition(b"\n")[2]
    return bool(last) and _is_half_json(io.BytesIO(last), 0)


def _never(_: IO[bytes], __: int) -> bool:
    return False


def _briefly(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
