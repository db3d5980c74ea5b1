from __future__ import annotations

from tests.unit.train.conftest import parcels, snapshot_product

__all__ = ["parcels", "snapshot_product"]
