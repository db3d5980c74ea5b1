from __future__ import annotations

from tests.unit.product.conftest import write
from tests.unit.product.test_mutated_specs import folder

__all__ = ["folder", "write"]
