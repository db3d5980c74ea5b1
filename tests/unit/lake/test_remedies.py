"""What is damaged is told with the command that makes it anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from deltalake.exceptions import DeltaError

from mlfactory.lake import tables
from mlfactory.lake.store import FolderStore, read_json
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import DiskFullError, IntegrityError


@pytest.mark.parametrize(
    ("name", "command"),
    [
        (
            "shop/manifests/validate/2026-01-01.json",
            "mlfactory run shop 2026-01-01 --stage validate --downstream",
        ),
        ("shop/ledger/000001.json", "mlfactory reset"),
        # at which a reset would stop, too
        ("shop/at_work/0123.json", "delete it if nobody is at work"),
        ("_stack.json", "mlfactory take-lake"),
        ("_stack.taking.json", "delete it if no mlfactory take-lake is under way"),
        ("shop/removal.json", "delete it if nobody is at work"),
    ],
)
def test_a_damaged_file_names_the_command(tmp_path: Path, name: str, command: str) -> None:
    store = FolderStore(tmp_path)
    store.write(name, b"{")
    with pytest.raises(IntegrityError) as caught:
        read_json(store, name)
    assert command in caught.value.remedy


@pytest.mark.parametrize(
    ("table", "command"),
    [
        ("raw_orders", "mlfactory reset shop --source orders"),
        ("features", "mlfactory reset shop"),
    ],
)
def test_a_damaged_table_names_the_command(tmp_path: Path, table: str, command: str) -> None:
    log = tmp_path / "shop" / table / "_delta_log"
    log.mkdir(parents=True)
    (log / f"{0:020d}.json").write_text("{")
    with pytest.raises(IntegrityError) as caught:
        Lake("shop", str(tmp_path / "shop")).read(table)
    assert command in caught.value.remedy


def test_a_table_on_a_full_disk_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any, **kwargs: Any) -> None:
        # what deltalake raises, tried on a file system of 64 kB
        raise DeltaError(
            "Failed to parse parquet: External: Generic LocalFileSystem error: Unable to copy data "
            "to file: No space left on device (os error 28)"
        )

    monkeypatch.setattr(tables, "write_deltalake", full)
    with pytest.raises(DiskFullError, match="features"):
        Lake("shop", str(tmp_path)).replace("features", pd.DataFrame({"x": [1]}), "2026-01-01")
