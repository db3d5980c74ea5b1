"""One answer of a web server: asked again at its own pace, told whole or not at all."""

from __future__ import annotations

import hashlib
import io
import logging
import random
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import IO

import httpx

from mlfactory.ingest.request import Request
from mlfactory.ingest.web.api import Api, joined, origin_of
from mlfactory.ingest.web.unpacking import unpacked
from mlfactory.product.errors import ContractError, FactoryError, LateSourceError, ServiceError
from mlfactory.settings import without_login

_log = logging.getLogger(__name__)

TRIES = 5
LONGEST_WAIT = 120.0
"""Seconds: a server that wants us to wait longer is asked by the next try of the task."""

_FIRST_WAIT = 1.0
_LONGEST_ANSWER = 3600.0
_CONNECT = 10.0
_REDIRECTS = 5
_BUSY = (408, 425, 429)
_MOVED = (301, 302, 303, 307, 308)
_REFUSED = (401, 403, 407)
_GONE = (404, 410)
_TELL_LENGTH = ("Content-Length", "Transfer-Encoding")
_QUOTE = 300
_PIECE = 1 << 16
_SETTLED = timedelta(minutes=1)
"""A time of change tells two contents apart only where it lies before the moment of asking."""


@dataclass(frozen=True)
class Fetched:
    """An answer whose content was written where it was wanted.

    Attributes:
        url: where it came from in the end, without secrets.
        links: its Link header, by `rel`.
        size: bytes of its content, unpacked.
        tag: its ETag, empty if it has none.
        changed: its Last-Modified, empty if it has none.
        kind: its Content-Type.
    """

    url: str
    links: dict[str, str]
    size: int
    tag: str
    changed: str
    kind: str


def _never(_: IO[bytes], __: int) -> bool:
    return False


class _Again(Exception):
    """What may pass; `wait` is for how many seconds the server asks, None if it does not."""

    def __init__(self, told: str, wait: float | None = None) -> None:
        super().__init__(told)
        self.wait = wait


@contextmanager
def client_for(api: Api) -> Iterator[httpx.Client]:
    """Give a client that says nothing in the log, where addresses may hold what is secret."""
    names = ("httpx", "httpcore")
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        with httpx.Client(timeout=httpx.Timeout(api.seconds, connect=_CONNECT)) as client:
            yield client
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def fingerprint(request: Request, api: Api) -> str:
    """Return what an answer is known by before it is asked for, empty if the server does not say.

    It is another one as soon as the server gives the answer another ETag; or, where it gives none,
    another time of change that is settled, and length.
    """
    try:
        with client_for(api) as client, _opened(client, "HEAD", api, api.url) as (answer, _):
            if not answer.is_success:
                return ""
            mark = answer.headers.get("ETag", "") or _change(answer)
    except (httpx.HTTPError, httpx.InvalidURL, _Again, FactoryError):
        # whatever is wrong is told when it is read
        return ""
    asked = f"{request.source.model_dump_json()}\n{api.url}\n{mark}"
    return hashlib.sha256(asked.encode()).hexdigest() if mark else ""


def fetch(
    request: Request,
    api: Api,
    client: httpx.Client,
    url: str,
    sink: IO[bytes],
    *,
    page: int = 1,
    most: int | None = None,
    is_cut_off: Callable[[IO[bytes], int], bool] = _never,
) -> Fetched:
    """Write what a server answers to `sink`, behind what that holds.

    Args:
        most: bytes that the answer may have.
        is_cut_off: tells of what was written, from a place on, whether its end is missing; asked
            of an answer that does not say how long it is, and so can break off without a sign.

    Raises:
        LateSourceError: if there is nothing at the address of a partition yet.
        ServiceError: if the server does not answer in several tries, or breaks off.
        ContractError: if it refuses, or its answer cannot be taken.
    """
    start, told = sink.tell(), ""
    for attempt in range(1, TRIES + 1):
        sink.seek(start)
        sink.truncate()
        try:
            return _once(request, api, client, url, sink, page, most, is_cut_off)
        except _Again as again:
            told, wait = api.hide(str(again)), again.wait
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise _contract(request, api, url, f"is no address: {error}") from None
        except httpx.LocalProtocolError as error:
            raise _contract(request, api, url, f"cannot be asked so: {error}") from None
        except httpx.HTTPError as error:
            told, wait = api.hide(f"{type(error).__name__}: {error}"), None
        if wait is not None and wait > LONGEST_WAIT:
            told += f"; it asks us to wait {wait:,.0f} s"
            break
        if attempt < TRIES:
            pause = wait if wait is not None else _FIRST_WAIT * 2.0 ** (attempt - 1)
            _log.warning("%s: %s; asking again in %.0f s", request.where, told, pause)
            time.sleep(pause * (1 + random.random() / 4))  # noqa: S311 - so that not all come at once
    raise ServiceError(
        f"{request.where}: {_shown(api, url)} does not answer as it should: {told}; nothing of "
        "its answer was landed",
        remedy="run it again when the server answers",
    )


