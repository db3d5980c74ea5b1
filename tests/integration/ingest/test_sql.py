"""Databases as sources: a real PostgreSQL, and files of SQLite."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pytest
from tests.postgres import PASSWORD, Postgres, serving

from mlfactory import ingest
from mlfactory.ingest.readers import reader_of
from mlfactory.ingest.receiving import receive
from mlfactory.ingest.request import Request, request_for
from mlfactory.lake.manifests import read_manifest
from mlfactory.product.errors import ContractError, LateSourceError, ServiceError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.sources import SqlSource

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {{every: day, start: 2026-01-01}}
sources:
  orders:
    kind: sql
    {place}
    event_time: at
    key: [id]
    query: "{query}"
features: {{key: [id], event_time: at, numeric: [size]}}
label: {{column: bad, kind: binary}}
"""
QUERY = "SELECT * FROM orders WHERE at >= :start AND at < :end ORDER BY id"

Asked = Callable[..., Request]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with serving() as one:
        yield one


@pytest.fixture
def warehouse(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    """Give the server, which the environment knows as `warehouse`; without tables."""
    address = f"postgres://factory:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/postgres"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", address)
    server.run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    return server


@pytest.fixture
def asked(make_product: Callable[..., Product], home: Path) -> Asked:
    """Give a function that asks for the first day of a query's answer."""

    def ask(query: str = QUERY, place: str = "connection: warehouse", **change: Any) -> Request:
        product = make_product(SPEC.format(query=query, place=place))
        request = request_for(product, "orders", product.calendar.parse("2026-01-01"), ())
        if not change:
            return request
        source = request.source.model_copy(update=change)
        return Request(product, "orders", source, request.partition, request.needed)

    return ask


def test_the_bounds_are_of_utc_whatever_zone_the_server_and_its_columns_have(
    warehouse: Postgres, asked: Asked
) -> None:
    for kind, written in (("timestamptz", "+00"), ("timestamp", "")):
        warehouse.run(
            "DROP TABLE IF EXISTS orders",
            f"CREATE TABLE orders (id int, at {kind})",
            f"INSERT INTO orders VALUES (0, '2025-12-31 23:59:59{written}'), "
            f"(1, '2026-01-01 00:00:00{written}'), (2, '2026-01-01 23:59:59{written}'), "
            f"(3, '2026-01-02 00:00:00{written}')",
        )
        received = receive(asked())
        assert received.rows.column("id").to_pylist() == [1, 2], kind
        assert received.seen == 2, "the database gave the partition's rows and no other"
        assert received.rows.schema.field("at").type == pa.timestamp("us", "UTC")
        assert received.rows.column("at")[0].as_py() == datetime(2026, 1, 1, tzinfo=UTC)


def test_columns_have_the_types_of_the_database(warehouse: Postgres, asked: Asked) -> None:
    warehouse.run(
        "CREATE TABLE orders (id smallint, at timestamptz, big bigint, price numeric(12, 2), "
        "whole numeric(20), free numeric, weight real, paid boolean, due date, note varchar(9), "
        "told jsonb, tags int[], span interval, raw bytea, ref uuid, kind char(2))",
        "INSERT INTO orders VALUES (1, '2026-01-01', 9007199254740993, 12.50, "
        "12345678901234567890, 1.5, 2.5, true, '2026-02-01', 'café', '{\"a\": [1, null]}', "
        "'{1,2}', '1 day', '\\x0001', '00000000-0000-0000-0000-000000000001', 'x'), "
        "(2, '2026-01-01', NULL, 'NaN', NULL, 'NaN', NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
        "NULL, NULL, NULL)",
    )
    rows = receive(asked()).rows
    told = {field.name: field.type for field in rows.schema}
    assert told["id"] == told["big"] == pa.int64()
    assert told["price"] == pa.decimal128(12, 2) and told["whole"] == pa.decimal128(20, 0)
    assert told["free"] == told["weight"] == pa.float64()
    assert (told["paid"], told["due"], told["raw"]) == (pa.bool_(), pa.date32(), pa.binary())
    assert {told[name] for name in ("note", "told", "tags", "span", "ref")} == {pa.string()}
    first, second = rows.to_pylist()
    assert first["big"] == 9007199254740993 and first["price"] == Decimal("12.50")
    assert first["whole"] == Decimal("12345678901234567890") and first["due"] == date(2026, 2, 1)
    assert json.loads(first["told"]) == {"a": [1, None]} and json.loads(first["tags"]) == [1, 2]
    assert first["note"] == "café" and first["raw"] == b"\x00\x01"
    assert first["ref"] == "00000000-0000-0000-0000-000000000001"
    assert second["price"] is None and second["big"] is None


def test_a_long_number_that_no_float_holds_is_told_and_not_rounded(
    warehouse: Postgres, asked: Asked
) -> None:
    warehouse.run(
        "CREATE TABLE orders (id numeric, at timestamptz)",
        "INSERT INTO orders VALUES (9007199254740993, '2026-01-01')",
    )
    with pytest.raises(ContractError, match=r"'id'.*9007199254740993 has more digits") as raised:
        receive(asked())
    assert "cast it in sources.orders.query" in str(raised.value)


def test_a_large_answer_is_streamed_in_pieces_of_bounded_size(
    warehouse: Postgres, asked: Asked
) -> None:
    warehouse.run(
        "CREATE TABLE orders AS SELECT i AS id, timestamptz '2026-01-01 12:00+00' AS at, "
        "repeat('x', CASE WHEN i < 100 THEN 10 ELSE 20000 END) AS note "
        "FROM generate_series(1, 6000) i",
    )
    request = asked()
    reader = reader_of(request)
    (part,) = reader.parts()
    with reader.opened(part) as rows:
        begun = warehouse.run("SELECT query FROM pg_stat_activity WHERE query LIKE 'FETCH%'")
        sizes = [(table.num_rows, table.nbytes) for table in rows.tables]
    assert begun, "a cursor of the server's gives the rows"
    assert sum(count for count, _ in sizes) == 6000
    assert max(bytes_ for _, bytes_ in sizes[3:]) < 90e6 and len(sizes) > 4


def test_a_connection_that_is_lost_in_the_middle_is_a_service_that_is_away(
    warehouse: Postgres, asked: Asked
) -> None:
    warehouse.run(
        "CREATE TABLE orders AS SELECT i AS id, timestamptz '2026-01-01 12:00+00' AS at, "
        "repeat('x', 1000) AS note FROM generate_series(1, 100000) i",
    )
    reader = reader_of(asked())
    (part,) = reader.parts()
    with (
        pytest.raises(ServiceError, match="does not answer, or no longer: server closed"),
        reader.opened(part) as rows,
    ):
        tables = iter(rows.tables)
        next(tables)
        warehouse.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name <> '' OR query LIKE 'FETCH%' AND pid <> pg_backend_pid()"
        )
        for _ in tables:
            pass


