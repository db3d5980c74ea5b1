"""Rows in batches are the rows of the whole, in their order, however they are read and written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import QueryBuilder
from deltalake.exceptions import CommitFailedError

from mlfactory.lake import batches, delta, tables, writing
from mlfactory.lake.batches import Stream, rebatched
from mlfactory.lake.delta import find_table
from mlfactory.lake.store import store_at
from mlfactory.lake.tables import Lake
from mlfactory.lake.writing import Written
from mlfactory.product.errors import ContractError, IntegrityError, ServiceError

FIRST, SECOND = "2026-01-01", "2026-01-02"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake("shop", str(tmp_path))


@pytest.fixture
def seven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch have seven rows, and a file three batches or so."""
    monkeypatch.setattr(batches, "BATCH", 7)
    monkeypatch.setattr(writing, "_FILE", 2_000)


def rows(count: int, start: int = 0) -> pa.Table:
    numbers = np.arange(start, start + count)
    return pa.table(
        {
            "id": pa.array(numbers),
            "text": pa.array([f"r{n}" if n % 3 else None for n in numbers], pa.string()),
            "value": pa.array([n / 7 if n % 5 else None for n in numbers], pa.float64()),
            "at": pa.array(
                [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=int(n)) for n in numbers],
                pa.timestamp("us", "UTC"),
            ),
        }
    )


def stream(table: pa.Table, *cuts: int) -> Stream:
    """Return a stream of a table, cut where it is said."""
    ends = [*cuts, table.num_rows]
    pieces = [table.slice(a, b - a) for a, b in zip([0, *cuts], ends, strict=True)]
    return Stream(table.schema, iter(pieces))


@pytest.mark.parametrize("seed", range(8))
def test_batches_are_full_and_have_the_rows_in_their_order(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(seed)
    monkeypatch.setattr(batches, "BATCH", int(random.integers(1, 30)))
    table = rows(int(random.integers(1, 100)))
    cuts = sorted(random.integers(0, table.num_rows + 1, 5).tolist())
    found = list(rebatched(stream(table, *cuts)))
    assert pa.concat_tables(found).equals(table)
    assert {each.num_rows for each in found[:-1]} <= {batches.BATCH}
    assert 0 < found[-1].num_rows <= batches.BATCH


def test_wide_rows_make_smaller_batches_and_one_that_is_too_wide_comes_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batches, "BATCH_BYTES", 1_000)
    table = pa.table({"text": ["a" * 300] * 7 + ["b" * 5_000] + ["c"]})
    found = list(rebatched([table]))
    assert pa.concat_tables(found).equals(table)
    assert [each.num_rows for each in found[-2:]] == [1, 1]
    assert all(each.nbytes <= 1_000 for each in found if "b" * 5_000 not in str(each["text"][0]))


def test_no_rows_are_one_batch_with_the_columns_and_no_table_is_none() -> None:
    empty = rows(0)
    assert [each.schema for each in rebatched([empty, empty])] == [empty.schema]
    assert list(rebatched([])) == []


@pytest.mark.parametrize("count", [0, 1, 7, 8, 14, 60])
def test_a_stream_leaves_what_its_table_would(lake: Lake, seven: None, count: int) -> None:
    table = rows(count)
    given = stream(table, *range(0, count, 4))
    lake.replace("sales", rows(3, 1000), SECOND, "other")
    version = lake.replace("sales", given, FIRST, "run")
    assert given.rows == len(given) == count
    assert version == lake.version("sales")
    lake.replace("whole", table, FIRST, "run")
    found, whole = lake.arrow("sales", [FIRST]), lake.arrow("whole", [FIRST])
    assert found is not None and whole is not None
    assert found.select(whole.column_names).equals(whole)
    assert lake.read("sales", [SECOND])["id"].to_list() == [1000, 1001, 1002]


