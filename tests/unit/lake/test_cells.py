"""What a person wrote into a cell is read in the type of its column, or refused."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from mlfactory.lake.cells import cell


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        (None, pa.float64(), None),
        (" 17", pa.float64(), 17.0),
        ("-1.5e3", pa.float64(), -1500.0),
        ("17.0", pa.int64(), 17),
        ("9223372036854775807", pa.int64(), 2**63 - 1),
        (" as it is ", pa.string(), " as it is "),
        ("True", pa.bool_(), True),
        ("no", pa.bool_(), False),
        (
            "2026-01-01T10:00:00+02:00",
            pa.timestamp("us", "UTC"),
            datetime(2026, 1, 1, 8, tzinfo=UTC),
        ),
        ("2026-01-01 10:00", pa.timestamp("us"), datetime(2026, 1, 1, 10)),
        ("2026-01-01", pa.date32(), date(2026, 1, 1)),
    ],
)
def test_a_cell_has_the_type_of_its_column(text: str | None, kind: pa.DataType, found: Any) -> None:
    assert cell(text, kind) == found
    assert pa.array([cell(text, kind)], kind).type == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("free", pa.float64()),
        ("inf", pa.float64()),
        ("1e999", pa.float64()),
        ("1,5", pa.float64()),
        ("7.5", pa.int64()),
        ("9223372036854775808", pa.int64()),
        ("maybe", pa.bool_()),
        ("01/02/2026", pa.timestamp("us", "UTC")),
        ("now", pa.timestamp("us", "UTC")),
        ("soon", pa.date32()),
        ("[1]", pa.list_(pa.int64())),
    ],
)
def test_what_is_not_of_the_type_is_refused(text: str, kind: pa.DataType) -> None:
    with pytest.raises(ValueError, match=r"no|neither"):
        cell(text, kind)