def test_a_wrong_query_is_told_in_the_databases_words_and_without_the_password(
    warehouse: Postgres, asked: Asked, capfd: pytest.CaptureFixture[str]
) -> None:
    orders_of(warehouse)
    for query, words in (
        ("SELECT nope FROM orders WHERE at >= :start AND at < :end", 'column "nope" does not'),
        ("SELECT * FROM nobody WHERE :start < :end", 'relation "nobody" does not exist'),
        ("SELECT 1/0 AS id, at FROM orders WHERE at >= :start AND at < :end", "division by zero"),
    ):
        with pytest.raises(ContractError, match=words) as raised:
            receive(asked(query))
        assert PASSWORD not in str(raised.value) and quote(PASSWORD) not in str(raised.value)
    assert "Traceback" not in capfd.readouterr().err


def orders_of(server: Postgres) -> None:
    server.run(
        "CREATE TABLE orders (id int, at timestamptz)",
        "INSERT INTO orders VALUES (1, '2026-01-01 12:00+00')",
    )


def test_nothing_can_be_written(warehouse: Postgres, asked: Asked) -> None:
    orders_of(warehouse)
    warehouse.run(
        "CREATE FUNCTION emptied() RETURNS int LANGUAGE sql AS "
        "'DELETE FROM orders RETURNING 1 AS one'"
    )
    query = "SELECT emptied() AS id, at FROM orders WHERE at >= :start AND at < :end"
    with pytest.raises(ContractError, match="in a read-only transaction"):
        receive(asked(query))
    with pytest.raises(ContractError, match="refuses the query"):
        receive(asked("DELETE FROM orders WHERE at >= :start AND at < :end"))
    assert warehouse.run("SELECT count(*) FROM orders") == [(1,)]


