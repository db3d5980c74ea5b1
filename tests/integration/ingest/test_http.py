"""APIs as sources: a real server that answers, and one that fails in every way it can."""

from __future__ import annotations

import gzip
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from tests.http_server import Quiet, address_of, answering

from mlfactory import ingest
from mlfactory.ingest.readers import reader_of
from mlfactory.ingest.receiving import receive
from mlfactory.ingest.request import Request, request_for
from mlfactory.ingest.web import fetching, gathering
from mlfactory.lake.manifests import read_manifest
from mlfactory.product.errors import ContractError, LateSourceError, ServiceError
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


def test_the_partition_is_in_the_address_and_types_are_those_of_all_rows(
    serve: Any, ask: Ask
) -> None:
    given = [*rows(1, 2), {"id": 3, "at": "2026-01-01T13:00:00Z", "size": None, "tags": ["a"]}]
    server = serve(lambda asked: asked.send({"data": {"orders": given}}))
    request = ask(address_of(server) + "/v1/{partition}" + DAY, rows="data.orders")
    found = receive(request).rows
    assert server.asked[0].path.startswith("/v1/2026-01-01?from=2026-01-01T00%3A00%3A00Z&to=")
    assert server.asked[0].query["to"] == "2026-01-02T00:00:00Z"
    assert found.to_pylist()[2] == {
        **{"id": 3, "at": "2026-01-01T13:00:00Z", "size": None, "tags": '["a"]'}
    }
    assert str(found.schema.field("size").type) == "double"


def test_pages_are_followed_by_link_cursor_offset_and_number(serve: Any, ask: Ask) -> None:
    five = pages(5)

    def answer(asked: Handler) -> None:
        query, way = asked.query, urlsplit(asked.path).path
        if way == "/link":
            number = int(query.get("p", 0))
            link = f'</link?p={number + 1}>; rel="next"' if number < 2 else None
            asked.raw(json.dumps(five[number]).encode(), Link=link)
        elif way == "/field":
            number = int(query.get("p", 0))
            after = {"next": f"?p={number + 1}"} if number < 2 else {"next": None}
            asked.send({"rows": five[number], "links": after})
        elif way == "/cursor":
            number = int(query.get("after", "c0")[1:])
            asked.send({"rows": five[number], "next": f"c{number + 1}" if number < 2 else ""})
        elif way == "/offset":
            # it gives fewer than it is asked for, as many do
            first = int(query["skip"])
            asked.send({"rows": rows(*range(5))[first : first + 2], "total": 5})
        else:
            number = int(query["page"])
            asked.send(five[number - 1] if number <= 3 else [])

    base = address_of(serve(answer))
    for way, paging in (
        ("/link", {"by": "link"}),
        ("/field", {"by": "link", "field": "links.next"}),
        ("/cursor", {"by": "cursor", "field": "next", "parameter": "after"}),
        ("/offset", {"by": "offset", "parameter": "skip", "size": 1000, "total": "total"}),
        ("/offset", {"by": "offset", "parameter": "skip"}),
        ("/page", {"by": "page"}),
    ):
        where = {} if way in ("/link", "/page") else {"rows": "rows"}
        assert ids(ask(base + way, paging=paging, **where)) == [0, 1, 2, 3, 4], paging


def test_csv_and_jsonl_come_whole_or_in_pages_and_packed(serve: Any, ask: Ask) -> None:
    header = "id;at;size\n"
    line = "{};2026-01-01T12:00:00Z;0,5"

    def answer(asked: Handler) -> None:
        number = int(asked.query.get("page", 0))
        if asked.path.startswith("/csv.gz"):
            asked.raw(gzip.compress((header + line.format(1) + "\n").encode()))
        elif asked.path.startswith("/csv"):
            asked.raw((header + (line.format(number) if number < 3 else "")).encode())
        else:
            lines = "\n".join(json.dumps(row) for row in rows(1, 2)) + "\n\n"
            asked.raw(gzip.compress(lines.encode()), Content_Encoding="gzip")

    base = address_of(serve(answer))
    csv: dict[str, Any] = {"format": "csv", "delimiter": ";"}
    assert ids(ask(f"{base}/csv", paging={"by": "page"}, **csv)) == ["1", "2"]
    assert ids(ask(f"{base}/csv.gz", **csv)) == ["1"]
    assert ids(ask(f"{base}/jsonl", format="jsonl")) == [1, 2]


