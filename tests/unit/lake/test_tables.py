"""Delta tables: a partition is replaced whole, and nothing else is touched."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from mlfactory.lake import delta, tables
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, FactoryError, IntegrityError, ServiceError
from mlfactory.settings import settings


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake("shop", str(tmp_path))


def rows(*values: float | None) -> pd.DataFrame:
    ids = [f"r{n}" for n in range(len(values))]
    return pd.DataFrame({"id": ids, "value": pd.Series(values, dtype="float64")})


def test_a_table_that_does_not_exist_has_no_rows_and_no_version(lake: Lake) -> None:
    assert lake.read("sales", columns=["id"]).columns.to_list() == ["id"]
    assert lake.version("sales") is None
    assert lake.partitions("sales") == []


def test_writing_a_partition_again_replaces_it_and_no_other(lake: Lake) -> None:
    lake.replace("sales", rows(1, 2, 3), "2013-01-01")
    lake.replace("sales", rows(4), "2013-02-01")
    lake.replace("sales", rows(5, 6), "2013-01-01")
    assert lake.read("sales")["value"].to_list() == [5, 6, 4]
    assert lake.read("sales", ["2013-02-01"])["value"].to_list() == [4]


def test_an_empty_frame_empties_its_partition(lake: Lake) -> None:
    lake.replace("sales", rows(1), "2013-01-01")
    lake.replace("sales", rows(2), "2013-02-01")
    lake.replace("sales", rows(), "2013-01-01")
    assert lake.partitions("sales") == ["2013-02-01"]


def test_a_table_that_never_had_a_row_has_its_columns(lake: Lake) -> None:
    lake.replace("sales", rows(), "2013-01-01")
    assert lake.read("sales").columns.to_list() == ["id", "value", "partition"]
    assert lake.read("sales", ["2013-01-01"], columns=["id"]).columns.to_list() == ["id"]
    assert lake.newest("sales", "value") == {}
    assert lake.partitions("sales") == []


def test_an_old_version_can_still_be_read(lake: Lake) -> None:
    first = lake.replace("sales", rows(1), "2013-01-01")
    lake.replace("sales", rows(2), "2013-01-01")
    assert lake.read("sales", version=first)["value"].to_list() == [1]


def test_a_write_tells_the_version_it_made(lake: Lake) -> None:
    made = [lake.replace("sales", rows(n), f"2013-0{n}-01") for n in (1, 2, 3)]
    assert made == [made[0], made[0] + 1, made[0] + 2]
    assert lake.version("sales") == made[-1]
    assert lake.read("sales", version=made[1])["value"].to_list() == [1, 2]


@pytest.mark.parametrize("version", [0, 99])
def test_a_version_of_a_table_that_is_not_there_is_an_error(lake: Lake, version: int) -> None:
    with pytest.raises(IntegrityError, match=f"sales has no version {version}: there is no such"):
        lake.read("sales", ["2013-01-01"], version=version)
    with pytest.raises(IntegrityError, match=f"sales has no version {version}"):
        lake.columns("sales", version=version)


def test_a_version_that_is_yet_to_come_is_an_error(lake: Lake) -> None:
    newest = lake.replace("sales", rows(1), "2013-01-01")
    with pytest.raises(IntegrityError, match=f"sales has no version 99: it is at {newest}"):
        lake.read("sales", version=99)


def test_a_version_whose_log_was_cleaned_up_is_an_error_and_the_newest_is_read(
    lake: Lake, tmp_path: Path
) -> None:
    first = lake.replace("sales", rows(1), "2013-01-01")
    for number in range(12):
        lake.replace("sales", rows(number), "2013-02-01")
    newest = lake.version("sales")
    log = tmp_path / "sales" / "_delta_log"
    oldest = min(int(file.name[:20]) for file in log.glob("*.checkpoint.parquet"))
    for file in log.glob("*.json"):
        if int(file.name[:20]) < oldest:
            file.unlink()
    with pytest.raises(IntegrityError, match=f"sales has no version {first}: its log no longer"):
        lake.read("sales", version=first)
    assert lake.read("sales", version=newest)["value"].to_list() == [1, 11]
    assert Lake("shop", str(tmp_path)).read("sales")["value"].to_list() == [1, 11]


def test_a_version_whose_files_were_removed_is_an_error(lake: Lake, tmp_path: Path) -> None:
    first = lake.replace("sales", rows(1), "2013-01-01")
    for file in tmp_path.rglob("*.parquet"):
        file.unlink()
    lake.replace("sales", rows(2), "2013-01-01")
    with pytest.raises(IntegrityError, match=f"sales has no version {first}: its files were"):
        lake.read("sales", version=first)
    assert lake.read("sales")["value"].to_list() == [2]


def test_a_column_that_a_version_does_not_have_is_named(lake: Lake) -> None:
    first = lake.replace("sales", rows(1), "2013-01-01")
    lake.replace("sales", rows(2).assign(note="x"), "2013-02-01")
    assert lake.read("sales", columns=["note"])["note"].to_list()[-1] == "x"
    assert list(lake.columns("sales", version=first)) == ["id", "value"]
    for partitions in (None, [], ["2013-01-01"]):
        with pytest.raises(ContractError, match=r"shop\.sales, version \d+: .* no column \['note'"):
            lake.read("sales", partitions, columns=["id", "note"], version=first)


def test_a_table_removed_and_begun_anew_is_never_read_as_it_was(lake: Lake, tmp_path: Path) -> None:
    for before, after in ((1, 1), (3, 1), (1, 3)):
        for number in range(before):
            lake.replace("sales", rows(number), "2013-01-01")
        assert lake.read("sales")["value"].to_list() == [before - 1]
        shutil.rmtree(tmp_path / "sales")
        assert lake.read("sales").empty
        assert lake.version("sales") is None
        for number in range(after):
            elsewhere(tmp_path, 10 + number)
        assert lake.read("sales")["value"].to_list() == [10 + after - 1]
        shutil.rmtree(tmp_path / "sales")


def elsewhere(folder: Path, value: int) -> None:
    """Write as another process would: without what this one remembers."""
    address = str(folder / "sales")
    known = delta._opened.pop(address, None)
    Lake("shop", str(folder)).replace("sales", rows(value), "2013-01-01")
    if known is not None:
        delta._opened[address] = known
    else:
        delta.forget_table(address)


def test_what_another_process_wrote_is_read(lake: Lake, tmp_path: Path) -> None:
    lake.replace("sales", rows(1), "2013-01-01")
    elsewhere(tmp_path, 2)
    assert lake.read("sales")["value"].to_list() == [2]
    elsewhere(tmp_path, 3)
    lake.replace("sales", rows(4), "2013-02-01")
    assert lake.read("sales")["value"].to_list() == [3, 4]


def test_a_table_is_opened_once_however_often_it_is_asked(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables were opened 34 times a partition."""
    lake.replace("sales", rows(1), "2013-01-01")
    delta.forget_table(lake.address("sales"))
    opened: list[str] = []

    class Counted(DeltaTable):
        def __init__(self, address: str, **options: Any) -> None:
            opened.append(address)
            super().__init__(address, **options)

    monkeypatch.setattr(delta, "DeltaTable", Counted)
    for value in (2, 3):
        assert lake.version("sales") is not None and lake.partitions("sales")
        lake.replace("sales", rows(value), "2013-02-01")
        assert lake.read("sales")["value"].to_list() == [1, value]
    assert opened == [lake.address("sales")]


