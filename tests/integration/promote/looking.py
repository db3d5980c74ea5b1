"""What a promotion left, as its tests look at it."""

from __future__ import annotations

from mlfactory.lake.catalog import training_file
from mlfactory.lake.store import product_store, read_json
from mlfactory.registry import versions


def aliases() -> dict[str, str | None]:
    return {
        name: versions.alias_version("shop", name)
        for name in ("champion", "previous", "challenger")
    }


def gates_of(training_id: str) -> dict[str, dict[str, object]]:
    table = read_json(product_store("shop"), training_file(training_id, "gates.json"))
    return {gate["name"]: gate for gate in table["gates"]}
