"""Connections that we read ourselves are what Airflow reads of the same text."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from airflow.sdk.definitions.connection import Connection as AirflowConnection

from mlfactory.connections.texts import from_fields, from_text

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
