from __future__ import annotations

import gzip
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from mlfactory.ingest import near
from mlfactory.ingest.readers import csv
from mlfactory.ingest.receiving import Received, receive
from mlfactory.ingest.request import Request, request_for
from mlfactory.ingest.within import rows_within
from mlfactory.product.errors import BuildError, ContractError, LateSourceError, ServiceError
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {{every: day, start: 2026-01-01}}
sources:
  orders: {source}
expect:
  orders:
    - {{type: expect_column_values_to_be_between, column: price, min_value: 0}}
features: {{key: [id], event_time: at, numeric: [price]}}
label: {{column: bad, kind: binary}}
"""
CSV = "{kind: csv, path: orders.csv, event_time: at, key: [id]}"
PARQUET = "{kind: parquet, path: orders.parquet, event_time: at, key: [id]}"
PYTHON = '{kind: python, function: "features:orders", event_time: at, key: [id]}'

ROWS = """id,at,price,note
1,2026-01-01T00:00:00Z,5,first
2,2026-01-01T23:59:59Z,6,NA
3,2026-01-02T00:00:00Z,7,next day
"""

Ask = Callable[..., Received]


@pytest.fixture
def ask(make_product: Callable[..., Product]) -> Callable[..., Received]:
    """Give a function that reads the first day of a source, after writing what it reads."""

    def read(
        source: str = CSV,
        text: str | bytes | None = None,
        *,
        file: str = "orders.csv",
        features: str = "def build(sources): ...",
        standing: tuple[str, ...] = (),
    ) -> Received:
        product = make_product(SPEC.format(source=source), features)
        if text is not None:
            content = text.encode() if isinstance(text, str) else text
            (product.folder / file).write_bytes(content)
        return receive(request(product, standing))

    return read


def request(product: Product, standing: tuple[str, ...] = ()) -> Request:
    return request_for(product, "orders", product.calendar.parse("2026-01-01"), standing)


def ids(received: Received) -> list[str]:
    return [str(value) for value in received.rows.column("id").to_pylist()]


def test_a_csv_gives_the_rows_of_the_partition_as_text(ask: Ask) -> None:
    received = ask(text=ROWS)
    assert ids(received) == ["1", "2"]
    assert received.rows.column("price").to_pylist() == ["5", "6"]
    assert received.rows.column("note").to_pylist() == ["first", "NA"]


def test_a_csv_may_be_zipped_or_gzipped(ask: Ask, tmp_path: Path) -> None:
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("anything.csv", ROWS)
    source = CSV.replace("orders.csv", "orders.csv.zip")
    assert ids(ask(source, packed.read_bytes(), file="orders.csv.zip")) == ["1", "2"]
    source = CSV.replace("orders.csv", "orders.csv.gz")
    assert ids(ask(source, gzip.compress(ROWS.encode()), file="orders.csv.gz")) == ["1", "2"]


def test_delimiter_encoding_byte_order_mark_and_quoted_newlines_are_understood(ask: Ask) -> None:
    source = CSV.replace("csv,", "csv, delimiter: ';', encoding: latin-1,", 1)
    text = 'id;at;price;note\n1;2026-01-01;5;"caf\u00e9\nau lait"\n'.encode("latin-1")
    assert ask(source, text).rows.column("note").to_pylist() == ["caf\u00e9\nau lait"]
    assert ids(ask(text=b"\xef\xbb\xbf" + ROWS.encode())) == ["1", "2"]


def test_a_column_without_a_name_is_given_one(ask: Ask) -> None:
    received = ask(text=",id,at,price\n0,1,2026-01-01,5\n")
    assert received.rows.column_names == ["column_0", "id", "at", "price"]


def test_a_path_may_hold_the_key_of_the_partition(ask: Ask) -> None:
    source = CSV.replace("path: orders.csv", "path: 'orders-{partition}.csv'")
    assert ids(ask(source, ROWS, file="orders-2026-01-01.csv")) == ["1", "2"]


def test_a_file_a_partition_without_rows_is_a_partition_without_events(ask: Ask) -> None:
    source = CSV.replace("path: orders.csv", "path: 'orders-{partition}.csv'")
    assert ids(ask(source, "id,at,price\n", file="orders-2026-01-01.csv")) == []


def test_rows_whose_time_cannot_be_read_are_received_with_an_example(ask: Ask) -> None:
    received = ask(text="id,at,price\n1,2026-01-01,5\n4,soon,8\n5,,9\n6,2026-01-01T12:00,9\n")
    assert ids(received) == ["1", "4", "5", "6"]
    assert (received.undated, received.example) == (2, "soon")


def test_a_row_without_a_time_may_be_of_the_partitions_between_its_neighbours(ask: Ask) -> None:
    of_first = "id,at,price\n0,?,5\n1,2026-01-01,5\n2,?,5\n3,2026-01-02,5\n"
    later = "4,?,5\n5,2026-01-03,5\n6,?,5\n7,2026-01-02,5\n8,?,5\n"
    # the first may be of any day until the first; 4, 6 and 8 lie after it, or at the end
    assert ids(ask(text=of_first + later)) == ["0", "1", "2"]
    # newest first: between the third and the day before the first lies the first as well
    text = "id,at,price\n1,2026-01-03,5\n2,?,5\n3,2025-12-31,5\n4,?,5\n"
    assert ids(ask(text=text)) == ["2"]


def test_a_few_rows_without_a_time_do_not_count_in_every_day_of_an_unsorted_file(ask: Ask) -> None:
    days = pd.date_range("2025-12-01", "2026-02-28", freq="D").strftime("%Y-%m-%d")
    lines = [f"{number},{day},5" for number, day in enumerate([*days] * 12)]
    random.Random(1).shuffle(lines)
    for place in (300, 600, 900):
        lines.insert(place, f"u{place},?,5")
    received = ask(text="\n".join(["id,at,price", *lines]) + "\n")
    assert len(received.rows) - received.undated == 12
    assert received.undated == 0


def test_a_row_without_a_time_counts_where_its_neighbour_is_in_an_unsorted_file(ask: Ask) -> None:
    days = ["2026-01-03", "2025-12-30", "2026-01-02", "2025-12-31"] * 10
    lines = [f"{number},{day},5" for number, day in enumerate(days)]
    lines[20:20] = ["a,2026-01-01,5", "u,?,5", "b,2025-12-01,5", "v,?,5"]
    assert ids(ask(text="\n".join(["id,at,price", *lines]) + "\n")) == ["a", "u"]


def test_in_an_unsorted_file_a_row_without_a_time_counts_in_one_partition(
    make_product: Callable[..., Product],
) -> None:
    calendar = make_product(SPEC.format(source=CSV)).calendar
    days = pd.date_range("2026-01-01", periods=20, freq="D").strftime("%Y-%m-%d")
    times = [*days] * 50
    random.Random(1).shuffle(times)
    for place in range(10, 1000, 50):
        times[place] = "?"
    table = pa.table({"at": times})
    counted = [
        rows_within([table], table.schema, "at", calendar.parse(day)).undated for day in days
    ]
    assert sum(counted) == 20


def test_a_stray_row_without_a_time_is_no_row_of_partitions_without_others(ask: Ask) -> None:
    before = "".join(f"{number},2025-12-31,5\n" for number in range(9))
    after = "".join(f"{number},2026-01-03,5\n" for number in range(9))
    gap = ask(text=f"id,at,price\n{before}u,,5\n{after}")
    footer = ask(text=f"id,at,price\n{before}Total,,45\n")
    for received in (gap, footer):
        assert (ids(received), received.undated, received.strays) == ([], 0, 1)
    # a partition with rows of its own counts it
    own = "".join(f"{number},2026-01-01,5\n" for number in range(9))
    assert ask(text=f"id,at,price\n{own}Total,,45\n").undated == 1


def test_a_day_in_another_format_is_missed_in_a_sorted_file_with_a_few_stragglers(ask: Ask) -> None:
    lines = [f"a{number},2025-12-31,5" for number in range(30)]
    lines += [f"u{number},01/01/2026,5" for number in range(30)]
    lines += [f"b{number},2026-01-02,5" for number in range(30)]
    lines[75:75] = ["late,2025-12-30,5"]
    received = ask(text="\n".join(["id,at,price", *lines]) + "\n")
    assert ids(received) == [f"u{number}" for number in range(30)]


def test_in_a_file_a_partition_every_row_is_of_the_partition(ask: Ask) -> None:
    source = CSV.replace("path: orders.csv", "path: 'orders-{partition}.csv'")
    text = "id,at,price\n1,2026-01-02,5\n2,?,5\n3,2026-01-02,5\n4,?,5\n"
    received = ask(source, text, file="orders-2026-01-01.csv")
    assert ids(received) == ["2", "4"]
    assert received.undated == 2


def test_neighbours_are_found_across_the_pieces_of_a_file(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv, "_PIECE", 64)
    rows = [f"a{i},2026-01-01T00:{i:02},5" for i in range(9)]
    rows += [f"u{i},?,5" for i in range(9)] + ["b,2026-01-03,5"]
    rows += [f"v{i},?,5" for i in range(9)] + ["c,2026-01-04,5", "w,?,5"]
    received = ask(text="\n".join(["id,at,price", *rows]) + "\n")
    assert ids(received) == [f"a{i}" for i in range(9)] + [f"u{i}" for i in range(9)]
    assert (received.undated, received.seen) == (9, 30)


def test_a_file_without_a_header_is_read_with_the_names_given(ask: Ask) -> None:
    source = CSV.replace("csv,", "csv, header: [id, at, price],", 1)
    received = ask(source, "1,2026-01-01,5\n2,2026-01-01,6\n")
    assert ids(received) == ["1", "2"]
    with pytest.raises(ContractError, match="Expected 3 columns, got 2"):
        ask(source, "1,2026-01-01\n")
    with pytest.raises(ContractError, match="has no rows"):
        ask(source, "")


def test_words_for_no_value_may_be_declared(ask: Ask) -> None:
    source = CSV.replace("csv,", "csv, missing: [NA, '-'],", 1)
    received = ask(source, "id,at,price,note\n1,2026-01-01,5,NA\n2,2026-01-01,6,-\n")
    assert received.rows.column("note").to_pylist() == [None, None]


def test_tabs_may_divide_columns(ask: Ask) -> None:
    source = CSV.replace("csv,", 'csv, delimiter: "\\t",', 1)
    assert ids(ask(source, "id\tat\tprice\n1\t2026-01-01\t5\n")) == ["1"]


def test_times_may_be_written_as_the_spec_declares(ask: Ask) -> None:
    source = CSV.replace("csv,", "csv, formats: {at: '%d/%m/%Y'},", 1)
    received = ask(source, "id,at,price\n1,01/01/2026,5\n2,02/01/2026,6\n")
    assert ids(received) == ["1"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "orders.csv is empty"),
        ("\n\n", "orders.csv is empty"),
        ("id,at,price\n", "has a header and no rows"),
        ("id,at,prize\n1,2026-01-01,5\n", "'price' (checked by expect_column_values_to_be_between)"
         " (did you mean 'prize'?)"),
        ("id,price\n1,5\n", "'at' (its event_time)"),
        ("at,price\n2026-01-01,5\n", "'id' (part of its key)"),
        ("id;at;price\n1;2026-01-01;5\n", "is its delimiter ';'?"),
        ("Id,at,price,id\n1,2026-01-01,5,1\n", "does not tell apart what differs only in case"),
        ("id,at,price,_landing\n1,2026-01-01,5,1\n", "the lake keeps that name"),
        ("id,at,price,id\n1,2026-01-01,5,1\n", "the column 'id' more than once"),
        ("id,at,price,_row\n1,2026-01-01,5,1\n", "the lake keeps that name"),
        ("id,at,price\n1,2026-01-01,5,6\n", "Row #2: Expected 3 columns, got 4: 1,2026-01-01,5,6"),
        ("id,at,price\n1,2026-01-01,5\n2,2026-01-01\n", "Row #3: Expected 3 columns, got 2"),
        (b"id,at,price\n1,2026-01-01,\xff\n", "encoding, for instance latin-1"),
        ("id,at,price\n1,01/02/2026,5\n", "the first is '01/02/2026'"),
        ("id,at,price\n1,01/02/2026,5\n", "sources.orders.formats: {at: '%d/%m/%Y'}"),
    ],
)  # fmt: skip
def test_a_broken_csv_is_an_error_that_names_place_and_cause(
    ask: Ask, text: str | bytes, says: str
) -> None:
    with pytest.raises(ContractError) as caught:
        ask(text=text)
    assert says in str(caught.value)
    assert "shop.orders, partition 2026-01-01: " in str(caught.value)
    assert "orders.csv" in str(caught.value)


def test_a_column_of_earlier_partitions_must_still_be_there(ask: Ask) -> None:
    with pytest.raises(ContractError, match="'colour' \\(landed in other partitions\\)") as caught:
        ask(text=ROWS, standing=("id", "colour", "_row", "_rescued"))
    assert "add the column 'colour' to the file (it may be empty), or let the" in str(caught.value)
    assert "mlfactory reset shop --source orders" in str(caught.value)
    assert "change product.yaml" not in str(caught.value)


def test_a_file_that_is_not_there_may_arrive_later(ask: Ask) -> None:
    with pytest.raises(LateSourceError, match=r"there is no file .*orders\.csv"):
        ask()


def test_a_package_that_is_not_installed_is_named(ask: Ask) -> None:
    with pytest.raises(ContractError, match="no package of this name is installed"):
        ask(CSV.replace("orders.csv", "package://no_such_package/orders.csv"))


def test_a_broken_archive_is_an_error(ask: Ask) -> None:
    with pytest.raises(ContractError, match="cannot be read as csv"):
        ask(CSV.replace("orders.csv", "orders.zip"), "no archive", file="orders.zip")


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_parquet_gives_the_rows_of_the_partition(
    ask: Ask, make_product: Callable[..., Product], zone: str | None
) -> None:
    product = make_product(SPEC.format(source=PARQUET))
    times = pd.to_datetime(["2026-01-01T00", "2026-01-01T23", "2026-01-02T00", None])
    frame = pd.DataFrame({"id": [1, 2, 3, 4], "at": times.tz_localize(zone), "price": 1.5})
    frame.to_parquet(product.folder / "orders.parquet")
    received = receive(request(product))
    assert ids(received) == ["1", "2"]
    assert received.undated == 0
    times = pd.to_datetime(["2026-01-01T00", None, "2026-01-02T00", None])
    frame.assign(at=times.tz_localize(zone)).to_parquet(product.folder / "orders.parquet")
    received = receive(request(product))
    assert ids(received) == ["1", "2"]
    assert received.undated == 1


def test_parquet_with_a_missing_time_reads_the_other_columns_near_the_partition_only(
    make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    product = make_product(SPEC.format(source=PARQUET))
    times = pd.Series(pd.date_range("2025-12-20", periods=24 * 30, freq="h", tz="UTC"))
    times[[100, 300, 650]] = None  # the second is of the day
    frame = pd.DataFrame({"id": range(len(times)), "at": times, "price": 1.5})
    frame.to_parquet(product.folder / "orders.parquet", row_group_size=24)
    scanned: list[int] = []

    def noted(*args: Any, **kwargs: Any) -> Any:
        for table in numbered(*args, **kwargs):
            if "price" in table.column_names:
                scanned.append(table.num_rows)
            yield table

    numbered = near._numbered
    monkeypatch.setattr(near, "_numbered", noted)
    received = receive(request(product))
    assert ids(received) == [str(number) for number in range(288, 312)]
    assert (received.undated, received.seen) == (1, len(times))
    assert sum(scanned) == 23 + 3


def test_parquet_may_be_a_folder_and_its_times_dates_or_text(
    make_product: Callable[..., Product],
) -> None:
    product = make_product(SPEC.format(source=PARQUET))
    folder = product.folder / "orders.parquet"
    folder.mkdir()
    frame = pd.DataFrame({"id": [1, 2], "at": ["2026-01-01", "2026-01-02"], "price": 1.5})
    frame.to_parquet(folder / "a.parquet")
    assert ids(receive(request(product))) == ["1"]
    frame.assign(at=pd.to_datetime(frame["at"]).dt.date).to_parquet(folder / "a.parquet")
    assert ids(receive(request(product))) == ["1"]


def test_a_parquet_file_that_is_none_is_an_error(ask: Ask) -> None:
    with pytest.raises(ContractError, match="cannot be read as parquet"):
        ask(PARQUET, "no parquet", file="orders.parquet")


def test_a_function_is_given_the_bounds_and_its_rows_are_held_to_them(ask: Ask) -> None:
    features = """
import pandas as pd
def build(sources): ...
def orders(start, end):
    return pd.DataFrame({"id": [1, 2], "at": [start, end], "price": [1, "x"]})
"""
    received = ask(PYTHON, features=features)
    assert ids(received) == ["1"]
    assert received.rows.column("price").to_pylist() == ["1"]


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        ("raise ValueError('no luck')", BuildError, "raised ValueError: no luck"),
        ("raise ConnectionError('refused')", ServiceError, "cannot reach its source"),
        ("raise OSError('no answer')", ServiceError, "cannot reach its source"),
        ("raise FileNotFoundError('later')", LateSourceError, "does not find its data"),
        ("raise PermissionError('not yours')", BuildError, "raised PermissionError"),
        ("return [1]", BuildError, "returned list"),
    ],
)
def test_a_function_that_fails_is_named_with_its_line(
    ask: Ask, body: str, error: type[Exception], says: str
) -> None:
    features = f"def build(sources): ...\ndef orders(start, end):\n    {body}\n"
    with pytest.raises(error, match=says) as caught:
        ask(PYTHON, features=features)
    if "raise" in body:
        assert "features.py:3" in str(caught.value)
