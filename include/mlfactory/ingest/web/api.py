"""What is asked of an API, and who we are there: credentials go to its own host and no other."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, urlencode, urljoin, urlsplit, urlunsplit

from mlfactory.connections import Connection, connection_named
from mlfactory.ingest.request import Request
from mlfactory.product.errors import ContractError
from mlfactory.product.services import HttpSource
from mlfactory.settings import without_login

_OF_AIRFLOW = frozenset(
    {
        "allow_redirects",
        "cert",
        "check_response",
        "max_redirects",
        "params",
        "proxies",
        "proxy",
        "stream",
        "timeout",
        "trust_env",
        "verify",
    }
)
"""Keys of `extra` that Airflow's own hook takes for its client, and not for headers."""

_PORTS = {"http": 80, "https": 443}

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_VALUE = re.compile(r"([\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?)?", re.ASCII)

Origin = tuple[str, str, int | None]


def _as_it_is(text: str) -> str:
    return text


@dataclass(frozen=True)
class Api:
    """What is asked, and how.

    Attributes:
        url: of the first page, with the partition's values in it.
        headers: that are sent with each request, wherever it leads.
        secret_headers, secret_parameters: that are sent to the API's own host only.
        seconds: how long an answer may stand still.
        hide: takes secrets out of a text.
    """

    url: str
    headers: Mapping[str, str]
    seconds: float
    secret_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    secret_parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    hide: Callable[[str], str] = field(default=_as_it_is, repr=False)

    @property
    def shown(self) -> str:
        """Return the address without what is behind its question mark, for messages."""
        return without_login(self.url).partition("#")[0]

    def is_own(self, url: str) -> bool:
        """Tell whether an address is of the API's own host, or of its safer door."""
        own, other = origin_of(self.url), origin_of(url)
        return other in (own, ("https", own[1], 443)) and (other[0] == "https" or own[0] == "http")

    def headers_for(self, url: str) -> dict[str, str]:
        """Return what is sent to an address."""
        return {**self.headers, **(self.secret_headers if self.is_own(url) else {})}

    def written(self, url: str) -> str:
        """Return an address as it is asked, with the secrets that the API wants in it."""
        if not self.secret_parameters or not self.is_own(url):
            return url
        return with_parameters(url, self.secret_parameters)


def api_of(request: Request, source: HttpSource) -> Api:
    """Return what is asked for a partition.

    Raises:
        UsageError: if its connection is not known.
        ContractError: if that is for another host.
    """
    headers = {"Accept-Encoding": "gzip", **source.headers}
    written, seconds = _filled(request, source.url), source.timeout.total_seconds()
    if source.connection is None:
        return Api(written, headers, seconds)
    connection = connection_named(source.connection, request.where)
    try:
        base = _base(connection)
        origin_of(base or "")
    except ValueError:
        raise ContractError(
            f"{request.where}: the host or port of the connection '{connection.name}' cannot be "
            "read",
            remedy="correct it, like https://host:8443",
        ) from None
    if base is None and written.startswith("/"):
        raise ContractError(
            f"{request.where}: the connection '{connection.name}' has no host",
            remedy="give it one, or write the whole address into the source's url",
        )
    url = _below(base, written) if base and written.startswith("/") else written
    if base is not None and origin_of(base) != origin_of(url):
        raise ContractError(
            f"{request.where}: the connection '{connection.name}' is for another host than "
            f"{without_login(url)}: its login is not sent there",
            remedy="correct the url, or name the connection of its host",
        )
    return Api(
        url,
        headers,
        seconds,
        _sendable(request, connection, _secret_headers(connection)),
        {key: str(value) for key, value in (connection.extra.get("params") or {}).items()},
        connection.hide,
    )


def origin_of(url: str) -> Origin:
    """Return scheme, host and port of an address."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


def with_parameters(url: str, parameters: Mapping[str, str | int]) -> str:
    """Return an address with parameters, in the place of those of the same names."""
    parts = urlsplit(url)
    kept = [
        one
        for one in parts.query.split("&")
        if one and one.partition("=")[0] not in {quote(name) for name in parameters}
    ]
    return urlunsplit(parts._replace(query="&".join([*kept, urlencode(parameters)])))


def joined(url: str, link: str) -> str:
    """Return where a link on a page leads, without the part that no server sees."""
    return urljoin(url, link).partition("#")[0]


def _filled(request: Request, url: str) -> str:
    partition = request.partition
    for name, value in (
        ("start", _moment(partition.start)),
        ("end", _moment(partition.end)),
        ("partition", partition.key),
    ):
        url = url.replace(f"{{{name}}}", quote(value, safe=""))
    return url


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _base(connection: Connection) -> str | None:
    """Return the address that a connection has, as Airflow's own hook makes it."""
    host = connection.host.rstrip("/")
    if not host:
        return None
    if "://" not in host:
        scheme = connection.schema if connection.schema in _PORTS else "http"
        scheme = "https" if connection.kind == "https" else scheme
        host = f"{scheme}://{host}"
    if connection.port and urlsplit(host).port is None:
        parts = urlsplit(host)
        host = urlunsplit(parts._replace(netloc=f"{parts.netloc}:{connection.port}"))
    return host


def _below(base: str, path: str) -> str:
    return base.rstrip("/") + path


def _sendable(request: Request, connection: Connection, headers: dict[str, str]) -> dict[str, str]:
    """Return headers that can be sent; the values of others are not told, as they are secret."""
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            of = "password" if name == "Authorization" and connection.password else "extra"
            raise ContractError(
                f"{request.where}: the {of} of the connection '{connection.name}' cannot be sent "
                f"as the header {name[:80]!r}: it may have ASCII letters, digits and signs only, "
                "and no line break or blank at its ends",
                remedy="correct the connection; a password goes into a basic login with any "
                "letters, where the connection has a login as well",
            )
    return headers


def _secret_headers(connection: Connection) -> dict[str, str]:
    """Return login and password, or a password alone as a token; and the headers in `extra`."""
    found = {}
    if connection.login:
        pair = f"{connection.login}:{connection.password}".encode()
        found["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    elif connection.password:
        found["Authorization"] = f"Bearer {connection.password}"
    given = {
        key: str(value)
        for key, value in connection.extra.items()
        if key not in _OF_AIRFLOW and not key.startswith("__")
    }
    return {**found, **given}