def test_a_server_that_is_busy_is_asked_again_when_it_says(
    serve: Any, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(asked: Handler) -> None:
        tries = len(asked.server.asked)
        if tries == 1:
            asked.raw(b"slow down", 429, Retry_After="1")
        elif tries == 2:
            until = datetime.now(UTC) + timedelta(seconds=2)
            asked.raw(b"", 503, Retry_After=format_datetime(until, usegmt=True))
        elif tries == 3:
            asked.raw(b"oops", 500)
        else:
            asked.send(rows(1))

    begun = time.monotonic()
    assert ids(ask(address_of(serve(answer)) + DAY)) == [1]
    assert 1.9 < time.monotonic() - begun < 8
    assert "429 Too Many Requests: slow down" in caplog.text


def test_a_wait_beyond_all_bounds_is_left_to_the_next_try_of_the_task(serve: Any, ask: Ask) -> None:
    server = serve(lambda asked: asked.raw(b"", 429, Retry_After="86400"))
    with pytest.raises(ServiceError, match="asks us to wait 86,400 s"):
        receive(ask(address_of(server) + DAY))
    assert len(server.asked) == 1


def test_a_server_that_stays_away_is_a_service_error(serve: Any, ask: Ask) -> None:
    server = serve(lambda asked: asked.raw(b"", 502))
    with pytest.raises(ServiceError, match=r"502 Bad Gateway.*nothing of its answer was landed"):
        receive(ask(address_of(server) + DAY))
    assert len(server.asked) == fetching.TRIES
    with pytest.raises(ServiceError, match="ConnectError"):
        receive(ask("http://127.0.0.1:1/orders" + DAY))


def test_what_is_refused_is_not_asked_again(serve: Any, ask: Ask) -> None:
    server = serve(lambda asked: asked.raw(b'{"error": "no such field"}', int(asked.path[1:4])))
    for status, kind, words in (
        ("400", ContractError, "400 Bad Request: .*no such field"),
        ("401", ContractError, "does not let us in"),
        ("403", ContractError, "does not let us in"),
        ("404", LateSourceError, "there is nothing at"),
    ):
        before = len(server.asked)
        with pytest.raises(kind, match=words):
            receive(ask(f"{address_of(server)}/{status}{DAY}"))
        assert len(server.asked) == before + 1
    with pytest.raises(ContractError, match="404 Not Found"):
        receive(ask(f"{address_of(server)}/404"))


def test_an_answer_that_breaks_off_is_asked_again_and_never_half_taken(
    serve: Any, ask: Ask
) -> None:
    whole = json.dumps(rows(1, 2)).encode()

    def answer(asked: Handler) -> None:
        asked.close_connection = True
        if len(asked.server.asked) == 1:
            asked.raw(whole[:-9], Content_Length=len(whole))
        elif len(asked.server.asked) == 2:
            asked.wfile.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[{"id')
        else:
            asked.raw(whole)

    assert ids(ask(address_of(serve(answer)) + DAY)) == [1, 2]
    server = serve(lambda asked: asked.raw(b"id,at\n1,2026", Content_Length=99))
    with pytest.raises(ServiceError, match="peer closed connection"):
        receive(ask(address_of(server) + DAY, format="csv"))


def test_an_answer_that_stands_still_is_given_up(serve: Any, ask: Ask) -> None:
    server = serve(lambda asked: time.sleep(0.6))
    request = ask(address_of(server) + DAY)
    source = request.source.model_copy(update={"timeout": timedelta(seconds=0.1)})
    request = Request(request.product, "orders", source, request.partition, request.needed)
    with pytest.raises(ServiceError, match="ReadTimeout"):
        receive(request)


def test_gzip_that_is_none_or_is_cut_off_is_told(serve: Any, ask: Ask) -> None:
    packed = gzip.compress(json.dumps(rows(*range(100))).encode())
    server = serve(
        lambda asked: asked.raw(
            b"[]" if asked.path.startswith("/none") else packed[:-20], Content_Encoding="gzip"
        )
    )
    for path in ("none", "half"):
        with pytest.raises(ContractError, match="is no gzip, or not whole"):
            receive(ask(f"{address_of(server)}/{path}{DAY}"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"rows": ', "no JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"row": []}', "no list of rows at 'rows' .did you mean 'row'"),
        (b'{"rows": [1]}', "a row that is no object: number 1"),
        (b'{"rows": [{"id": 1}]}', "lacks the column 'at'"),
        (b'{"rows": [{"id": 1, "ID": 2, "at": "2026-01-01"}]}', "differ|tell apart"),
        (b'{"rows": "\xff"}', "no JSON"),
        (b'{"rows": []} ' * 3_000_000, "gives more than 32 MiB at once"),
    ],
)
def test_what_is_no_list_of_rows_is_told(serve: Any, ask: Ask, body: bytes, words: str) -> None:
    server = serve(lambda asked: asked.raw(body))
    with pytest.raises(ContractError, match=words):
        receive(ask(address_of(server) + DAY, rows="rows"))


def test_a_web_page_in_the_place_of_data_is_told(serve: Any, ask: Ask) -> None:
    server = serve(lambda asked: asked.raw(b"<html>log in", Content_Type="text/html"))
    with pytest.raises(ContractError, match="answers with a web page"):
        receive(ask(address_of(server) + DAY, format="csv"))


def test_pages_that_go_round_in_circles_or_do_not_add_up_are_told_and_nothing_is_landed(
    serve: Any, ask: Ask, home: Path
) -> None:
    def answer(asked: Handler) -> None:
        way, query = urlsplit(asked.path).path, asked.query
        number = int(query.get("p", query.get("offset", 0)))
        if way == "/self":
            asked.raw(json.dumps(rows(1)).encode(), Link=f"<{asked.path}>; rel=next")
        elif way == "/cursor":
            asked.send({"rows": rows(len(asked.server.asked)), "next": "c1"})
        elif way == "/deaf":
            asked.send({"rows": rows(1, 2)})
        elif way == "/shifts":
            asked.send({"rows": rows(number, number + 1)[: 2 if number < 3 else 0]})
        elif way == "/fewer":
            asked.send({"rows": rows(1, 2) if not number else [], "total": 3})
        elif way == "/gone":
            asked.send({"rows": rows(1, 2)}) if not number else asked.raw(b"", 404)
        elif way == "/away":
            asked.raw(json.dumps(rows(1)).encode(), Link="<ftp://elsewhere/x>; rel=next")
        else:
            asked.send({"rows": rows(1)})

    base = address_of(serve(answer))
    cursor = {"by": "cursor", "field": "next"}
    offset = {"by": "offset"}
    for way, paging, kind, words in (
        ("/self", {"by": "link"}, ContractError, "leads back to a page that was read"),
        ("/cursor", cursor, ContractError, "page 2 has the cursor of an earlier page"),
        ("/deaf", offset, (ContractError, ServiceError), "very rows of page 1|repeats a row"),
        ("/fewer", offset | {"total": "total"}, ServiceError, "are 3 rows, and gave 2"),
        ("/gone", offset, ServiceError, "page 2 is not there"),
        ("/away", {"by": "link"}, ContractError, "no web address"),
        ("/none", offset | {"total": "of.total"}, ContractError, "'of.total' gives no number"),
    ):
        where = {} if way in ("/self", "/away") else {"rows": "rows"}
        request = ask(base + way + DAY, paging=paging, **where)
        with pytest.raises(kind, match=words):
            ingest.run(request.product, request.partition)
        assert not list(home.rglob("*.parquet")), way


def test_rows_that_come_twice_as_pages_shift_are_told(serve: Any, ask: Ask) -> None:
    def answer(asked: Handler) -> None:
        number = int(asked.query["page"])
        asked.send(rows(*range(number * 2, number * 2 + 3)) if number < 9 else [])

    server = serve(answer)
    with pytest.raises(ServiceError, match="page 2 repeats a row of the page before"):
        receive(ask(address_of(server) + DAY, paging={"by": "page"}))


def connection(monkeypatch: pytest.MonkeyPatch, base: str, **more: Any) -> None:
    fields = {"conn_type": "http", "host": base, "password": SECRET} | more
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", json.dumps(fields))


def test_credentials_go_to_the_apis_own_host_and_no_other(
    serve: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = serve(lambda asked: asked.send(rows(2)))

    def answer(asked: Handler) -> None:
        if asked.path.startswith("/moved"):
            asked.raw(b"", 307, Location=address_of(other) + "/there")
        elif asked.path.startswith("/stays"):
            asked.raw(b"", 302, Location="/orders")
        else:
            asked.raw(
                json.dumps(rows(1)).encode(),
                Link=f"<{address_of(other)}/next>; rel=next",
            )

    server = serve(answer)
    connection(
        monkeypatch,
        address_of(server),
        extra={"X-Api-Key": "key-4242", "params": {"appid": "id-4242"}},
    )
    for path in ("/orders", "/moved", "/stays"):
        ids(ask(path + DAY, connection="shop_api", paging={"by": "link"}))
    assert len(other.asked) == 3 and len(server.asked) == 4
    for asked in server.asked:
        assert asked.headers["Authorization"] == f"Bearer {SECRET}"
        assert asked.headers["X-Api-Key"] == "key-4242" and asked.query["appid"] == "id-4242"
    for asked in other.asked:
        told = f"{asked.path} {asked.headers}"
        assert "4242" not in told and SECRET not in told


def test_a_connection_of_another_host_is_refused(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    connection(monkeypatch, "https://api.example.com")
    with pytest.raises(ContractError, match=r"is for another host than http://127.0.0.1:1/x"):
        receive(ask("http://127.0.0.1:1/x" + DAY, connection="shop_api"))


def test_a_login_is_sent_and_no_secret_is_told_or_kept(
    serve: Any,
    ask: Ask,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def answer(asked: Handler) -> None:
        if asked.server.fails:
            # it says back what it was sent, as some do
            told = f"wrong: {asked.headers['Authorization']} {asked.headers['X-Key']} {asked.path}"
            asked.raw(told.encode(), asked.server.fails)
        else:
            asked.send(rows(1))

    server = serve(answer)
    extra = {"X-Key": "key-4242", "params": {"appid": "id-4242"}}
    connection(monkeypatch, address_of(server), login="who", extra=extra)
    request = ask("/orders" + DAY, connection="shop_api")
    with caplog.at_level(logging.DEBUG):
        server.fails = 0
        ingest.run(request.product, request.partition)
        told = []
        for server.fails in (403, 422, 500):
            with pytest.raises((ContractError, ServiceError)) as raised:
                receive(request)
            told.append(str(raised.value))
    facts = read_manifest("shop", "ingest", "2026-01-01")["facts"]["sources"]["orders"]
    assert facts["pages"] == 1 and facts["address"] == f"{address_of(server)}/orders"
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    basic = server.asked[0].headers["Authorization"].split()[1]
    for secret in (SECRET, "4242", basic):
        assert secret not in caplog.text and secret.encode() not in kept
        assert not any(secret in each for each in told)
    assert all("wrong: Basic ***" in each for each in told)


def test_an_answer_is_known_by_its_tag_or_its_settled_time_of_change(serve: Any, ask: Ask) -> None:
    def answer(asked: Handler) -> None:
        asked.raw(b"id,at\n1,2026-01-01\n", **asked.server.headers)

    server = serve(answer)
    old, new = datetime(2026, 1, 1, tzinfo=UTC), datetime.now(UTC)
    marks = []
    for server.headers in (
        {"ETag": '"one"'},
        {"ETag": '"two"'},
        {"Last_Modified": format_datetime(old, usegmt=True)},
        {"Last_Modified": format_datetime(new, usegmt=True)},
        {},
    ):
        (part,) = reader_of(ask(f"{address_of(server)}/x", format="csv")).parts()
        marks.append(part.fingerprint)
    assert all(marks[:3]) and len(set(marks[:3])) == 3 and marks[3:] == ["", ""]


def test_an_answer_that_changes_while_it_is_read_is_asked_again(serve: Any, ask: Ask) -> None:
    def answer(asked: Handler) -> None:
        asked.raw(b"id,at\n1,2026-01-01\n", ETag=f'"{len(asked.server.asked)}"')

    with pytest.raises(ServiceError, match="changed while it was read"):
        receive(ask(address_of(serve(answer)), format="csv"))


def test_a_large_answer_is_on_disk_and_given_in_pieces(
    serve: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_BATCH_BYTES", 1 << 18)
    lines = "".join(json.dumps(row | {"note": "x" * 1000}) + "\n" for row in rows(*range(30_000)))
    server = serve(lambda asked: asked.raw(lines.encode()))
    reader = reader_of(ask(address_of(server) + DAY, format="jsonl"))
    (part,) = reader.parts()
    with reader.opened(part) as found:
        sizes = [(table.num_rows, table.nbytes) for table in found.tables]
        told = reader.told(part)
    assert sum(count for count, _ in sizes) == 30_000 and max(size for _, size in sizes) < 1e6
    assert told["bytes"] == len(lines) and len(told["digest"]) == 64


def test_long_whole_numbers_beside_fractions_are_text_on_one_page_and_on_two(
    serve: Any, ask: Ask
) -> None:
    long = 2**53 + 1
    given = [{**row, "size": size} for row, size in zip(rows(1, 2, 3), [long, 0.5, 7], strict=True)]
    server = serve(lambda asked: asked.send(given))
    texts = [str(long), "0.5", "7"]
    assert receive(ask(address_of(server) + DAY)).rows["size"].to_pylist() == texts
    server = serve(
        lambda asked: asked.send(given[int(asked.query["offset"]) :][: int(asked.query["limit"])])
    )
    paging = {"by": "offset", "size": 1}
    paged = receive(ask(address_of(server) + DAY, paging=paging))
    assert paged.rows["size"].to_pylist() == texts


@pytest.mark.parametrize("form", ["json", "jsonl", "gzip"])
def test_an_answer_of_unknown_length_that_breaks_off_is_asked_again(
    serve: Any, ask: Ask, form: str
) -> None:
    text = json.dumps(rows(1, 2)).encode()
    if form == "jsonl":
        text = b"\n".join(json.dumps(row).encode() for row in rows(1, 2))
    whole = gzip.compress(text) if form == "gzip" else text
    packing = "gzip" if form == "gzip" else None

    def answer(asked: Handler) -> None:
        asked.close_connection = True
        half = len(asked.server.asked) < 3
        asked.raw(whole[:-9] if half else whole, Content_Length=None, Content_Encoding=packing)

    server = serve(answer)
    source = "jsonl" if form == "jsonl" else "json"
    assert ids(ask(address_of(server) + DAY, format=source)) == [1, 2]
    assert len(server.asked) == 3
    wrong = serve(lambda asked: asked.raw(b'{"no json}, ', Content_Length=None))
    with pytest.raises(ServiceError, match="cut off"):
        receive(ask(address_of(wrong) + DAY))


@pytest.mark.parametrize("link", ["http://[::1/x", "http://127.0.0.1:99999/x"])
def test_a_link_that_is_no_address_is_told(serve: Any, ask: Ask, link: str) -> None:
    server = serve(lambda asked: asked.send({"rows": rows(1), "next": link}))
    paging = {"by": "link", "field": "next"}
    with pytest.raises(ContractError, match="leads to what is no web address"):
        receive(ask(address_of(server) + DAY, rows="rows", paging=paging))
    server = serve(lambda asked: asked.raw(b"", 302, Location=link))
    # httpx itself takes some of these for an answer that broke, which is asked again
    with pytest.raises((ContractError, ServiceError), match=r"no web address|Invalid URL"):
        receive(ask(address_of(server) + DAY))


def test_half_of_a_character_and_a_nul_in_a_name_are_told(serve: Any, ask: Ask) -> None:
    for key, value, words in (
        ("size", "\ud83d", r"half of a character \(\\ud83d\)"),
        ("\0number", 1, "NUL"),
    ):
        server = serve(lambda asked, more={key: value}: asked.send([{**rows(1)[0], **more}]))
        with pytest.raises(ContractError, match=words):
            receive(ask(address_of(server) + DAY))


@pytest.mark.parametrize("password", ["quälgeist", "zwei7\n", "drei7 ", "vier7\0"])
def test_a_login_that_no_header_can_hold_is_told_and_not_asked_with(
    serve: Any, ask: Ask, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    server = serve(lambda asked: asked.send(rows(1)))
    for extra in ({"password": password}, {"extra": {"X-Api-Key": password}}):
        host = {"conn_type": "http", "host": "127.0.0.1", "port": server.server_port}
        monkeypatch.setenv("AIRFLOW_CONN_SHOP", json.dumps(host | extra))
        with pytest.raises(ContractError, match="cannot be sent as the header") as raised:
            receive(ask("/" + DAY, connection="shop"))
        assert password.strip() not in str(raised.value)
    assert not server.asked


def test_a_wait_that_is_no_number_is_our_own(serve: Any, ask: Ask) -> None:
    def answer(asked: Handler) -> None:
        if len(asked.server.asked) == 1:
            asked.raw(b"", 503, Retry_After="²")
        else:
            asked.send(rows(1))

    assert ids(ask(address_of(serve(answer)) + DAY)) == [1]
