"""An S3 server that passes on what it is asked, but for the rows' files of one partition."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import pandas as pd
import pytest
from tests.http_server import Quiet, address_of, answering
from tests.s3.server import S3Server

from mlfactory.cycle.pace import heals_in_seconds
from mlfactory.lake import s3
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import FactoryError, ServiceError, UsageError

PARTITION = "2024-01-02"


@contextmanager
def in_trouble(status: int, body: bytes, server: str) -> Iterator[str]:
    """Serve what `server` does, but answer `status` to a PUT of the partition; give the address."""

    class Between(Quiet):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            asked = self.take()
            if self.command == "PUT" and PARTITION in self.path:
                self.answer(status, {}, body)
                return
            way = http.client.HTTPConnection(urlsplit(server).netloc)
            way.request(self.command, self.path, asked, dict(self.headers))
            given = way.getresponse()
            self.answer(given.status, dict(given.getheaders()), given.read())
            way.close()

        def answer(self, code: int, headers: dict[str, str], content: bytes) -> None:
            length = headers.get("Content-Length", "0") if self.command == "HEAD" else len(content)
            self.send_response_only(code)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = pass_on

    with answering(Between) as between:
        yield address_of(between)


@pytest.mark.parametrize(
    ("status", "code", "kind"), [(503, "SlowDown", ServiceError), (403, "AccessDenied", UsageError)]
)
def test_rows_that_s3_does_not_take_are_no_damage_of_the_table(
    s3_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    code: str,
    kind: type[FactoryError],
) -> None:
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    with in_trouble(status, body, s3_server.environment["AWS_ENDPOINT_URL"]) as address:
        for name, value in (s3_server.environment | {"AWS_ENDPOINT_URL": address}).items():
            monkeypatch.setenv(name, value)
        s3._client.cache_clear()
        lake = Lake("shop", f"s3://{s3_server.bucket}/{uuid4().hex}")
        lake.replace("sales", pd.DataFrame({"id": [1]}), "2024-01-01")
        try:
            with pytest.raises(kind) as caught:
                lake.replace("sales", pd.DataFrame({"id": [2]}), PARTITION)
            assert heals_in_seconds(caught.value) == (kind is ServiceError)
            assert "reset" not in str(caught.value)
            assert lake.read("sales")["id"].to_list() == [1]
        finally:
            s3._client.cache_clear()
