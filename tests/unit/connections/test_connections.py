"""Connections: read as Airflow writes them, and silent about their secrets."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from mlfactory.connections import Connection, connection_named, looked_up_by
from mlfactory.product.errors import UsageError

PASSWORD = "open:sesame/42@?"


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
