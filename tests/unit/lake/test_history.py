from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest

from mlfactory.lake.catalog import raw
from mlfactory.lake.difference import columns_between, differences
from mlfactory.lake.history import history
from mlfactory.lake.old_versions import compact
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import IntegrityError, UsageError

TABLE = "features"


@pytest.fixture
def lake(home: Path) -> Lake:
    return Lake("rain")


def rows(*ids: int, **cells: list[object]) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.int64()), **cells})


def test_each_version_tells_what_it_wrote_and_which_run(lake: Lake) -> None:
    lake.replace(TABLE, rows(1, 2), "2026-01-01", "first")
    lake.replace(TABLE, rows(3), "2026-02-01", "second")
    lake.replace(TABLE, rows(1), "2026-01-01", "third")
    found = history(lake, TABLE)
    assert [(each.version, each.what, each.rows, each.runs) for each in found] == [
        (3, "rows", {"2026-01-01": 1}, ("third",)),
        (2, "rows", {"2026-02-01": 1}, ("second",)),
        (1, "rows", {"2026-01-01": 2}, ("first",)),
        (0, "made", {}, ()),
    ]
    assert found[0].at >= found[-1].at


def test_a_partition_that_was_emptied_is_told_with_no_row(lake: Lake) -> None:
    lake.replace(TABLE, rows(1, 2), "2026-01-01", "first")
    lake.replace(TABLE, rows(), "2026-01-01", "second")
    assert history(lake, TABLE)[0].rows == {"2026-01-01": 0}


def test_landed_rows_name_their_landing(lake: Lake) -> None:
    landed = rows(1).add_column(0, "_landing", pa.array(["abc"]))
    lake.replace(raw("gauge"), landed, "2026-01-01")
    assert history(lake, raw("gauge"))[0].runs == ("abc",)


def test_fewer_files_are_no_other_rows(lake: Lake) -> None:
    from deltalake import write_deltalake

    lake.replace(TABLE, rows(1), "2026-01-01", "first")
    more = pa.table({"_run": ["first"], "id": [2], "partition": ["2026-01-01"]})
    write_deltalake(lake.address(TABLE), more, mode="append")
    assert compact(lake.address(TABLE), ["2026-01-01"])
    newest = history(lake, TABLE)[0]
    assert (newest.what, newest.rows) == ("fewer files", {})
    (found,) = differences(lake, TABLE, ["id"], newest.version - 1, newest.version)
    assert found.is_same and found.after == 2


def test_a_table_that_is_not_there_and_a_version_that_is_not_are_told(lake: Lake) -> None:
    with pytest.raises(UsageError, match="rain has no table 'features'"):
        history(lake, TABLE)
    with pytest.raises(UsageError, match="has no table"):
        next(differences(lake, TABLE, ["id"], 0, 1))
    lake.replace(TABLE, rows(1), "2026-01-01", "first")
    with pytest.raises(IntegrityError, match="has no version 7: it is at 1"):
        next(differences(lake, TABLE, ["id"], 1, 7))


def test_a_commit_that_was_damaged_is_named(lake: Lake) -> None:
    lake.replace(TABLE, rows(1), "2026-01-01", "first")
    commit = Path(lake.address(TABLE)) / "_delta_log" / f"{1:020d}.json"
    commit.write_text('{"add": ')
    with pytest.raises(IntegrityError, match=f"{1:020d}.json was damaged"):
        history(lake, TABLE)


def test_rows_that_came_went_and_changed_are_told_apart(lake: Lake) -> None:
    lake.replace(TABLE, rows(1, 2, 3, x=[1.0, None, 3.0], y=["a", "b", "c"]), "k", "first")
    lake.replace(TABLE, rows(4, 3, 2, x=[4.0, 3.0, 2.0], y=["d", "z", "b"]), "k", "second")
    (found,) = differences(lake, TABLE, ["id"], 1, 2)
    assert (found.before, found.after) == (3, 3)
    assert (found.added, found.removed, found.changed) == (1, 1, 2)
    assert found.columns == {"x": 1, "y": 1}
    told = {each.key["id"]: each.cells for each in found.examples}
    assert told == {2: {"x": (None, 2.0)}, 3: {"y": ("c", "z")}}


def test_only_partitions_that_were_written_between_are_looked_at(lake: Lake) -> None:
    for key in ("a", "b", "c"):
        lake.replace(TABLE, rows(1, x=[1]), key, "first")
    lake.replace(TABLE, rows(1, x=[1]), "b", "second")
    lake.replace(TABLE, rows(1, x=[2]), "c", "second")
    found = {each.partition: each for each in differences(lake, TABLE, ["id"], 3, 5)}
    assert list(found) == ["b", "c"]
    assert found["b"].is_same and found["c"].changed == 1
    (one,) = differences(lake, TABLE, ["id"], 3, 5, ["c"])
    assert one == found["c"]


