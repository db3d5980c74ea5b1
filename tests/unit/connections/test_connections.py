"""Connections: read as Airflow writes them, and silent about their secrets."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from airflow.sdk.definitions.connection import Connection as AirflowConnection

from mlfactory.connections import Connection, connection_named, looked_up_by
from mlfactory.connections.texts import from_fields, from_text
from mlfactory.product.errors import UsageError

FIELDS = ("conn_type", "host", "port", "login", "password", "schema", "extra")
PASSWORD = "open:sesame/42@?"

TEXTS = [
    "postgres://who:" + quote(PASSWORD, safe="") + "@db.example.com:5433/shop?sslmode=require",
    "postgresql://db/shop",
    "http://https%3A%2F%2Fapi.example.com",
    "http://https://api.example.com:8443/v1?X-Key=abcd",
    "my-own-kind://:token@host",
    "sqlite:////data/orders.db",
    'http://who@host/?__extra__={"a"%3A+{"b"%3A+1}}',
    json.dumps({"conn_type": "postgres", "host": "db", "port": "5432", "password": PASSWORD}),
    json.dumps({"conn_type": "http", "extra": {"X-Key": "abcd"}}),
    json.dumps({"conn_type": "http", "extra": '{"X-Key": "abcd"}'}),
]


@pytest.mark.parametrize("text", TEXTS)
def test_both_forms_are_read_as_airflow_reads_them(text: str) -> None:
    as_airflow = (
        AirflowConnection.from_json(text, "x")
        if text.startswith("{")
        else AirflowConnection.from_uri(text, "x")
    )
    theirs = from_fields("x", {name: getattr(as_airflow, name) for name in FIELDS})
    ours = from_text("x", text)
    if ours.kind == "postgresql":
        assert theirs.kind == "postgres"
        return
    for name in ("kind", "host", "port", "login", "password", "schema", "extra"):
        assert getattr(ours, name) == getattr(theirs, name), name


@pytest.mark.parametrize(
    "text",
    [
        "who:" + PASSWORD,
        '{"password": "' + PASSWORD,
        "postgres://who:open/sesame-42@db:port",
        '{"port": "' + PASSWORD + '"}',
        '{"extra": "' + PASSWORD + '"}',
        '{"password": ["' + PASSWORD + '"]}',
    ],
)
def test_what_is_no_connection_is_told_without_what_it_says(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", text)
    with pytest.raises(UsageError, match="the connection 'warehouse' cannot be read") as raised:
        connection_named("warehouse", "shop.orders")
    assert "sesame" not in str(raised.value) and raised.value.__suppress_context__


def test_a_connection_hides_its_secrets_however_they_are_written() -> None:
    known = Connection(
        "api",
        "http",
        login="who",
        password=PASSWORD,
        extra={"Authorization": "Bearer abcd-42", "sslmode": "require", "deep": [{"k": "efgh-42"}]},
    )
    said = (
        f"{PASSWORD} {quote(PASSWORD, safe='')} abcd-42 efgh-42 require {known!r} "
        "d2hvOm9wZW46c2VzYW1lLzQyQD8="
    )
    hidden = known.hide(said)
    assert "sesame" not in hidden and "42" not in hidden and "d2hv" not in hidden
    assert "require" in hidden and "Connection(name='api', kind='http')" in hidden


def test_within_a_lookup_nobody_else_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", "postgres://outside/db")
    with looked_up_by(lambda name: Connection(name, host="inside")):
        assert connection_named("warehouse", "shop.orders").host == "inside"
    with looked_up_by(lambda name: None), pytest.raises(UsageError, match="no connection"):
        connection_named("warehouse", "shop.orders")
    assert connection_named("warehouse", "shop.orders").host == "outside"
