"""How Airflow writes a connection into a variable: as an address, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from mlfactory.connections.connection import Connection

_WHOLE_EXTRA = "__extra__"
"""Under this key an address may have all of `extra` as JSON, as of nested values."""

_TEXTS = ("host", "login", "password", "schema")


def from_text(name: str, text: str) -> Connection:
    """Return the connection that a variable describes.

    Raises:
        ValueError: if it is neither of the two forms; its text says which part, and no secret.
    """
    text = text.strip()
    return _from_json(name, text) if text.startswith("{") else _from_address(name, text)


def from_fields(name: str, fields: Mapping[str, Any]) -> Connection:
    """Return the connection with the fields that Airflow has it in.

    Raises:
        ValueError: if one of them is not what it should be.
    """
    given = {key: fields.get(key) for key in _TEXTS}
    for key, value in given.items():
        if value is not None and not isinstance(value, str):
            raise ValueError(f"its {key} is no text")
    return Connection(
        name,
        kind=str(fields.get("conn_type") or "").lower().replace("-", "_"),
        port=_port(fields.get("port")),
        extra=_extra(fields.get("extra")),
        **{key: value or "" for key, value in given.items()},
    )


def _from_json(name: str, text: str) -> Connection:
    try:
        fields = json.loads(text)
    except ValueError:
        # the parser's own words would quote nothing, but its error holds the whole text
        raise ValueError("it begins like JSON and is none") from None
    return from_fields(name, fields)


def _from_address(name: str, text: str) -> Connection:
    kind, mark, rest = text.partition("://")
    if not mark or not kind:
        raise ValueError("it is neither JSON nor an address like postgres://login:password@host/db")
    # `http://https://host` is Airflow's way to say which scheme an HTTP connection has
    scheme, inner, after = rest.partition("://")
    with_scheme = bool(inner) and not set(scheme) & set("@:/?")
    try:
        parts = urlsplit(f"//{after if with_scheme else rest}")
        host, port = unquote(parts.hostname or ""), parts.port
    except ValueError:
        raise ValueError(
            "its host or port cannot be read; in logins and passwords write / as %2F, "
            "@ as %40, : as %3A, ? as %3F and # as %23"
        ) from None
    extra: Any = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Connection(
        name,
        kind=kind.lower().replace("-", "_"),
        host=f"{scheme}://{host}" if with_scheme and host else host,
        port=port,
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        schema=unquote(parts.path[1:]),
        extra=_extra(extra.get(_WHOLE_EXTRA, extra)),
    )


def _port(given: Any) -> int | None:
    if given in (None, ""):
        return None
    try:
        return int(given)
    except (TypeError, ValueError):
        raise ValueError("its port is no number") from None


def _extra(given: Any) -> Mapping[str, Any]:
    if isinstance(given, str) and given.strip():
        try:
            given = json.loads(given)
        except ValueError:
            raise ValueError("its extra is no JSON") from None
    if not given:
        return {}
    if not isinstance(given, Mapping):
        raise ValueError("its extra is no JSON object")
    return given