def test_rows_of_one_key_are_told_apart_by_what_they_hold(lake: Lake) -> None:
    lake.replace(TABLE, rows(1, 1, 1, x=[5, 6, 7]), "k", "first")
    lake.replace(TABLE, rows(1, 1, 1, x=[7, 5, 6]), "k", "second")
    lake.replace(TABLE, rows(1, 1, x=[7, 5]), "k", "third")
    (shuffled,) = differences(lake, TABLE, ["id"], 1, 2)
    assert shuffled.is_same
    (fewer,) = differences(lake, TABLE, ["id"], 2, 3)
    assert (fewer.removed, fewer.added) == (1, 0)


def test_without_a_key_a_changed_row_is_one_that_went_and_one_that_came(lake: Lake) -> None:
    lake.replace(TABLE, rows(1, 2, x=[1, 2]), "k", "first")
    lake.replace(TABLE, rows(1, 2, x=[1, 9]), "k", "second")
    (found,) = differences(lake, TABLE, [], 1, 2)
    assert (found.added, found.removed, found.changed) == (1, 1, 0)


def test_lists_and_structs_are_compared_by_what_they_hold(lake: Lake) -> None:
    lake.replace(TABLE, rows(1, 2, x=[[1, 2], [3]]), "k", "first")
    lake.replace(TABLE, rows(1, 2, x=[[1, 2], [4]]), "k", "second")
    (found,) = differences(lake, TABLE, ["id"], 1, 2)
    assert found.columns == {"x": 1}


def test_columns_that_came_are_named_with_their_type(lake: Lake) -> None:
    lake.replace(TABLE, rows(1, x=[1]), "k", "first")
    lake.replace(TABLE, rows(1, x=[1], y=["a"]), "k", "second")
    found = columns_between(lake, TABLE, 1, 2)
    assert (found.new, found.gone, found.retyped) == ({"y": pa.string()}, {}, {})
    back = columns_between(lake, TABLE, 2, 1)
    assert (back.new, back.gone) == ({}, {"y": pa.string()})


@pytest.mark.parametrize("seed", range(5))
def test_any_edit_is_found_again_however_the_rows_lie(lake: Lake, seed: int) -> None:
    draw = random.Random(seed)
    before = {number: draw.choice([None, 1.5, 2.5]) for number in range(60)}
    gone = set(draw.sample(sorted(before), 7))
    edited = set(draw.sample(sorted(before.keys() - gone), 9))
    after = {
        number: (9.0 if number in edited else value)
        for number, value in before.items()
        if number not in gone
    } | {number: 0.0 for number in range(100, 104)}
    for cells in (before, after):
        lying = draw.sample(list(cells.items()), len(cells))
        ids, values = zip(*lying, strict=True)
        lake.replace(TABLE, rows(*ids, x=pa.array(values, pa.float64())), "k", "run")
    (found,) = differences(lake, TABLE, ["id"], 1, 2)
    assert (found.added, found.removed, found.changed) == (4, 7, 9)
    assert found.columns == {"x": 9}


@pytest.mark.parametrize("seed", range(10))
def test_one_more_row_of_a_key_changes_none_of_the_others(lake: Lake, seed: int) -> None:
    draw = random.Random(seed)
    cells = [draw.random() for _ in range(3)]
    lake.replace(TABLE, rows(1, 1, 1, x=cells), "k", "first")
    lake.replace(TABLE, rows(1, 1, 1, 1, x=[draw.random(), *cells]), "k", "second")
    (found,) = differences(lake, TABLE, ["id"], 1, 2)
    assert (found.added, found.removed, found.changed) == (1, 0, 0)


def test_lists_are_of_the_content_of_rows_with_one_key(lake: Lake) -> None:
    lists = [[1, 2], [3], None]
    lake.replace(TABLE, rows(1, 1, 1, x=lists), "k", "first")
    lake.replace(TABLE, rows(1, 1, 1, x=lists[::-1]), "k", "second")
    (found,) = differences(lake, TABLE, ["id"], 1, 2)
    assert found.is_same


def test_what_another_tool_deleted_is_told_as_rows(lake: Lake) -> None:
    from deltalake import DeltaTable

    lake.replace(TABLE, rows(1, 2, 3), "2026-01-01", "first")
    DeltaTable(lake.address(TABLE)).delete("id = 2")
    newest = history(lake, TABLE)[0]
    assert (newest.what, newest.rows) == ("rows", {"2026-01-01": 2})