def test_a_query_that_takes_too_long_is_ended_and_tried_again(
    warehouse: Postgres, asked: Asked
) -> None:
    orders_of(warehouse)
    query = "SELECT id, at, pg_sleep(9) AS s FROM orders WHERE at >= :start AND at < :end"
    with pytest.raises(ServiceError, match="gave no row in time: canceling statement") as raised:
        receive(asked(query, timeout=timedelta(seconds=0.2)))
    assert "sources.orders.timeout" in str(raised.value)


def test_columns_without_a_name_or_with_the_same_are_told(
    warehouse: Postgres, asked: Asked
) -> None:
    orders_of(warehouse)
    where = "FROM orders WHERE at >= :start AND at < :end"
    with pytest.raises(ContractError, match="column 3 of its query has no name"):
        receive(asked(f"SELECT id, at, 1 + 1 {where}"))
    with pytest.raises(ContractError, match="column 'id' more than once"):
        receive(asked(f"SELECT id, at, id {where}"))


def test_colons_percents_and_casts_of_a_query_are_what_they_are(
    warehouse: Postgres, asked: Asked
) -> None:
    orders_of(warehouse)
    query = (
        "SELECT id::int AS id, at, '100%' AS share, '12:30' AS clock FROM orders "
        "WHERE at >= :start AND at < :end AND '5%' LIKE '5\\\\%';"
    )
    (row,) = receive(asked(query)).rows.to_pylist()
    assert (row["share"], row["clock"]) == ("100%", "12:30")


def test_a_login_that_is_refused_is_not_tried_again(
    server: Postgres, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_WAREHOUSE",
        json.dumps(
            {
                "conn_type": "postgres",
                "host": "127.0.0.1",
                "port": server.port,
                "login": "factory",
                "password": "wrong-horse",
                "schema": "postgres",
            }
        ),
    )
    with pytest.raises(ContractError, match=r"does not let us in.*authentication") as raised:
        receive(asked())
    assert "wrong-horse" not in str(raised.value)


def test_a_server_that_is_away_is_tried_again(asked: Asked, home: Path) -> None:
    with pytest.raises(ServiceError, match=r"postgresql://127.0.0.1:1/x does not answer"):
        receive(asked(place="url: postgresql://who@127.0.0.1:1/x"))


def test_a_driver_that_is_not_installed_is_named(asked: Asked) -> None:
    with pytest.raises(ContractError, match="no driver for mysql") as raised:
        receive(asked(place="url: mysql+pymysql://who@127.0.0.1/x"))
    assert "install its Python package" in str(raised.value)
    with pytest.raises(ContractError, match="no driver for nosuch"):
        receive(asked(place="url: nosuch://who@127.0.0.1/x"))


