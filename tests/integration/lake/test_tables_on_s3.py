"""What holds of tables in a folder holds of tables in a bucket."""

from __future__ import annotations

from uuid import uuid4

import pytest
from tests.s3.server import S3Server
from tests.unit.lake.test_tables import (  # noqa: F401
    rows,
    test_a_column_of_several_types_is_refused,
    test_a_column_that_a_version_does_not_have_is_named,
    test_a_new_column_is_added_and_a_missing_one_is_null,
    test_a_table_that_does_not_exist_has_no_rows_and_no_version,
    test_a_table_that_never_had_a_row_has_its_columns,
    test_a_version_of_a_table_that_is_not_there_is_an_error,
    test_a_version_that_is_yet_to_come_is_an_error,
    test_a_write_tells_the_version_it_made,
    test_an_empty_frame_empties_its_partition,
    test_an_old_version_can_still_be_read,
    test_another_writer_that_is_faster_is_followed,
    test_keys_with_signs_that_paths_and_predicates_dislike,
    test_small_files_are_read_as_the_library_reads_large_ones,
    test_times_come_back_in_utc,
    test_writing_a_partition_again_replaces_it_and_no_other,
)

from mlfactory.lake import delta, s3
from mlfactory.lake.store import store_at
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import FactoryError, IntegrityError, UsageError


@pytest.fixture
def lake(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Lake:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return Lake("shop", f"s3://{s3_server.bucket}/{uuid4().hex}")


@pytest.mark.parametrize("before, after", [(1, 1), (3, 1), (1, 3)])
def test_a_table_removed_and_begun_anew_is_never_read_as_it_was(
    lake: Lake, before: int, after: int
) -> None:
    for number in range(before):
        lake.replace("sales", rows(number), "2013-01-01")
    known = dict(delta._opened)
    store_at(lake.root).delete_all("sales")
    assert lake.version("sales") is None
    for number in range(after):
        lake.replace("sales", rows(10 + number), "2013-01-01")
    # what this process remembered before another one removed and wrote
    delta._opened.update(known)
    assert lake.read("sales")["value"].to_list() == [10 + after - 1]


@pytest.mark.parametrize("large", [False, True])
def test_a_version_whose_files_were_removed_is_an_error(
    lake: Lake, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:
        monkeypatch.setattr(delta, "_SMALL", -1)
    first = lake.replace("sales", rows(1), "2013-01-01")
    store = store_at(lake.root)
    for name in store.list("sales"):
        if name.endswith(".parquet"):
            store.delete(name)
    lake.replace("sales", rows(2), "2013-01-01")
    with pytest.raises(IntegrityError, match=f"sales has no version {first}: its files were"):
        lake.read("sales", version=first)


def test_who_may_not_is_told_so_and_no_secret(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    s3._client.cache_clear()
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-that-is-wrong")
    try:
        with pytest.raises(UsageError, match="S3 refuses s3://") as caught:
            lake.replace("sales", rows(1), "2013-01-01")
    finally:
        s3._client.cache_clear()
    error: BaseException | None = caught.value
    while error is not None:
        assert "a-secret" not in str(error)
        error = error.__cause__
    assert isinstance(caught.value, FactoryError)
