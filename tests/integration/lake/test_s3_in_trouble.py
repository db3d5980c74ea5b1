"""An S3 server that passes on what it is asked, but for what a test does not let through."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pandas as pd
import pytest
from tests.http_server import Quiet, address_of, answering
from tests.integration.predict.bakeries import DAYS, make_bakery
from tests.s3.server import S3Server
from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.cycle.pace import heals_in_seconds
from mlfactory.lake import s3
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import FactoryError, ServiceError, UsageError
from mlfactory.settings import settings

PARTITION = "2024-01-02"


Refused = Callable[[str, str], bool]


def rows_of_the_partition(command: str, path: str) -> bool:
    return command == "PUT" and PARTITION in path


@contextmanager
def in_trouble(
    status: int, body: bytes, server: str, refused: Refused = rows_of_the_partition
) -> Iterator[str]:
    """Serve what `server` does, but answer `status` to what is refused; give the address."""

    class Between(Quiet):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            asked = self.take()
            if refused(self.command, self.path):
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


def test_in_a_bucket_that_may_only_be_read_a_run_is_refused_at_once_and_changes_nothing(
    s3_server: S3Server, mlflow_file: Path, make_product, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_bakery(make_product)
    monkeypatch.setenv("MLFACTORY_LAKE", f"s3://{s3_server.bucket}/{uuid4().hex}")
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    s3._client.cache_clear()
    lived = CliRunner().invoke(app, ["run", "bakery", DAYS[0], "--stage", "ingest"])
    assert lived.exit_code == 0, lived.output
    before = product_store("bakery").marks("")
    asked: list[str] = []

    def changes(command: str, path: str) -> bool:
        if command in ("GET", "HEAD"):
            return False
        asked.append(f"{command} {path}")
        return True

    body = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
    with in_trouble(403, body, s3_server.environment["AWS_ENDPOINT_URL"], changes) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        s3._client.cache_clear()
        for stage in ("ingest", "validate"):
            told = CliRunner().invoke(app, ["run", "bakery", DAYS[0], "--stage", stage])
            assert told.exit_code == 1
            words = " ".join(told.output.split())
            assert "S3 refuses s3://" in words and "AccessDenied" in words
            assert "whether they may list, read, write and delete there" in words
    s3._client.cache_clear()
    # no storm: a refusal is not tried again
    assert len(asked) <= 4, asked
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server.environment["AWS_ENDPOINT_URL"])
    s3._client.cache_clear()
    assert product_store("bakery").marks("") == before
