"""The airport's API behaves as those of others do: token, pages, ETag, and a pace of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from examples.airport.api import Api
from tests.airport import TOKEN, open_airport, url_of

DAY = {"from": "2013-02-08T00:00:00Z", "to": "2013-02-09T00:00:00Z"}


@pytest.fixture
def client(airport: Path) -> Iterator[httpx.Client]:
    with open_airport(airport) as server, client_of(server) as client:
        yield client


def client_of(server: Api, token: str = TOKEN) -> httpx.Client:
    return httpx.Client(base_url=url_of(server), headers={"Authorization": f"Bearer {token}"})


def test_nobody_without_the_token_is_let_in_and_health_is_for_all(airport: Path) -> None:
    with open_airport(airport) as server:
        for token in ("x", "another", TOKEN[:-1]):
            refused = client_of(server, token).get("/v1/airports")
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"] == "Bearer"
        assert httpx.get(f"{url_of(server)}/health").is_success


@pytest.mark.parametrize("by", ["cursor", "link"])
@pytest.mark.parametrize("limit", [1, 7, 72, 73])
def test_the_pages_hold_every_row_once(client: httpx.Client, by: str, limit: int) -> None:
    found: list[dict[str, Any]] = []
    url, asked = "/v1/weather", {**DAY, "limit": str(limit)}
    while True:
        answer = client.get(url, params=asked or None)
        page = answer.json()
        found += page["data"]
        assert len(page["data"]) <= limit and page["meta"]["total"] == 72
        if not page["meta"]["next"]:
            assert "next" not in answer.links
            break
        if by == "link":
            url, asked = answer.links["next"]["url"], {}
        else:
            asked["after"] = page["meta"]["next"]
    assert len({(row["hour"], row["origin"]) for row in found}) == len(found) == 72


def test_outcomes_are_those_that_were_told_in_the_span(client: httpx.Client) -> None:
    rows = client.get("/v1/outcomes", params=DAY).json()["data"]
    assert {row["told_at"] for row in rows} == {"2013-02-08T12:00:00Z"}
    assert {row["flight_id"][-10:] for row in rows} == {"2013-02-06"}
    assert {row["cancelled"] for row in rows} == {True, False}


def test_who_knows_the_etag_is_sent_nothing_twice(client: httpx.Client) -> None:
    first = client.get("/v1/airports")
    tag = first.headers["ETag"]
    assert client.head("/v1/airports").headers["ETag"] == tag
    again = client.get("/v1/airports", headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/v1/weather", params=DAY).headers["ETag"] != tag


def test_who_asks_too_often_is_told_how_long_to_wait_and_then_let_in(airport: Path) -> None:
    with open_airport(airport, per_second=1) as server, client_of(server) as client:
        answers = [client.get("/v1/weather", params=DAY) for _ in range(4)]
        refused = [one for one in answers if one.status_code == 429]
        assert refused and answers[0].is_success
        time.sleep(int(refused[0].headers["Retry-After"]))
        assert client.get("/v1/weather", params=DAY).is_success


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/weather", 400),
        ("/v1/weather?from=2013-02-08&to=2013-02-09", 400),
        ("/v1/weather?from=2013-02-08T00:00:00Z&to=2013-02-09T00:00:00Z&limit=5001", 400),
        ("/v1/weather?from=2013-02-08T00:00:00Z&to=2013-02-09T00:00:00Z&after=%C3%A9", 400),
        ("/v1/weather?from=2013-02-08T00:00:00Z&to=2013-02-09T00:00:00Z&after=cm93Oi0x", 400),
        ("/v1/weather'; DROP TABLE weather", 404),
        ("/", 404),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_reason(
    client: httpx.Client, path: str, status: int
) -> None:
    refused = client.get(path)
    assert refused.status_code == status
    assert refused.json()["error"]
