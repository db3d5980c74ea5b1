"""An API that answers as a test says, and a product that reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from tests.http_server import Quiet, answering

from mlfactory.ingest.receiving import receive
from mlfactory.ingest.request import Request, request_for
from mlfactory.ingest.web import fetching
from mlfactory.product.loader import Product

PRODUCT: dict[str, Any] = {
    "apiVersion": "mlfactory/v1",
    "name": "shop",
    "partition": {"every": "day", "start": "2026-01-01"},
    "features": {"key": ["id"], "event_time": "at", "numeric": ["size"]},
    "label": {"column": "bad", "kind": "binary"},
}


SECRET = "sesame-42/open"


DAY = "?from={start}&to={end}"


Answer = Callable[["Handler"], None]


Ask = Callable[..., Request]


class Handler(Quiet):
    """Answers as the test's function does, and notes what was asked."""

    server: Any

    def do_GET(self) -> None:
        self.server.asked.append(self)
        self.server.answer(self)

    def do_HEAD(self) -> None:
        self.do_GET()

    @property
    def query(self) -> dict[str, str]:
        return {name: each[0] for name, each in parse_qs(urlsplit(self.path).query).items()}

    def raw(self, body: bytes, status: int = 200, **headers: Any) -> None:
        self.send_response(status)
        sent = {"Content-Length": len(body)} | {k.replace("_", "-"): v for k, v in headers.items()}
        for name, value in sent.items():
            if value is not None:
                self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answer], Any]]:
    """Give a function that starts a server; waits between tries are short."""
    monkeypatch.setattr(fetching, "_FIRST_WAIT", 0.01)
    with ExitStack() as stack:

        def start(answer: Answer) -> Any:
            server: Any = stack.enter_context(answering(Handler))
            server.answer, server.asked = answer, []
            return server

        yield start


@pytest.fixture
def ask(make_product: Callable[..., Product], home: Path) -> Ask:
    """Give a function that asks an API for the first day."""

    def request(url: str, every: str = "day", **source: Any) -> Request:
        orders = {"kind": "http", "url": url, "event_time": "at", "key": ["id"]} | source
        text = yaml.safe_dump(PRODUCT | {"sources": {"orders": orders}})
        product = make_product(text)
        return request_for(product, "orders", product.calendar.parse("2026-01-01"), ())

    return request


def rows(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": n, "at": "2026-01-01T12:00:00Z", "size": n / 2} for n in numbers]


def ids(request: Request) -> list[Any]:
    return list(receive(request).rows.column("id").to_pylist())


def pages(total: int, size: int = 2) -> list[list[dict[str, Any]]]:
    every = rows(*range(total))
    return [every[start : start + size] for start in range(0, total, size)]
