"""Sources that are services: a database, an API. What they say, and that they say no secret."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from mlfactory.product.base import Name, Strict
from mlfactory.product.quantities import Duration
from mlfactory.product.source import PER_PARTITION, BaseSource
from mlfactory.product.spelled import Decimal, Encoding, Thousands
from mlfactory.settings import without_login

PLACES = ("start", "end", "partition")
"""What stands in braces in the address of an API for what is asked for."""

_CONNECTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}", re.ASCII)
_SQL_ADDRESS = re.compile(r"[a-z][a-z0-9_]*(\+[a-z][a-z0-9_]*)?://.*", re.ASCII | re.DOTALL)
_SQL_PASSWORD = re.compile(r"://[^:@/]*:[^@]*@")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_TELLING = re.compile(
    r"(^|_)(pass|[a-z]*(password|passwd|passphrase|passcode|pwd|secret|token|credentials?"
    r"|signature))(_|$)"
    r"|(^|_)(api|access|auth|app|secret|private|subscription)_?(key|sig)$"
    r"|^(key|sig|(api|access|auth|app)_?id)$"
)
"""What tells that a parameter is a secret, in its words: `passengers` and `id` are none."""

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
_SECRET_HEADER = re.compile(r"authorization|cookie|key|token|secret|pass|signature", re.I)
_SENDABLE = re.compile(r"([\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?)?", re.ASCII)
_PLACE = re.compile(r"\{([^{}]*)\}")
_CONTROL = re.compile(r"[\x00-\x20\x7f]")
_REMEDY = "write it into a connection, and its name here as connection"


def _connection(value: Any) -> Any:
    if not isinstance(value, str) or not _CONNECTION.fullmatch(value):
        # it may well be an address with a password: it is not quoted
        shown = f"'{without_login(value)}'" if isinstance(value, str) else type(value).__name__
        raise ValueError(
            "expected the name of a connection, like 'warehouse': letters, digits, _ . and -; "
            f"got {shown[:80]}"
        )
    return value


ConnectionName = Annotated[str, BeforeValidator(_connection)]
"""What Airflow calls a connection id; outside of it, the end of AIRFLOW_CONN_…"""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > 2000:
        raise ValueError(f"expected an address, got '{type(value).__name__}'")
    return value


def _sql_address(value: str) -> str:
    if not _SQL_ADDRESS.fullmatch(value) or _CONTROL.search(value):
        shown = without_login(value)[:80]
        raise ValueError(
            f"expected an address like postgresql://login@host/database, got '{shown}'"
        )
    if _SQL_PASSWORD.search(value) or _secret_parameter(value):
        raise ValueError(
            f"a password has no place in product.yaml: {_REMEDY}; got '{without_login(value)}'"
        )
    return value


def _web_address(value: str) -> str:
    shown = without_login(value)[:80]
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"its host or port cannot be read, got '{shown}'") from None
    is_whole = parts.scheme in ("http", "https") and host
    if not (is_whole or value.startswith("/")) or value.startswith("//") or _CONTROL.search(value):
        raise ValueError(
            "expected an address like https://host/orders?day={partition}, or the path of one "
            f"whose host a connection has; spaces are written %20; got '{shown}'"
        )
    if parts.username is not None or parts.password is not None or _secret_parameter(value):
        raise ValueError(f"a secret has no place in product.yaml: {_REMEDY}; got '{shown}'")
    unknown = sorted(set(_PLACE.findall(value)) - set(PLACES))
    if unknown or set(_PLACE.sub("", value)) & set("{}"):
        told = f"'{{{unknown[0]}}}'" if unknown else "a brace that stands alone"
        raise ValueError(
            f"{told} is none of {{start}}, {{end}} and {{partition}}; other braces are written "
            f"%7B and %7D; got '{shown}'"
        )
    if "{" in parts.netloc:
        raise ValueError(f"the host must be the same for every partition; got '{shown}'")
    return value


def _secret_parameter(address: str) -> bool:
    query = address.partition("?")[2].partition("#")[0]
    return any(
        given and _TELLING.search("_".join(_WORD.findall(name)).lower())
        for name, given in parse_qsl(query)
    )


SqlAddress = Annotated[str, BeforeValidator(_text), AfterValidator(_sql_address)]
WebAddress = Annotated[str, BeforeValidator(_text), AfterValidator(_web_address)]

Where = Annotated[
    str,
    Field(pattern=r"^[^.\x00-\x1f]+(\.[^.\x00-\x1f]+)*$", max_length=200, examples=["data.orders"]),
]
"""Where something is in JSON: keys from the outside in, with dots between them."""


class SqlSource(BaseSource):
    """What a query gives, of any database that SQLAlchemy reaches."""

    kind: Literal["sql"]
    url: SqlAddress | None = Field(
        None,
        description="SQLAlchemy's address of the database, without a password; a file of SQLite "
        "is relative to the product's folder",
    )
    connection: ConnectionName | None = Field(
        None, description="Name of Airflow's connection to the database, instead of url"
    )
    query: str = Field(
        min_length=1,
        max_length=100_000,
        description="What is asked; `:start` and `:end` are the partition's bounds, in UTC",
    )
    timeout: Duration = Field(
        timedelta(hours=1),
        ge=timedelta(minutes=1),
        description="How long the database may be at work without giving a row",
    )


class _Paging(Strict):
    total: Where | None = Field(
        None, description="Where the answer says how many rows there are on all pages together"
    )


class LinkPaging(_Paging):
    """Each page links to the next."""

    by: Literal["link"]
    field: Where | None = Field(
        None, description="Where in the answer the link is; by default in its Link header"
    )


class CursorPaging(_Paging):
    """Each page says what to ask for to be given the next."""

    by: Literal["cursor"]
    field: Where = Field(description="Where in the answer the cursor of the next page is")
    parameter: Name = Field("cursor", description="What it is sent as")


class OffsetPaging(_Paging):
    """Pages are asked for by how many rows came before them."""

    by: Literal["offset"]
    size: int = Field(1000, ge=1, le=1_000_000, description="Rows of a page")
    parameter: Name = Field("offset", description="What the number of rows before is sent as")
    limit: Name = Field("limit", description="What the size is sent as")


class PagePaging(_Paging):
    """Pages are asked for by their number."""

    by: Literal["page"]
    first: int = Field(1, ge=0, description="Number of the first page")
    parameter: Name = Field("page", description="What the number is sent as")
    size: int | None = Field(None, ge=1, le=1_000_000, description="Rows of a page; the API's own")
    limit: Name = Field("per_page", description="What the size is sent as")


Paging = Annotated[LinkPaging | CursorPaging | OffsetPaging | PagePaging, Field(discriminator="by")]


class HttpSource(BaseSource):
    """What an API or a web server answers, in one piece or in pages."""

    kind: Literal["http"]
    url: WebAddress = Field(
        description="What is asked; `{start}`, `{end}` and `{partition}` are replaced; the path "
        "alone where a connection has the host"
    )
    connection: ConnectionName | None = Field(
        None, description="Name of Airflow's connection with the login or the headers"
    )
    format: Literal["json", "jsonl", "csv"] = "json"
    rows: Where | None = Field(
        None, description="json only: where the list of rows is; by default it is the whole answer"
    )
    headers: dict[str, str] = Field(
        default_factory=dict, description="What is sent with each request and is no secret"
    )
    paging: Paging | None = None
    timeout: Duration = Field(
        timedelta(minutes=1),
        ge=timedelta(minutes=1),
        description="How long an answer may stand still",
    )
    delimiter: str = Field(",", min_length=1, max_length=1, description="csv only")
    encoding: Encoding = Field("utf-8", description="csv only")
    missing: tuple[str, ...] = Field((), description="csv only: as for csv")
    decimal: Decimal = "."
    thousands: Thousands = None

    @property
    def per_partition(self) -> bool:
        """Tell whether each partition has an answer of its own, by its key."""
        return PER_PARTITION in self.url

    @property
    def is_of_one(self) -> bool:
        """Tell whether the answer is the asked partition's only."""
        return self.per_partition or ("{start}" in self.url and "{end}" in self.url)

    @field_validator("headers", mode="before")
    @classmethod
    def _no_secrets(cls, value: Any) -> Any:
        for name, given in value.items() if isinstance(value, dict) else ():
            if not _HEADER.fullmatch(str(name)) or not _SENDABLE.fullmatch(str(given)):
                raise ValueError(
                    f"'{str(name)[:80]}' cannot be sent as a header, got 'such a name'"
                )
            if _SECRET_HEADER.search(str(name)):
                raise ValueError(
                    f"the header '{name}' is a secret, which has no place in product.yaml: "
                    f"{_REMEDY}"
                )
        return value
