from __future__ import annotations

from tests.unit.product.conftest import write

__all__ = ["write"]
