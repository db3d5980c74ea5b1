"""A connection, which shows its name and kind only, and takes its secrets out of any text."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus

_SHORTEST_SECRET = 4
"""Characters: a shorter one would take letters out of words, and tells as much by that."""

_HARMLESS = frozenset(
    {
        "accept",
        "application_name",
        "charset",
        "connect_timeout",
        "content-type",
        "encoding",
        "region_name",
        "schema",
        "sqlalchemy_scheme",
        "sslcert",
        "sslmode",
        "sslrootcert",
        "timeout",
        "user-agent",
        "verify",
    }
)
"""Keys of `extra` whose values are no secrets, and are of use in a message."""


@dataclass(frozen=True)
class Connection:
    """What Airflow knows by a name.

    Attributes:
        name: its id.
        kind: Airflow's `conn_type`, such as `postgres` or `http`.
        host: of a server; perhaps with a scheme in front, as Airflow keeps those of HTTP.
        schema: of a database its name; of HTTP the scheme, if any.
        extra: what else the service wants to be told, such as headers or `sslmode`.
    """

    name: str
    kind: str = ""
    host: str = field(default="", repr=False)
    port: int | None = field(default=None, repr=False)
    login: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    schema: str = field(default="", repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def hide(self, text: str) -> str:
        """Return a text without any of the connection's secrets, however they are written."""
        for secret in sorted(self._written(), key=len, reverse=True):
            text = text.replace(secret, "***")
        return text

    def _written(self) -> set[str]:
        found = set()
        for secret in self._secrets():
            if len(secret) >= _SHORTEST_SECRET:
                found |= {secret, quote(secret), quote(secret, safe=""), quote_plus(secret)}
                found |= {repr(secret)[1:-1]}
        if self.password:
            pair = f"{self.login}:{self.password}".encode()
            found.add(base64.b64encode(pair).decode())
        return found

    def _secrets(self) -> Iterator[str]:
        yield self.password
        yield from _leaves(self.extra)


def _leaves(value: Any, key: str = "") -> Iterator[str]:
    """Give the texts in `extra`, whatever it is made of, but those that are no secrets."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, str(name).lower())
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, key)
    elif key not in _HARMLESS and isinstance(value, str | int) and not isinstance(value, bool):
        yield str(value)
        # of `Bearer 0123` the second word is the secret
        yield from str(value).split()[1:]
