"""An API that fails in every way it can: what is asked again, what is told, what never lands."""

from __future__ import annotations

import gzip
import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from tests.http_server import address_of
from tests.integration.ingest.conftest import DAY, Ask, Handler, ids, rows

from mlfactory.ingest.receiving import receive
from mlfactory.ingest.request import Request
from mlfactory.ingest.web import fetching
from mlfactory.product.errors import ContractError, LateSourceError, ServiceError


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


def test_a_wait_that_is_no_number_is_our_own(serve: Any, ask: Ask) -> None:
    def answer(asked: Handler) -> None:
        if len(asked.server.asked) == 1:
            asked.raw(b"", 503, Retry_After="²")
        else:
            asked.send(rows(1))

    assert ids(ask(address_of(serve(answer)) + DAY)) == [1]
