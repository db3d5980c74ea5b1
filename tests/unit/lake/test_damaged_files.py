"""A damaged file of a table is an error of the lake; what a store answers is not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mlfactory.lake import delta
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import IntegrityError

FIRST = "2026-01-01"

DAMAGE = {
    "its middle": lambda content: _turned(content, len(content) // 2, 400),
    "its begin": lambda content: _turned(content, 4, 200),
    "its end": lambda content: _turned(content, len(content) - 300, 200),
    "cut off": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
}


def _turned(content: bytes, start: int, count: int) -> bytes:
    turned = bytes(byte ^ 0xA5 for byte in content[start : start + count])
    return content[:start] + turned + content[start + count :]


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("small", [10, 2**26])
def test_a_damaged_file_is_an_error_of_the_lake_however_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, small: int
) -> None:
    lake = Lake("shop", str(tmp_path))
    rows = pd.DataFrame({"id": range(2_000), "text": [f"r{n}" for n in range(2_000)]})
    lake.replace("t", rows, FIRST)
    monkeypatch.setattr(delta, "_SMALL", small)
    for path in Path(lake.address("t")).glob("partition=*/*.parquet"):
        path.write_bytes(DAMAGE[how](path.read_bytes()))
    for read in (lambda: list(lake.batches("t")), lambda: lake.read("t")):
        with pytest.raises(IntegrityError, match="was damaged: a file of its rows"):
            read()


@pytest.mark.parametrize(
    "said", [OSError("Generic S3 error: HTTP error: connection reset"), OSError(5, "Input/output")]
)
def test_what_the_store_answers_is_no_damage(said: OSError) -> None:
    with pytest.raises(OSError, match=r"Generic S3|Input/output"), delta.intact("s3://lake/t"):
        raise said
