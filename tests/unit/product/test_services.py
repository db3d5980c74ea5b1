"""Sources that are services: what `mlfactory check` says of them, and never says back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mlfactory.product.errors import SpecError
from mlfactory.product.loader import Product, schema_of
from mlfactory.product.services import _secret_parameter

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {{every: day, start: 2026-01-01}}
sources:
  orders: {source}
  others: {{kind: csv, path: a.csv, event_time: at}}
features: {{key: [id], event_time: at, numeric: [size]}}
label: {{column: bad, kind: binary}}
"""
SQL = 'query: "SELECT * FROM o WHERE at >= :start AND at < :end", event_time: at'
SECRET = "sesame42"

Make = Callable[..., Product]


@pytest.mark.parametrize(
    "source",
    [
        f"{{kind: sql, connection: warehouse, {SQL}}}",
        f"{{kind: sql, url: 'postgresql://who@db/shop?sslmode=require', {SQL}}}",
        "{kind: sql, connection: my.ware-house_2, query: \"SELECT a::text, '1:2', '\\\\:x'\"}",
        "{kind: http, url: 'https://a.b/c?d={partition}', event_time: at}",
        "{kind: http, url: '/c', connection: api, paging: {by: cursor, field: meta.next}}",
        "{kind: http, url: 'http://a/b', format: csv, delimiter: ';', paging: {by: page, size: 9}}",
    ],
)
def test_what_is_right_is_taken(make_product: Make, source: str) -> None:
    make_product(SPEC.format(source=source))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (f"{{kind: sql, {SQL}}}", "needs url, or connection"),
        (f"{{kind: sql, url: 'sqlite:///a.db', connection: w, {SQL}}}", "and so does url"),
        (f"{{kind: sql, url: orders.db, {SQL}}}", "expected an address like postgresql://"),
        (f"{{kind: sql, url: 'pg://u:{SECRET}@h/d', {SQL}}}", "a password has no place"),
        (f"{{kind: sql, url: 'pg://u:{SECRET}/x@h/d', {SQL}}}", "a password has no place"),
        (f"{{kind: sql, url: 'pg://h/d?password={SECRET}', {SQL}}}", "a password has no place"),
        (f"{{kind: sql, connection: 'pg://u:{SECRET}@h/d', {SQL}}}", "name of a connection"),
        (f"{{kind: sql, connection: [{SECRET}], {SQL}}}", "name of a connection"),
        ("{kind: sql, connection: w, query: SELECT 1, event_time: at}", "lacks :start and :end"),
        ('{kind: sql, connection: w, query: "SELECT :start"}', "without event_time is of none"),
        ('{kind: sql, connection: w, query: "SELECT :day"}', "':day' is no parameter"),
        ("{kind: http, url: 'ftp://a/b'}", "expected an address like https://"),
        ("{kind: http, url: /a}", "needs a host, or a connection"),
        (f"{{kind: http, url: 'https://u:{SECRET}@a/b'}}", "a secret has no place"),
        (f"{{kind: http, url: 'https://a/b?api_key={SECRET}'}}", "a secret has no place"),
        ("{kind: http, url: 'https://a/b?d={day}'}", "'{day}' is none of"),
        ("{kind: http, url: 'https://{partition}.a/b'}", "host must be the same"),
        (f"{{kind: http, url: 'https://a', headers: {{X-Api-Key: {SECRET}}}}}", "is a secret"),
        ("{kind: http, url: 'https://a', format: csv, rows: a}", "is of json"),
        ("{kind: http, url: 'https://a', format: csv, paging: {by: offset}}", "by link or page"),
        ("{kind: http, url: 'https://a', paging: {by: magic}}", "expected"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_without_the_secret(
    make_product: Make, source: str, words: str
) -> None:
    with pytest.raises(SpecError) as raised:
        make_product(SPEC.format(source=source))
    told = str(raised.value)
    assert words in told and "product.yaml:6" in told
    assert SECRET not in told


def test_the_schema_for_editors_has_both_kinds() -> None:
    assert {"SqlSource", "HttpSource", "CursorPaging"} <= set(schema_of()["$defs"])


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        *(
            (name, True)
            for name in (
                *("password", "dbPassword", "user_pass", "pwd", "token", "accessToken", "apitoken"),
                *("key", "api_key", "apiKey", "x-api-key", "appid", "sig", "client_secret"),
                *("X-Amz-Signature", "X-Amz-Credential", "APIKEY"),
            )
        ),
        *((name, False) for name in ("id", "passengers", "compass", "secretary", "bypass", "ids")),
    ],
)
def test_a_parameter_is_a_secret_by_its_words(name: str, is_secret: bool) -> None:
    assert _secret_parameter(f"https://host/x?{name}=7") is is_secret
