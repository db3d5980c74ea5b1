"""Logins of an API: to whom they are sent, and that nobody else learns them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from tests.http_server import address_of
from tests.integration.ingest.conftest import DAY, SECRET, Ask, Handler, ids, rows

from mlfactory import ingest
from mlfactory.ingest.receiving import receive
from mlfactory.lake.manifests import read_manifest
from mlfactory.product.errors import ContractError, ServiceError


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
