from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from tests.unit.ingest.test_readers import SPEC, ids, request

from mlfactory.ingest.landing import land
from mlfactory.ingest.readers import jsonl
from mlfactory.ingest.receiving import Received, receive
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product

JSONL = "{kind: jsonl, path: orders.jsonl, event_time: at, key: [id]}"

Read = Callable[..., Received]


@pytest.fixture
def read(make_product: Callable[..., Product]) -> Read:
    """Give a function that reads the first day of lines, or of text, after writing them."""

    def written(lines: list[Any] | bytes, name: str = "orders.jsonl") -> Received:
        product = make_product(SPEC.format(source=JSONL.replace("orders.jsonl", name)))
        text = lines if isinstance(lines, bytes) else "\n".join(map(json.dumps, lines)).encode()
        (product.folder / name).write_bytes(text)
        return receive(request(product))

    return written


def order(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "at": "2026-01-01T00:00:00Z", "price": 5, **more}


def test_lines_give_the_rows_of_the_partition_in_their_types(read: Read) -> None:
    received = read([order(1, gift=True), {**order(2), "at": "2026-01-02"}, order(3, price=1.5)])
    assert ids(received) == ["1", "3"]
    assert received.rows["price"].to_pylist() == [5.0, 1.5]
    assert received.rows["gift"].to_pylist() == [True, None]


def test_lines_may_be_packed(read: Read) -> None:
    packed = gzip.compress(json.dumps(order(1)).encode())
    assert ids(read(packed, "orders.jsonl.gz")) == ["1"]


def test_nested_values_are_kept_as_parquets_are(read: Read) -> None:
    received = read([order(1, items=[{"sku": "a", "n": 1}]), order(2, items=[]), order(3)])
    rows = land(received.rows, {}).rows
    assert isinstance(rows, pa.Table)
    assert rows["items"].to_pylist() == [[{"sku": "a", "n": 1}], [], None]


def test_values_of_several_kinds_are_text_also_across_pieces(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [order(1, x=5, y=1, z=[1]), order(2, x="five", y=2.5, z={"a": 1}), order(3, x=[True])]
    whole = read(lines)
    monkeypatch.setattr(jsonl, "_PIECE", 40)
    parts = read(lines)
    for received in (whole, parts):
        assert received.rows["x"].to_pylist() == ["5", "five", "[true]"]
        assert received.rows["y"].to_pylist() == [1.0, 2.5, None]
        assert received.rows["z"].to_pylist() == ["[1]", '{"a": 1}', None]


def test_blank_lines_and_a_byte_order_mark_are_no_rows(read: Read) -> None:
    lines = b"\xef\xbb\xbf" + json.dumps(order(1)).encode() + b"\r\n\r\n  \n"
    assert ids(read(lines + json.dumps(order(2)).encode())) == ["1", "2"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{'id': 1}", "line 3: is no JSON object"),
        (b"[1, 2]", "line 3: is no JSON object: it is a list: [1, 2]"),
        (b"5", "it is a number"),
        (b'{"id": "\xff"}', "it is no UTF-8"),
        (b'{"id": 1', "line 3"),
        (b"[" * 100_000, "line 3"),
    ],
)
def test_a_line_that_is_no_object_is_told_with_its_number(
    read: Read, monkeypatch: pytest.MonkeyPatch, line: bytes, says: str
) -> None:
    good = json.dumps(order(1)).encode()
    monkeypatch.setattr(jsonl, "_PIECE", 20)
    with pytest.raises(ContractError) as caught:
        read(good + b"\n\n" + line + b"\n" + good)
    assert says in str(caught.value)
    assert "orders.jsonl" in str(caught.value)
    assert len(str(caught.value)) < 600


def test_a_file_that_is_cut_off_or_empty_is_an_error(read: Read) -> None:
    packed = gzip.compress(b"\n".join([json.dumps(order(n)).encode() for n in range(99)]))
    with pytest.raises(ContractError, match="cannot be read as jsonl"):
        read(packed[:-20], "orders.jsonl.gz")
    with pytest.raises(ContractError, match="cannot be read as jsonl"):
        read(b"no gzip", "orders.jsonl.gz")
    with pytest.raises(ContractError, match="has no rows"):
        read(b"")
