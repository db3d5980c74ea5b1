from __future__ import annotations

import os
import time
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable, write_deltalake

from mlfactory.lake import old_versions
from mlfactory.lake.delta import forget_table
from mlfactory.lake.store import FolderStore
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import IntegrityError

LATER_MS = (time.time() + 3600) * 1000


@pytest.fixture
def lake(home: Path) -> Lake:
    return Lake("shop")


def rows(number: int) -> pd.DataFrame:
    return pd.DataFrame({"value": [number, number + 1]})


def written_again(lake: Lake, times: int) -> str:
    """Write one partition again and again, and return the table's address."""
    for number in range(times):
        lake.replace("features", rows(number), "2024-01-01", f"run{number}")
    return lake.address("features")


def test_a_pinned_version_is_read_after_a_vacuum_and_others_are_gone(lake: Lake) -> None:
    address = written_again(lake, 6)
    before = lake.read("features", version=3)
    gone = old_versions.remove_files(address, {3}, 0)
    assert len(gone) == 4
    pd.testing.assert_frame_equal(lake.read("features", version=3), before)
    assert list(lake.read("features")["value"]) == [5, 6]
    with pytest.raises(IntegrityError, match="no version 2"):
        lake.read("features", version=2)


def test_a_vacuum_tells_what_it_would_remove_and_does_it_once(lake: Lake) -> None:
    address = written_again(lake, 4)
    told = old_versions.unneeded_files(address, {2}, 0)
    version = lake.version("features")
    assert len(told) == 2 and lake.version("features") == version
    assert old_versions.remove_files(address, {2}, 0) == told
    version = lake.version("features")
    assert old_versions.remove_files(address, {2}, 0) == []
    assert lake.version("features") == version


def test_nothing_that_is_young_goes(lake: Lake) -> None:
    address = written_again(lake, 4)
    assert old_versions.unneeded_files(address, (), 7) == []
    assert old_versions.unneeded_log(address, (), int(time.time() * 1000) - 7 * 86_400_000) == []


def test_a_file_of_a_killed_writer_goes_when_it_is_old(lake: Lake) -> None:
    folder = Path(written_again(lake, 2)) / "partition=2024-01-01"
    for name, days in (("part-young.parquet", 0), ("part-old.parquet", 30)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - days * 86_400,) * 2)
    gone = old_versions.remove_files(lake.address("features"), (), 7)
    assert [Path(name).name for name in gone] == ["part-old.parquet"]
    assert (folder / "part-young.parquet").exists()


def test_the_log_goes_up_to_what_is_pinned_and_no_further(lake: Lake) -> None:
    address = written_again(lake, 32)
    gone = old_versions.unneeded_log(address, {14}, int(LATER_MS))
    assert max(gone) < f"{old_versions.LOG}/{14:020d}.json"
    old_versions.remove_log(address, gone)
    forget_table(address)
    assert old_versions.unneeded_log(address, {14}, int(LATER_MS)) == []
    assert list(lake.read("features", version=14)["value"]) == [13, 14]
    assert list(lake.read("features")["value"]) == [31, 32]
    with pytest.raises(IntegrityError, match="no version 2"):
        lake.read("features", version=2)


def test_a_log_that_is_cut_off_in_removal_still_tells_all_that_is_kept(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = written_again(lake, 25)
    gone = old_versions.unneeded_log(address, {22}, int(LATER_MS))
    delete, left = FolderStore.delete, len(gone) // 2

    def cut_off(self: FolderStore, name: str) -> None:
        nonlocal left
        if not left:
            raise KeyboardInterrupt
        left -= 1
        delete(self, name)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(FolderStore, "delete", cut_off)
        old_versions.remove_log(address, gone[::-1])
    forget_table(address)
    assert list(lake.read("features", version=22)["value"]) == [21, 22]
    assert old_versions.unneeded_log(address, {22}, int(LATER_MS)) == sorted(gone)[len(gone) // 2 :]


def test_small_files_of_a_partition_become_one_and_rows_stay(lake: Lake) -> None:
    address = written_again(lake, 1)
    standing = DeltaTable(address)
    more = standing.to_pyarrow_table()
    for _ in range(3):
        write_deltalake(address, more, mode="append")
    forget_table(address)
    before = lake.read("features").sort_values("value", ignore_index=True)
    version = lake.version("features")
    assert old_versions.scattered(address) == {"2024-01-01": 4}
    assert old_versions.compact(address, ["2024-01-01"])
    assert old_versions.scattered(address) == {}
    after = lake.read("features").sort_values("value", ignore_index=True)
    pd.testing.assert_frame_equal(after, before)
    assert lake.newest("features", "_run") == {"2024-01-01": "run0"}
    assert len(lake.read("features", version=version)) == len(before)


def test_a_writer_takes_no_old_log_away(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    address = written_again(lake, 1)
    assert DeltaTable(address).metadata().configuration["delta.enableExpiredLogCleanup"] == "false"
