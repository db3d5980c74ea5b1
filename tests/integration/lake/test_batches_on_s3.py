"""What holds of batches in a folder holds of batches in a bucket."""

from __future__ import annotations

from uuid import uuid4

import pytest
from tests.s3.server import S3Server
from tests.unit.lake.test_batches import (  # noqa: F401
    seven,
    test_a_column_that_another_writer_made_of_another_type_meanwhile_is_told,
    test_a_partition_whose_key_paths_dislike_is_streamed,
    test_a_stream_brings_a_new_column_and_is_held_to_the_types_of_old_ones,
    test_a_stream_follows_a_writer_that_was_faster,
    test_a_stream_leaves_what_its_table_would,
    test_a_stream_that_breaks_leaves_the_partition_as_it_was,
    test_a_table_is_read_in_batches_as_it_is_read_whole,
    test_files_that_are_gone_or_damaged_are_told,
    test_marks_are_told_by_the_log_and_read_where_it_does_not,
    test_of_two_that_fill_an_empty_partition_one_is_left,
    test_rows_that_are_replaced_while_they_are_read_come_as_they_were,
    test_the_log_tells_of_a_stream_what_the_library_tells,
    test_what_is_not_there_is_told_in_batches_as_of_the_whole,
    test_what_the_log_cannot_tell_is_read,
)

from mlfactory.lake.tables import Lake


@pytest.fixture
def lake(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Lake:
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return Lake("shop", f"s3://{s3_server.bucket}/{uuid4().hex}")