def test_a_connection_nobody_knows_is_told_with_where_it_is_written(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_WAREHOUSE", raising=False)
    with pytest.raises(UsageError, match="no connection 'warehouse'") as raised:
        receive(asked())
    assert "AIRFLOW_CONN_WAREHOUSE" in str(raised.value)


def test_no_secret_is_in_the_lake_or_the_logs_of_a_landing(
    warehouse: Postgres, asked: Asked, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    orders_of(warehouse)
    request = asked()
    with caplog.at_level(logging.DEBUG):
        result = ingest.run(request.product, request.partition)
    assert result.rows == {"orders": 1}
    facts = read_manifest("shop", "ingest", "2026-01-01")["facts"]["sources"]["orders"]
    assert facts["database"] == f"postgresql://127.0.0.1:{warehouse.port}/postgres"
    assert len(facts["query_digest"]) == 64
    written = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    for secret in (PASSWORD, quote(PASSWORD), quote(PASSWORD, safe="")):
        assert secret not in caplog.text and secret not in repr(result)
        assert not any(secret.encode() in content for content in written)


def test_a_file_of_sqlite_is_read_and_never_written(asked: Asked, tmp_path: Path) -> None:
    place = "url: sqlite:///data/orders.db"
    with pytest.raises(LateSourceError, match=r"there is no database .*orders.db"):
        receive(asked(place=place))
    folder = tmp_path / "products" / "shop" / "data"
    folder.mkdir()
    with sqlite3.connect(folder / "orders.db") as file:
        file.execute("CREATE TABLE orders (id INTEGER, at TEXT, price REAL, note TEXT, odd)")
        rows = [
            (i, f"2026-01-01 {i % 24:02}:00:00", float(i), None if i < 90_000 else "late", i)
            for i in range(100_000)
        ]
        file.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", rows)
        file.execute("UPDATE orders SET odd = 'x' WHERE id = 99999")
        file.execute("INSERT INTO orders VALUES (-1, '2026-01-02 00:00:00', 1, '', 1)")
    received = receive(asked(place=place))
    assert received.seen == 100_000
    told = {field.name: field.type for field in received.rows.schema}
    # of the whole answer, whatever its first rows were
    assert told == {
        **{"id": pa.int64(), "at": pa.string(), "price": pa.float64()},
        **{"note": pa.string(), "odd": pa.string()},
    }
    assert received.rows.column("price")[5].as_py() == 5.0
    assert received.rows.column("odd")[-1].as_py() == "x"
    with pytest.raises(ContractError, match="readonly"):
        receive(asked("UPDATE orders SET at = :start WHERE at = :end", place))
    with pytest.raises(ContractError, match="no such table: nobody"):
        receive(asked("SELECT * FROM nobody WHERE :start < :end", place))


def test_a_register_is_the_whole_answer(make_product: Any, home: Path, tmp_path: Path) -> None:
    product = make_product(SPEC.format(place="url: 'sqlite:///o.db'", query=QUERY))
    with sqlite3.connect(product.folder / "o.db") as file:
        file.execute("CREATE TABLE shops (shop TEXT, city TEXT)")
        file.execute("INSERT INTO shops VALUES ('a', 'Ulm'), ('b', NULL)")
    source = SqlSource(kind="sql", url="sqlite:///o.db", query="SELECT * FROM shops")
    request = Request(product, "shops", source, product.calendar.parse("2026-01-01"), {})
    assert receive(request).rows.to_pylist() == [
        {"shop": "a", "city": "Ulm"},
        {"shop": "b", "city": None},
    ]


def test_a_time_that_python_cannot_hold_is_told(warehouse: Postgres, asked: Asked) -> None:
    for at in ("20000-01-01", "0044-03-15 BC"):
        warehouse.run(
            "DROP TABLE IF EXISTS orders",
            "CREATE TABLE orders (id int, at timestamptz, due timestamp)",
            f"INSERT INTO orders VALUES (1, '2026-01-01', '{at}')",
        )
        with pytest.raises(ContractError, match="cannot be taken: year"):
            receive(asked())


def test_an_answer_of_sqlite_that_flows_is_not_cut_and_one_that_stands_still_is(
    asked: Asked, tmp_path: Path
) -> None:
    file = tmp_path / "shop.db"
    sqlite3.connect(file).close()
    slow = "(WITH RECURSIVE w(k) AS (SELECT n UNION ALL SELECT k + 1 FROM w WHERE k < {}) "
    slow += "SELECT max(k) FROM w)"
    query = (
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 60) "
        "SELECT n AS id, '2026-01-01' AS at, " + slow + " AS size FROM c WHERE :start < :end"
    )
    place = f"url: 'sqlite:///{file}'"
    pace = timedelta(seconds=1)
    monkey = pytest.MonkeyPatch()
    asking = "mlfactory.ingest.databases.asking."
    monkey.setattr(f"{asking}_MOST_ROWS", 1)
    monkey.setattr(f"{asking}_STREAMED", {"stream_results": True, "max_row_buffer": 1})
    try:
        begun = datetime.now(UTC)
        rows = receive(asked(query.format(100_000), place, timeout=pace)).rows
        assert rows.num_rows == 60 and datetime.now(UTC) - begun > pace
    finally:
        monkey.undo()
    with pytest.raises(ServiceError, match="gave no row in time"):
        receive(asked(query.format(30_000_000), place, timeout=pace))
