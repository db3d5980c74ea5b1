"""APIs as sources: what a real server answers, page after page."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.http_server import address_of
from tests.integration.ingest.conftest import DAY, Ask, Handler, ids, pages, rows

from mlfactory import ingest
from mlfactory.ingest.readers import reader_of
from mlfactory.ingest.receiving import receive
from mlfactory.ingest.web import gathering
from mlfactory.product.errors import ContractError, ServiceError


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
