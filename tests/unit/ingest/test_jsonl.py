from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.unit.ingest.test_readers import SPEC, ids, request

from mlfactory import ingest
from mlfactory.ingest import spool
from mlfactory.ingest.landing import land
from mlfactory.ingest.readers import jsonl
from mlfactory.ingest.receiving import Received, receive
from mlfactory.lake import batches
from mlfactory.lake.batches import whole
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
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


@pytest.mark.parametrize("meta", [{}, {"deep": {}}, [{}], {"deep": [{"x": {}}]}])
def test_an_object_without_a_key_is_landed_as_text_also_for_the_first_time(
    make_product: Callable[..., Product], home: Path, meta: Any
) -> None:
    product = make_product(SPEC.format(source=JSONL))
    first = product.calendar.parse("2026-01-01")
    file = product.folder / "orders.jsonl"
    file.write_text(json.dumps(order(1, meta=meta)))
    ingest.run(product, first)
    landed = Lake("shop").read("raw_orders", ["2026-01-01"])
    assert [json.loads(each) for each in landed["meta"]] == [meta]
    file.write_text(json.dumps(order(1, meta={"known": 5})))
    ingest.run(product, first)
    landed = Lake("shop").read("raw_orders", ["2026-01-01"])
    assert [json.loads(each) for each in landed["meta"]] == [{"known": 5}]


def test_pieces_whose_columns_alternate_are_not_held_all_at_once(
    read: Read, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setattr(batches, "BATCH_BYTES", 2_000)
    monkeypatch.setattr(jsonl, "_PIECE", 100)
    lines = [order(n, **{("odd" if n % 2 else "even"): "x" * 50}) for n in range(300)]
    held: list[int] = []
    add = spool.MixedSpool.add

    def watched(self: spool.MixedSpool, table: pa.Table) -> None:
        add(self, table)
        held.append(sum(each.nbytes for each in self._held))

    monkeypatch.setattr(spool.MixedSpool, "add", watched)
    received = read(lines)
    assert len(held) > 100 and max(held) <= 2_000
    rows = whole(received.rows)
    assert rows["id"].to_pylist() == list(range(300))
    assert rows["odd"].to_pylist()[:2] == [None, "x" * 50]


def test_long_whole_numbers_beside_fractions_are_text_in_a_file_and_in_several(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = 2**53 + 1
    lines = [order(1, x=long), order(2, x=0.5), order(3, x=7)]
    texts = [str(long), "0.5", "7"]
    assert read(lines).rows["x"].to_pylist() == texts
    monkeypatch.setattr(jsonl, "_PIECE", 40)
    assert read(lines).rows["x"].to_pylist() == texts
    assert read([order(1, x=2**53), order(2, x=0.5)]).rows["x"].to_pylist() == [2.0**53, 0.5]


@pytest.mark.parametrize("kept", [False, True])
def test_long_whole_numbers_in_one_file_and_fractions_in_another_are_text(
    make_product: Callable[..., Product], home: Path, kept: bool
) -> None:
    source = JSONL.replace("orders.jsonl", "'*.jsonl'")
    product = make_product(SPEC.format(source=source))
    (product.folder / "a.jsonl").write_text(json.dumps(order(1, x=-(2**60) - 1)))
    (product.folder / "b.jsonl").write_text(json.dumps(order(2, x=0.5)))
    received = receive(request(product), product_store("shop") if kept else None)
    assert received.rows["x"].to_pylist() == [str(-(2**60) - 1), "0.5"]


@pytest.mark.parametrize("kept", [False, True])
def test_an_empty_file_beside_others_hides_no_missing_column(
    make_product: Callable[..., Product], home: Path, kept: bool
) -> None:
    source = JSONL.replace("orders.jsonl", "'*.jsonl'").replace("}", ", pii: {mail: drop}}")
    product = make_product(SPEC.format(source=source))
    store = product_store("shop") if kept else None
    (product.folder / "a.jsonl").write_text("")
    (product.folder / "b.jsonl").write_text("\n")
    with pytest.raises(ContractError, match="has no rows"):
        receive(request(product), store)
    (product.folder / "b.jsonl").write_text(json.dumps({**order(2), "mail": "a@b"}))
    assert ids(receive(request(product), store)) == ["2"]
    (product.folder / "b.jsonl").write_text(json.dumps({"id": 2, "at": "2026-01-01", "mail": ""}))
    with pytest.raises(ContractError, match="lacks the column 'price'"):
        receive(request(product), store)


@pytest.mark.parametrize(
    ("more", "says"),
    [({"note": "\ud83d"}, r"half of a character: \ud83d"), ({"\0number": 1}, "holds a NUL")],
)
def test_what_json_writes_and_no_table_has_is_told_with_its_line(
    read: Read, more: dict[str, Any], says: str
) -> None:
    with pytest.raises(ContractError) as caught:
        read([order(1), order(2, **more)])
    assert says in str(caught.value) and "line 2" in str(caught.value)
    assert "encoding" not in str(caught.value)
