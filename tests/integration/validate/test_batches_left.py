"""What a validation in batches leaves behind is what one in one frame leaves."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest
from tests.integration.validate.conftest import BETWEEN, IN_SET, Judged, file, html, quarantine

from mlfactory.lake import batches
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, IntegrityError
from mlfactory.validate import checking


def left() -> dict[str, Any]:
    """Return what a validation has left behind."""
    found = read_manifest("shop", "validate", "2026-01-01")
    return {
        "quarantine": quarantine().drop(columns=["landing", "_run"]).astype(str).to_dict("records"),
        # the address of a picture has the time
        "pages": {name: re.sub(r"\?d=\w+\.\w+", "", file(name)) for name in html()},
        "counts": found["counts"],
        "facts": found["facts"],
        "written": found["written"],
    }


@pytest.mark.parametrize("budget", [90, 1])
def test_a_partition_of_many_batches_leaves_what_one_batch_leaves(
    home, judged: Judged, monkeypatch: pytest.MonkeyPatch, budget: float
) -> None:
    rules = (IN_SET, BETWEEN, BETWEEN.replace("}", ", mostly: 0.5, severity: warning}"))
    change = {
        3: "3,2026-01-01T10:00:00Z,<pink>,3,4",
        8: "7,2026-01-01T10:00:00Z,red,-1,9",
        20: "20,2026-01-01T10:00:00Z,red,free,4",
        40: "7,2026-01-01T10:00:00Z,blue,40,",
        49: ",,blue,49,50",
    }
    found = []
    for size in (1_000_000, 7):
        monkeypatch.setattr(batches, "BATCH", size)
        try:
            judged(*rules, change=change, budget=budget)
        except ContractError as error:
            assert budget == 1, error
        found.append(left())
    whole, batched = found
    assert len(whole["quarantine"]) == 5
    assert batched == whole


def test_rows_that_go_between_the_first_look_and_the_last_are_told(
    home, judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH", 7)
    repeated = checking.keys_repeated

    def emptied(*given: Any) -> Any:
        Lake("shop").replace("raw_orders", pa.table({"id": pa.array([], pa.int64())}), "2026-01-01")
        return repeated(*given)

    monkeypatch.setattr(checking, "keys_repeated", emptied)
    with pytest.raises(IntegrityError, match=r"50 rows were landed, and .* holds 0"):
        judged(IN_SET, change={3: "3,2026-01-01T10:00:00Z,pink,3,4"})
    assert read_manifest("shop", "validate", "2026-01-01") == {}
