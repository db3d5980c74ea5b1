"""Delta tables: a partition is replaced whole, and nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError


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


def test_an_old_version_can_still_be_read(lake: Lake) -> None:
    first = lake.replace("sales", rows(1), "2013-01-01")
    lake.replace("sales", rows(2), "2013-01-01")
    assert lake.read("sales", version=first)["value"].to_list() == [1]


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
    assert lake.versions("sales", "returns") == {"sales": 0}
