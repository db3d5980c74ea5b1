"""Hashes of rows in another process."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.unit.lake.test_hashes import of


def test_a_process_with_another_seed_of_its_own_finds_the_same() -> None:
    code = (
        "import pyarrow as pa; from mlfactory.lake.hashes import row_hashes; "
        "print(row_hashes(pa.table({'a': ['x', None]}), ['a']).tolist())"
    )
    there = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert there.stdout.strip() == str(of(["x", None]))
