"""The airport's API: weather by cursor, outcomes by link, a register with an ETag; at a pace.

    AIRPORT_TOKEN=... python -m examples.airport.api --folder var/demo --port 8099

makes the databases where they are missing, and answers who has the token on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import hashlib
import hmac
import json
import os
import re
import sqlite3
import threading
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from examples.airport.tables import RECORDS, make

MOST_ROWS = 5000
"""Rows on a page at most, and where nobody asks for fewer."""

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_PLACE = re.compile(r"row:(\d{1,12})", re.ASCII)
_SPANS = {
    "/v1/weather": "SELECT * FROM weather WHERE hour >= ? AND hour < ? ORDER BY hour, origin",
    "/v1/outcomes": "SELECT * FROM outcomes WHERE told_at >= ? AND told_at < ?"
    " ORDER BY told_at, flight_id",
}
_AIRPORTS = "SELECT * FROM airports ORDER BY code"


class Refused(Exception):
    """A request that gets no rows."""

    def __init__(self, status: int, told: str, **headers: str) -> None:
        super().__init__(told)
        self.status, self.headers = status, headers


class Api(ThreadingHTTPServer):
    """The server, and what all requests share."""

    daemon_threads = True

    def __init__(self, records: Path, token: str, port: int = 0, per_second: float = 20.0) -> None:
        super().__init__(("127.0.0.1", port), _Request)
        self.records, self.token = records, token
        self.per_second = per_second
        self._left, self._at = 2 * per_second, time.monotonic()
        self._pace = threading.Lock()

    def wait(self) -> float:
        """Return for how many seconds a request has to wait, 0 if it may be answered now.

        Who asks rarely may ask for two seconds' worth at once.
        """
        with self._pace:
            now = time.monotonic()
            gained = (now - self._at) * self.per_second
            self._left, self._at = min(self._left + gained, 2 * self.per_second), now
            if self._left < 1:
                return (1 - self._left) / self.per_second
            self._left -= 1
            return 0.0


class _Request(BaseHTTPRequestHandler):
    server: Api
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        try:
            if urlsplit(self.path).path == "/health":
                self._answer(200, {"status": "ok"})
                return
            self._let_in()
            content, headers = self._content()
            self._answer(200, content, headers)
        except Refused as refused:
            self._answer(refused.status, {"error": str(refused)}, refused.headers)

    do_HEAD = do_GET

    def _let_in(self) -> None:
        given = self.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, f"Bearer {self.server.token}".encode()):
            raise Refused(401, "a token is needed", **{"WWW-Authenticate": "Bearer"})
        if wait := self.server.wait():
            raise Refused(429, "too many requests", **{"Retry-After": str(max(1, round(wait)))})

    def _content(self) -> tuple[Any, dict[str, str]]:
        parts = urlsplit(self.path)
        if parts.path == "/v1/airports":
            return self._rows(_AIRPORTS), {}
        if parts.path not in _SPANS:
            raise Refused(404, "there is nothing here")
        asked = {name: each[0] for name, each in parse_qs(parts.query).items()}
        start, end = asked.get("from", ""), asked.get("to", "")
        if not _TIME.fullmatch(start) or not _TIME.fullmatch(end):
            raise Refused(400, "from and to are needed, as 2013-01-01T00:00:00Z")
        first, size = _place(asked.get("after", "")), _size(asked.get("limit", ""))
        query = _SPANS[parts.path]
        rows = self._rows(f"{query} LIMIT ? OFFSET ?", start, end, size, first)
        (count,) = self._rows(f"SELECT count(*) AS n FROM ({query})", start, end)  # noqa: S608
        following = first + len(rows)
        cursor = _cursor(following) if rows and following < count["n"] else None
        link = {}
        if cursor:
            there = urlencode({**asked, "after": cursor})
            link = {"Link": f'<{parts.path}?{there}>; rel="next"'}
        return {"data": rows, "meta": {"total": count["n"], "next": cursor}}, link

    def _rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        address = f"file:{self.server.records}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as database:
            database.row_factory = sqlite3.Row
            rows = [dict(row) for row in database.execute(query, values)]
        for row in rows:
            if "cancelled" in row:
                row["cancelled"] = bool(row["cancelled"])
        return rows

    def _answer(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        if status == 200:
            sent["ETag"] = tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            if self.headers.get("If-None-Match") == tag:
                status, body = 304, b""
        if body and "gzip" in self.headers.get("Accept-Encoding", ""):
            body = gzip.compress(body, 1, mtime=0)
            sent["Content-Encoding"] = "gzip"
        self.send_response(status)
        for name, value in {**sent, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, form: str, *values: object) -> None:
        """Write a line for each request; tokens are in none, as they come in a header."""
        print(f"{self.log_date_time_string()} {form % values}", flush=True)  # noqa: T201


def _size(given: str) -> int:
    if not given:
        return MOST_ROWS
    if not given.isascii() or not given.isdigit() or not 1 <= int(given) <= MOST_ROWS:
        raise Refused(400, f"limit is a number from 1 to {MOST_ROWS}")
    return int(given)


def _cursor(place: int) -> str:
    return base64.urlsafe_b64encode(f"row:{place}".encode()).decode()


def _place(cursor: str) -> int:
    try:
        place = _PLACE.fullmatch(base64.urlsafe_b64decode(cursor.encode()).decode())
    except ValueError:
        place = None
    if cursor and not place:
        raise Refused(400, "after is no cursor of ours")
    return int(place[1]) if place else 0


def main() -> None:
    """Make what is missing, and answer until it is ended."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--folder", type=Path, required=True, help="where the databases are")
    asked.add_argument("--port", type=int, required=True)
    given = asked.parse_args()
    token = os.environ.get("AIRPORT_TOKEN", "")
    if not token:
        raise SystemExit("AIRPORT_TOKEN is not set: nobody could ask")
    make(given.folder)
    with Api((given.folder / RECORDS).absolute(), token, given.port) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