def test_versions_are_kept_for_as_long_as_the_settings_say(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFACTORY_VERSIONS_KEPT_DAYS", "30")
    settings.cache_clear()
    lake.replace("sales", rows(1), "2013-01-01")
    settings.cache_clear()
    configuration = DeltaTable(str(tmp_path / "sales")).metadata().configuration
    assert configuration["delta.logRetentionDuration"] == "interval 30 days"
    assert configuration["delta.deletedFileRetentionDuration"] == "interval 30 days"


def test_a_table_keeps_its_versions_as_the_settings_say_now(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.replace("sales", rows(1), "2013-01-01")
    monkeypatch.setenv("MLFACTORY_VERSIONS_KEPT_DAYS", "30")
    settings.cache_clear()
    before = lake.version("sales")
    assert before is not None
    made = lake.replace("sales", rows(2), "2013-02-01")
    configuration = DeltaTable(str(tmp_path / "sales")).metadata().configuration
    assert configuration["delta.logRetentionDuration"] == "interval 30 days"
    assert configuration["delta.deletedFileRetentionDuration"] == "interval 30 days"
    assert (made, lake.version("sales")) == (before + 2, made)
    # and no commit is spent on it where nothing changed
    assert lake.replace("sales", rows(3), "2013-02-01") == made + 1
    assert lake.read("sales")["value"].to_list() == [1, 3]
    settings.cache_clear()


def test_a_damaged_table_is_named(lake: Lake, tmp_path: Path) -> None:
    lake.replace("sales", rows(1), "2013-01-01")
    for file in (tmp_path / "sales" / "_delta_log").glob("*.json"):
        file.write_text("{")
    with pytest.raises(IntegrityError, match=r"sales cannot be read"):
        lake.read("sales")


@pytest.mark.parametrize("key", ["2013-01-01T05:00", "it's"])
def test_keys_with_signs_that_paths_and_predicates_dislike(lake: Lake, key: str) -> None:
    for value in (1, 2):
        lake.replace("sales", rows(value), key)
        lake.replace("sales", rows(9), "2013-01-01T06:00")
    assert lake.read("sales", [key])["value"].to_list() == [2]
    assert sorted(lake.partitions("sales")) == sorted([key, "2013-01-01T06:00"])


def test_another_writer_that_is_faster_is_followed(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.replace("sales", rows(1), "2013-01-01")
    write, left = tables.write_deltalake, [2]

    def contended(*args: Any, **kwargs: Any) -> None:
        if left[0]:
            left[0] -= 1
            raise CommitFailedError("a concurrent transaction")
        write(*args, **kwargs)

    monkeypatch.setattr(tables, "write_deltalake", contended)
    lake.replace("sales", rows(2), "2013-02-01")
    assert lake.read("sales")["value"].to_list() == [1, 2]


def test_who_is_never_fast_enough_is_told_to_try_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def contended(*args: Any, **kwargs: Any) -> None:
        raise CommitFailedError("a concurrent transaction")

    monkeypatch.setattr(tables, "write_deltalake", contended)
    monkeypatch.setattr(tables, "_WAITS", (0.001, 0.001))
    with pytest.raises(ServiceError, match="other writers were always faster"):
        lake.replace("sales", rows(1), "2013-01-01")


def test_small_files_are_read_as_the_library_reads_large_ones(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = pd.to_datetime(["2013-01-01T12:00:00Z", None])
    frame = pd.DataFrame({"at": at, "text": ["ä", None], "yes": [True, None], "n": [1, 2]})
    lake.replace("sales", frame, "2013-01-01T05:00")
    lake.replace("sales", frame.assign(more=[0.5, None], n=[3, 4]), "2013-02-01T05:00")
    asked: tuple[dict[str, Any], ...] = (
        {},
        {"partitions": ["2013-02-01T05:00"]},
        {"partitions": ["2013-01-01T05:00", "none"], "columns": ["more", "n"]},
        {"partitions": ["none"]},
        {"columns": ["n", "partition", "at"]},
    )
    for each in asked:
        small = lake.arrow("sales", **each)
        monkeypatch.setattr(delta, "_SMALL", -1)
        large = lake.arrow("sales", **each)
        monkeypatch.undo()
        assert small is not None and large is not None
        assert small.schema.equals(large.schema)
        order = [("n", "ascending")] if "n" in small.column_names else []
        assert small.sort_by(order).equals(large.sort_by(order)), each


def test_a_filtered_frame_brings_no_index_along(lake: Lake) -> None:
    frame = rows(1, 2, 3)
    lake.replace("sales", frame[frame["value"] > 1], "2013-01-01")
    assert lake.read("sales").columns.to_list() == ["id", "value", "partition"]


def test_a_new_column_is_added_and_a_missing_one_is_null(lake: Lake) -> None:
    lake.replace("sales", rows(1), "2013-01-01")
    lake.replace("sales", rows(2).assign(note="x"), "2013-02-01")
    lake.replace("sales", rows(3).drop(columns="value"), "2013-03-01")
    frame = lake.read("sales")
    assert frame["note"].isna().to_list() == [True, False, True]
    assert frame["value"].isna().to_list() == [False, False, True]


def test_text_where_numbers_are_is_refused_by_column_and_nothing_is_written(lake: Lake) -> None:
    version = lake.replace("sales", rows(1), "2013-01-01")
    with pytest.raises(ContractError, match=r"table sales, column 'value': holds double"):
        lake.replace("sales", pd.DataFrame({"id": ["a"], "value": ["many"]}), "2013-01-01")
    assert lake.version("sales") == version


def test_a_column_of_several_types_is_refused(lake: Lake) -> None:
    with pytest.raises(ContractError, match="several types"):
        lake.replace("sales", pd.DataFrame({"value": [1, "two", 3.0]}), "2013-01-01")


def test_an_all_null_column_keeps_the_type_the_table_has(lake: Lake) -> None:
    lake.replace("sales", rows(1), "2013-01-01")
    lake.replace("sales", rows(None), "2013-02-01")
    assert lake.columns("sales")["value"] == pa.float64()


def test_times_come_back_in_utc(lake: Lake) -> None:
    local = pd.to_datetime(["2013-01-01T12:00:00-05:00"])
    lake.replace("sales", pd.DataFrame({"at": local}), "2013-01-01")
    back = lake.read("sales")["at"]
    assert str(back.dt.tz) == "UTC"
    assert back.iloc[0] == pd.Timestamp("2013-01-01T17:00:00Z")


def test_versions_name_only_the_tables_that_exist(lake: Lake) -> None:
    lake.replace("sales", rows(1), "2013-01-01")
    version = lake.version("sales")
    assert version is not None
    assert lake.versions("sales", "returns") == {"sales": version}


def test_the_newest_value_of_a_partition_is_told_without_its_rows(lake: Lake) -> None:
    for day in (1, 2):
        at = pd.to_datetime([f"2026-01-0{day}", f"2026-02-0{day}"], utc=True)
        lake.replace("raw_items", pd.DataFrame({"at": at, "x": 1}), f"2026-01-0{day}")
    assert lake.newest("raw_items", "at") == {
        f"2026-01-0{day}": datetime(2026, 2, day, tzinfo=UTC) for day in (1, 2)
    }
    assert lake.newest("raw_items", "gone") == {}
    assert lake.newest("nothing", "at") == {}


def test_the_newest_value_is_told_of_a_column_behind_many_others(lake: Lake) -> None:
    # the log of a table tells the largest value of its first 32 columns only
    wide = {f"c{number}": [number, number] for number in range(40)}
    for day in (1, 2):
        lake.replace("raw_items", pd.DataFrame({**wide, "at": [day, None]}), f"2026-01-0{day}")
    lake.replace("raw_items", pd.DataFrame({**wide, "at": [None, None]}), "2026-01-03")
    assert lake.newest("raw_items", "at") == {"2026-01-01": 1, "2026-01-02": 2}


def test_columns_that_differ_in_case_only_are_named_with_what_to_do(lake: Lake) -> None:
    with pytest.raises(ContractError, match="'price' and 'Price' differ in case only"):
        lake.replace("sales", pd.DataFrame({"price": [1], "Price": [2]}), "2013-01-01")
    assert lake.version("sales") is None
    lake.replace("sales", pd.DataFrame({"Id": [1]}), "2013-01-01")
    with pytest.raises(ContractError, match="'Id' and 'id' differ in case only") as caught:
        lake.replace("sales", pd.DataFrame({"id": [1]}), "2013-02-01")
    assert "write 'id' as 'Id'" in caught.value.remedy
    assert "mlfactory reset" in caught.value.remedy


def test_rows_that_the_table_does_not_take_are_told_with_their_table(lake: Lake) -> None:
    struct = pd.DataFrame({"where": [{"town": "Ulm", "Town": "Ulm"}]})
    with pytest.raises(FactoryError, match="sales"):
        lake.replace("sales", struct, "2013-01-01")