@pytest.mark.parametrize("small", [True, False])
def test_a_table_is_read_in_batches_as_it_is_read_whole(
    lake: Lake, seven: None, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.replace("sales", stream(rows(40), 20), SECOND)
    lake.replace("sales", rows(5, 50).append_column("more", pa.array(range(5))), FIRST)
    asked: tuple[dict[str, Any], ...] = (
        {},
        {"partitions": [SECOND]},
        {"partitions": [FIRST, "none"], "columns": ["more", "id"]},
        {"partitions": ["none"]},
        {"columns": ["partition"]},
        {"columns": ["id", "at"], "version": 1},
        {"columns": ["more"], "partitions": [SECOND]},
    )
    whole = [lake.arrow("sales", **each) for each in asked]
    if not small:
        monkeypatch.setattr(delta, "_SMALL", -1)
    for each, expected in zip(asked, whole, strict=True):
        found = list(lake.batches("sales", **each))
        assert all(batch.num_rows <= 7 for batch in found)
        assert pa.concat_tables(found).equals(expected), each


def test_what_is_not_there_is_told_in_batches_as_of_the_whole(lake: Lake) -> None:
    assert list(lake.batches("sales", [FIRST])) == []
    lake.replace("sales", rows(3), FIRST)
    assert [batch.num_rows for batch in lake.batches("sales", [])] == [0]
    with pytest.raises(ContractError, match="there is no column"):
        lake.batches("sales", columns=["nothing"])
    with pytest.raises(IntegrityError, match="sales has no version 9"):
        lake.batches("sales", version=9)


@pytest.mark.parametrize("small", [True, False])
def test_files_that_are_gone_or_damaged_are_told(
    lake: Lake, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not small:
        monkeypatch.setattr(delta, "_SMALL", -1)
    lake.replace("sales", rows(3), FIRST)
    store = store_at(lake.address("sales"))
    name = next(name for name in store.list() if name.endswith(".parquet"))
    store.write(name, b"PAR1 and nothing of it PAR1")
    with pytest.raises(IntegrityError, match="was damaged: a file of its rows"):
        list(lake.batches("sales"))
    store.delete(name)
    with pytest.raises(IntegrityError, match="sales has no version 1: its files were removed"):
        list(lake.batches("sales"))


def test_rows_that_are_replaced_while_they_are_read_come_as_they_were(
    lake: Lake, seven: None
) -> None:
    lake.replace("sales", rows(30), FIRST)
    found = lake.batches("sales", [FIRST])
    begun = next(found)
    lake.replace("sales", stream(rows(30, 500)), FIRST)
    assert pa.concat_tables([begun, *found])["id"].to_pylist() == list(range(30))
    assert lake.read("sales")["id"].to_list() == list(range(500, 530))


def test_the_log_tells_of_a_stream_what_the_library_tells(lake: Lake, seven: None) -> None:
    count = 20
    text = pa.array(["ä" * 20, *["b"] * (count - 2), None])
    table = rows(count)
    for name, values in {
        "ä": text,
        "empty": pa.array([""] * count),
        "day": pa.array([date(1969, 1, 1 + n) for n in range(count)]),
        "old": pa.array([datetime(1960, 1, 1, 1, 2, 3, 456789, UTC)] * count),
        "exact": pa.array([Decimal("1.50")] * count, pa.decimal128(9, 2)),
        "yes": pa.array([True, False] * 10),
        "small": pa.array(range(count), pa.int32()),
        "half": pa.array([1.1] * count, pa.float32()),
        "nan": pa.array([float("nan"), 1.0] * 10),
        "never": pa.nulls(count, pa.string()),
    }.items():
        table = table.append_column(name, values)
    lake.replace("streamed", stream(table), FIRST, "run")
    batches.BATCH = 1_000
    lake.replace("whole", table, FIRST, "run")
    told = {}
    for name in ("streamed", "whole"):
        table_of = find_table(lake.address(name))
        assert table_of is not None
        frame = pa.table(table_of.get_add_actions(flatten=True)).to_pandas()
        counted = frame.filter(regex="^null_count|num_records").sum()
        least, most = frame.filter(regex=r"^min\."), frame.filter(regex=r"^max\.")
        told[name] = pd.concat([counted, least.apply(min), most.apply(max)]).sort_index()
    assert told["streamed"].index.equals(told["whole"].index)
    for name, value in told["whole"].items():
        assert told["streamed"][name] == value or (
            pd.isna(value) and pd.isna(told["streamed"][name])
        )


def test_what_the_log_cannot_tell_is_read(lake: Lake, seven: None) -> None:
    table = pa.table(
        {
            "long": [f"{'x' * 100}{n:02}" for n in range(20)],
            "infinite": [float("inf"), *map(float, range(19))],
            "late": pa.array([2**62, *range(19)], pa.timestamp("us", "UTC")),
            "list": [[n] for n in range(20)],
        }
    ).append_column("id", pa.array(range(20)))
    lake.replace("sales", stream(table), FIRST)
    assert lake.newest("sales", "long") == {FIRST: f"{'x' * 100}19"}
    assert lake.newest("sales", "infinite") == {FIRST: float("inf")}
    assert lake.newest("sales", "id") == {FIRST: 19}


def test_marks_are_told_by_the_log_and_read_where_it_does_not(lake: Lake, seven: None) -> None:
    lake.replace("sales", stream(rows(30)), FIRST, "run of the first")
    mixed = rows(9).append_column("_run", pa.array(["a"] * 4 + ["b"] * 3 + [None] * 2))
    lake.replace("sales", mixed, SECOND)
    lake.replace("bare", rows(4), FIRST)
    assert lake.marks("sales", "_run", [FIRST]) == {FIRST: {"run of the first": 30}}
    assert lake.marks("sales", "_run")[SECOND] == {"a": 4, "b": 3, "": 2}
    assert lake.marks("bare", "_run") == {FIRST: {"": 4}}
    assert lake.marks("none", "_run") == {}


def test_a_stream_that_breaks_leaves_the_partition_as_it_was(lake: Lake, seven: None) -> None:
    lake.replace("sales", rows(3), FIRST)
    files = store_at(lake.address("sales")).list()

    def breaking() -> Iterator[pa.Table]:
        yield rows(200)
        raise ValueError("the reader broke")

    with pytest.raises(ValueError, match="the reader broke"):
        lake.replace("sales", Stream(rows(0).schema, breaking()), FIRST)
    assert lake.read("sales")["id"].to_list() == [0, 1, 2]
    assert store_at(lake.address("sales")).list() == files


def test_a_stream_brings_a_new_column_and_is_held_to_the_types_of_old_ones(
    lake: Lake, seven: None
) -> None:
    lake.replace("sales", rows(3), SECOND)
    lake.replace("sales", stream(rows(20).append_column("more", pa.array(range(20)))), FIRST)
    assert lake.columns("sales")["more"] == pa.int64()
    assert lake.read("sales", [SECOND])["more"].isna().all()
    fewer = rows(20).select(["id"])
    lake.replace("sales", stream(fewer), FIRST)
    assert lake.read("sales", [FIRST])["text"].isna().all()
    wrong = fewer.set_column(0, "id", pa.array(["x"] * 20))
    with pytest.raises(ContractError, match="column 'id': holds int64"):
        lake.replace("sales", stream(wrong), FIRST)
    with pytest.raises(ContractError, match="differ in case only"):
        lake.replace("sales", stream(fewer.rename_columns(["ID"])), FIRST)
    assert lake.read("sales", [FIRST])["id"].to_list() == list(range(20))


def test_a_stream_follows_a_writer_that_was_faster(
    lake: Lake, seven: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.replace("sales", rows(3), FIRST)
    commit, left = Written.commit, [2]

    def contended(self: Written, table: Any) -> None:
        if left[0]:
            left[0] -= 1
            # in the same partition, after the handle was opened
            Lake("shop", lake.root).replace("sales", rows(2, 900 + left[0]), FIRST, "other")
        commit(self, table)

    monkeypatch.setattr(Written, "commit", contended)
    lake.replace("sales", stream(rows(20)), FIRST, "mine")
    assert lake.marks("sales", "_run") == {FIRST: {"mine": 20}}


def test_of_two_that_fill_an_empty_partition_one_is_left(lake: Lake, seven: None) -> None:
    lake.replace("sales", rows(3), SECOND)
    address = lake.address("sales")
    schema = pa.schema([*rows(0).schema, ("partition", pa.string())])
    stale = find_table(address)
    assert stale is not None
    delta.forget_table(address)
    table = rows(20).append_column("partition", pa.repeat(FIRST, 20))
    files = writing.write_files(address, FIRST, schema, [table])
    lake.replace("sales", stream(rows(30, 500)), FIRST)
    with pytest.raises(CommitFailedError):
        files.commit(stale)
    assert len(lake.read("sales", [FIRST])) == 30


def test_a_column_that_another_writer_made_of_another_type_meanwhile_is_told(
    lake: Lake, seven: None
) -> None:
    lake.replace("sales", rows(3), SECOND)
    given = rows(20).append_column("more", pa.array(range(20)))

    def slow() -> Iterator[pa.Table]:
        yield given
        yield given
        lake.replace("sales", rows(1).append_column("more", pa.array(["text"])), SECOND)

    with pytest.raises(ServiceError, match="column 'more' became string while partition"):
        lake.replace("sales", Stream(given.schema, slow()), FIRST)
    assert lake.read("sales", [FIRST]).empty


def test_who_is_never_fast_enough_with_a_stream_is_told_to_try_again(
    lake: Lake, seven: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def contended(*_: Any) -> None:
        raise CommitFailedError("a concurrent transaction")

    monkeypatch.setattr(Written, "commit", contended)
    monkeypatch.setattr(tables, "_WAITS", (0.001, 0.001))
    with pytest.raises(ServiceError, match="other writers were always faster"):
        lake.replace("sales", stream(rows(20)), FIRST)


def test_a_partition_whose_key_paths_dislike_is_streamed(lake: Lake, seven: None) -> None:
    for key in ("2026-01-01T05:00", "a b", "50%", "x=y", "it's", "ä"):
        lake.replace("sales", rows(30), key)
        lake.replace("sales", stream(rows(20)), key)
        assert len(lake.read("sales", [key])) == 20, key
        assert sum(each.num_rows for each in lake.batches("sales", [key])) == 20


@pytest.mark.usefixtures("seven")
def test_other_readers_find_the_rows_of_a_stream_by_what_the_log_tells(lake: Lake) -> None:
    count = 20
    text = [f"{'x' * 61}\u00e9{n}" for n in range(count)]
    early = [datetime(900, 1, 1, tzinfo=UTC), *[datetime(2023, 1, 1, tzinfo=UTC)] * (count - 1)]
    table = pa.table(
        {
            "text": text,
            "last": ["\U0010ffff" * 20] * count,
            "number": [np.nan] * 7 + [1.0] * (count - 7),
            "at": pa.array(early, pa.timestamp("us", "UTC")),
        }
    )
    lake.replace("t", stream(table, 7, 14), FIRST)
    handle = find_table(lake.address("t"))
    assert handle is not None
    for one, found in (
        (pc.field("text") == text[3], 1),
        (pc.field("number") == 1.0, count - 7),
        (pc.field("at") == pa.scalar(early[0], table["at"].type), 1),
        (pc.field("at") == pa.scalar(early[1], table["at"].type), count - 1),
    ):
        assert handle.to_pyarrow_dataset().to_table(filter=one).num_rows == found
    read = QueryBuilder().register("t", handle).execute("select * from t where number = 1.0")
    assert pa.table(read.read_all()).num_rows == count - 7
    assert lake.newest("t", "text") == {FIRST: text[9]}
    assert lake.newest("t", "last") == {FIRST: table["last"][0].as_py()}


@pytest.mark.usefixtures("seven")
def test_a_column_that_only_later_rows_have_is_not_dropped_without_a_word(lake: Lake) -> None:
    table = rows(7)
    later = table.append_column("new", table["id"])
    with pytest.raises(ContractError, match=r"rows 8 and following .* the columns 'new',"):
        lake.replace("t", Stream(table.schema, iter([table, later])), FIRST)
    assert lake.version("t") in (None, 0) and not lake.partitions("t")