def _once(
    request: Request,
    api: Api,
    client: httpx.Client,
    url: str,
    sink: IO[bytes],
    page: int,
    most: int | None,
    is_cut_off: Callable[[IO[bytes], int], bool],
) -> Fetched:
    start = sink.tell()
    with _opened(client, "GET", api, url) as (answer, at):
        if not answer.is_success:
            raise _refused(request, api, answer, at, page)
        packing = answer.headers.get("Content-Encoding", "identity").lower()
        if packing not in ("identity", "gzip", "x-gzip", ""):
            raise _contract(request, api, at, f"is packed as {packing}, which nobody asked for")
        open_ended = not any(name in answer.headers for name in _TELL_LENGTH)
        begun, size = time.monotonic(), 0
        try:
            for piece in unpacked(answer.iter_raw(_PIECE), is_packed="gzip" in packing):
                size += len(piece)
                if most is not None and size > most:
                    raise _contract(request, api, at, f"gives more than {most >> 20} MiB at once")
                if time.monotonic() - begun > _LONGEST_ANSWER:
                    raise _Again(f"its answer takes longer than {_LONGEST_ANSWER:,.0f} s")
                sink.write(piece)
        except zlib.error as error:
            if open_ended:
                raise _Again(f"its answer is no gzip, or cut off: {error}") from None
            raise _contract(request, api, at, f"is no gzip, or not whole: {error}") from None
        if open_ended and size and is_cut_off(sink, start):
            raise _Again("its answer is cut off")
        sink.seek(0, io.SEEK_END)
        return Fetched(
            at,
            {str(rel): str(link.get("url", "")) for rel, link in answer.links.items() if rel},
            size,
            answer.headers.get("ETag", ""),
            answer.headers.get("Last-Modified", ""),
            answer.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
        )


@contextmanager
def _opened(
    client: httpx.Client, method: str, api: Api, url: str
) -> Iterator[tuple[httpx.Response, str]]:
    """Give the answer to a request, and where it came from; redirects are followed by hand.

    So nobody but the API's own host is sent what is secret, in whichever header it is.
    """
    for _ in range(_REDIRECTS + 1):
        with client.stream(method, api.written(url), headers=api.headers_for(url)) as answer:
            location = answer.headers.get("Location", "")
            if answer.status_code not in _MOVED or not location:
                yield answer, url
                return
            try:
                url = joined(url, location)
                origin_of(url)
            except ValueError as error:
                raise httpx.InvalidURL(f"it leads to what is no web address: {error}") from None
    raise _Again(f"it leads on and on, at last to {_shown(api, url)}")


def _refused(request: Request, api: Api, answer: httpx.Response, url: str, page: int) -> Exception:
    status = answer.status_code
    said = api.hide(" ".join(_beginning(answer).split()))[:_QUOTE]
    told = f"{status} {answer.reason_phrase}".strip()
    if said and not request.source.pii:
        told += f": {said}"
    if status >= 500 or status in _BUSY:
        return _Again(told, _seconds(answer.headers.get("Retry-After", "")))
    if status in _GONE and page > 1:
        return ServiceError(
            f"{request.where}: {_shown(api, url)}: page {page} is not there ({told}); nothing of "
            "the answer was landed",
            remedy="run it again; if pages simply end so, name the total of rows in paging, or "
            "page by link",
        )
    if status in _GONE and getattr(request.source, "is_of_one", False):
        return LateSourceError(
            f"{request.where}: there is nothing at {_shown(api, url)} ({status})",
            remedy="run it again when it has arrived, or correct the url in product.yaml",
        )
    if status in _REFUSED:
        return ContractError(
            f"{request.where}: {_shown(api, url)} does not let us in ({told})",
            remedy="name a connection with the right login or headers as its connection",
        )
    return _contract(request, api, url, f"refuses what was asked: {told}")


def _beginning(answer: httpx.Response) -> str:
    found = b""
    for piece in answer.iter_raw(_PIECE):
        found += piece
        if len(found) > _QUOTE:
            break
    return found[:_QUOTE].decode("utf-8", "replace") if found.isascii() else ""


def _contract(request: Request, api: Api, url: str, told: str) -> ContractError:
    return ContractError(
        f"{request.where}: {_shown(api, url)} {told}",
        remedy=f"correct sources.{request.name} in product.yaml, or ask who runs the server; of "
        "large answers, ask for pages, or for csv or jsonl",
    )


def _seconds(given: str) -> float | None:
    """Return how long a Retry-After asks to wait: seconds, or until a date."""
    if given.isascii() and given.strip().isdigit():
        return float(given)
    try:
        until = parsedate_to_datetime(given)
    except (TypeError, ValueError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _change(answer: httpx.Response) -> str:
    changed, length = answer.headers.get("Last-Modified", ""), answer.headers.get("Content-Length")
    try:
        at = parsedate_to_datetime(changed)
        now = parsedate_to_datetime(answer.headers.get("Date", ""))
        return f"{changed} {length}" if length and now - at > _SETTLED else ""
    except (TypeError, ValueError):
        return ""


def _shown(api: Api, url: str) -> str:
    return api.hide(without_login(url))
