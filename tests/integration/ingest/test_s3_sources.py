"""Sources on a real S3 server, with authorisation; and one between that breaks off or refuses."""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.http_server import Quiet, address_of, answering
from tests.s3.server import S3Server

from mlfactory.cycle.pace import heals_in_seconds
from mlfactory.ingest.receiving import Received, receive
from mlfactory.ingest.request import Request, request_for
from mlfactory.lake import objects, s3
from mlfactory.lake.store import FolderStore
from mlfactory.product.errors import ContractError, LateSourceError, ServiceError
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {{every: day, start: 2026-01-01}}
sources:
  orders: {{kind: {kind}, path: "s3://{bucket}/{path}", event_time: at, key: [id]}}
features: {{key: [id], event_time: at, numeric: [price]}}
label: {{column: bad, kind: binary}}
"""
ROWS = "id,at,price\n1,2026-01-01T00:00:00Z,5\n2,2026-01-02T00:00:00Z,6\n"


@pytest.fixture(autouse=True)
def reached(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(objects, "_WAITS", (0.01, 0.01))
    s3._client.cache_clear()
    yield
    s3._client.cache_clear()


@pytest.fixture
def put(s3_server: S3Server) -> Iterator[Callable[[str, bytes], str]]:
    """Give a function that puts an object there, and returns its key."""
    folder = uuid4().hex

    def write(name: str, content: bytes) -> str:
        s3_server.client.put_object(Bucket=s3_server.bucket, Key=f"{folder}/{name}", Body=content)
        return f"{folder}/{name}"

    yield write
    s3_server.clear(folder)


Asked = Callable[..., Request]


@pytest.fixture
def asked(make_product: Callable[..., Product], s3_server: S3Server) -> Asked:
    def request(path: str, kind: str = "csv", *, day: int = 1, bucket: str = "") -> Request:
        named = bucket or s3_server.bucket
        product = make_product(SPEC.format(kind=kind, path=path, bucket=named))
        return request_for(product, "orders", product.calendar.parse(f"2026-01-0{day}"), [])

    return request


def ids(received: Received) -> list[str]:
    return [str(each) for each in received.rows["id"].to_pylist()]


def test_an_object_is_read_and_told_of(asked: Asked, put: Callable[[str, bytes], str]) -> None:
    received = receive(asked(put("orders.csv", ROWS.encode())))
    assert ids(received) == ["1"]
    assert received.origin["path"].startswith("s3://")
    assert (received.origin["bytes"], received.origin["digest_of"]) == (len(ROWS), "etag")


def test_a_prefix_and_a_pattern_are_all_of_their_objects(
    asked: Asked, put: Callable[[str, bytes], str]
) -> None:
    first = put("in/a.csv", ROWS.encode())
    put("in/b.csv", ROWS.replace("\n1,", "\n3,").encode())
    put("in/deep/c.csv", ROWS.replace("\n1,", "\n4,").encode())
    put("in/_writing.csv", b"half")
    below = first.rpartition("/")[0]
    assert ids(receive(asked(below))) == ["1", "3", "4"]
    assert ids(receive(asked(f"{below}/[ab].csv"))) == ["1", "3"]
    assert ids(receive(asked(f"{below}/**/c.csv"))) == ["4"]


@pytest.mark.parametrize("missing", [False, True])
def test_parquet_is_read_by_parts(
    asked: Asked, put: Callable[[str, bytes], str], missing: bool
) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    at: list[datetime | None] = [start + timedelta(hours=n) for n in range(48)]
    if missing:
        at[3] = None
    table = pa.table({"id": range(48), "at": pa.array(at, pa.timestamp("us", "UTC"))})
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=24)
    key = put("in/region=EU/a.parquet", sink.getvalue())
    below = key.removesuffix("/region=EU/a.parquet")
    received = receive(asked(below, "parquet"))
    assert received.rows["id"].to_pylist() == list(range(24))
    assert set(received.rows["region"].to_pylist()) == {"EU"}


def test_an_object_is_landed_once_until_it_is_another(
    asked: Asked, put: Callable[[str, bytes], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, store, read = put("orders.csv", ROWS.encode()), FolderStore(tmp_path / "lake"), []
    stream = objects.S3Object.stream
    monkeypatch.setattr(
        objects.S3Object, "stream", lambda self: (read.append(self.key), stream(self))[1]
    )
    for day in (1, 2, 3):
        receive(asked(key, day=day), store)
    assert len(read) == 2
    put("orders.csv", ROWS.replace("2,", "9,").encode())
    assert ids(receive(asked(key, day=2), store)) == ["9"]
    assert len(read) == 4


def test_what_is_not_there_may_arrive(asked: Asked) -> None:
    for path in ("none.csv", "none/*.csv", "none/"):
        with pytest.raises(LateSourceError, match=r"there is no file s3://factory/none"):
            receive(asked(path))
    with pytest.raises((LateSourceError, ContractError), match="elsewhere"):
        receive(asked("none.csv", bucket="elsewhere"))


def test_who_may_not_read_is_told_whose_credentials_to_look_at(
    asked: Asked, put: Callable[[str, bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = put("orders.csv", ROWS.encode())
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    s3._client.cache_clear()
    with pytest.raises(ContractError, match="S3 refuses to give it") as caught:
        receive(asked(key))
    assert "wrong" not in str(caught.value)


@contextmanager
def between(server: str, harm: Callable[[str], str]) -> Iterator[str]:
    """Serve what `server` does, but break off or answer 404 where `harm` of a request says so."""

    class Between(Quiet):
        protocol_version = "HTTP/1.1"

        def pass_on(self) -> None:
            told = harm(self.command)
            way = http.client.HTTPConnection(urlsplit(server).netloc)
            way.request(self.command, self.path, self.take(), dict(self.headers))
            given = way.getresponse()
            content, status = given.read(), given.status
            if told == "gone":
                status, content = 404, b"<Error><Code>NoSuchKey</Code></Error>"
            length = given.getheader("Content-Length") if self.command == "HEAD" else len(content)
            self.send_response_only(status)
            for name, value in given.getheaders():
                if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if told == "cut" else content)
            if told == "cut":
                self.close_connection = True
            way.close()

        do_GET = do_HEAD = pass_on

    with answering(Between) as server_between:
        yield address_of(server_between)


@pytest.mark.parametrize(
    ("harms", "error", "says"),
    [
        (["cut"] * 50, ServiceError, "broke off|does not answer|gave"),
        (["gone"] * 50, LateSourceError, "gone while it was read"),
        (["cut"], None, ""),
    ],
)
def test_what_breaks_off_in_the_middle_is_asked_for_again_and_then_told(
    asked: Asked,
    put: Callable[[str, bytes], str],
    s3_server: S3Server,
    monkeypatch: pytest.MonkeyPatch,
    harms: list[str],
    error: type[Exception] | None,
    says: str,
    tmp_path: Path,
) -> None:
    key, left, store = put("orders.csv", ROWS.encode()), list(harms), FolderStore(tmp_path / "l")

    def harm(command: str) -> str:
        return left.pop() if command == "GET" and left else ""

    with between(s3_server.environment["AWS_ENDPOINT_URL"], harm) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        s3._client.cache_clear()
        if error is None:
            assert ids(receive(asked(key), store)) == ["1"]
            return
        with pytest.raises(error, match=says) as caught:
            receive(asked(key), store)
    assert heals_in_seconds(caught.value) or isinstance(caught.value, LateSourceError)
    assert store.list() == []


def test_an_object_written_again_while_it_is_read_is_an_error(
    asked: Asked, put: Callable[[str, bytes], str], s3_server: S3Server
) -> None:
    key = put("orders.csv", ROWS.encode())
    found = objects.find_object(s3_server.bucket, key)
    assert found is not None
    put("orders.csv", ROWS.replace("5", "9").encode())
    with pytest.raises(objects.ChangedObject, match="changed while it was read"):
        found.stream().read()
