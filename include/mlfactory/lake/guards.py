"""How the columns of a source landed that hold personal data: hashed, or as they are.

Noted when a column is hashed for the first time. What landed in one way and is to come in another
would lie beside itself, plain in old partitions or never to be joined in new ones.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import unquote

from mlfactory.lake.catalog import guard_file, guards_folder
from mlfactory.lake.store import product_store
from mlfactory.product.errors import ContractError
from mlfactory.product.loader import Product


def settle_guards(product: Product, source: str, standing: Collection[str]) -> None:
    """Make sure that each column lands as it did before, and note those that are hashed.

    Args:
        standing: the columns that the source's table has.

    Raises:
        ContractError: if one landed in another way.
    """
    pii: Mapping[str, str] = product.spec.sources[source].pii
    store = product_store(product.name)
    folder = guards_folder(source)
    noted = {unquote(name.removeprefix(f"{folder}/")) for name in store.list(folder)}
    hashed = {name for name, guard in pii.items() if guard == "hash"}
    plain = sorted(name for name in pii if name in standing and name not in noted)
    left = sorted(name for name in noted - hashed if name in standing)
    if plain or left:
        how = (
            f"{plain} landed as it was, and sources.{source}.pii guards it now"
            if plain
            else f"{left} landed hashed, and sources.{source}.pii no longer has it so"
        )
        raise ContractError(
            f"{product.name}.{source}: the column {how}: both would lie beside each other",
            remedy=f"let the source start over: mlfactory reset {product.name} --source {source}, "
            "then land its partitions again; or write pii as it was",
        )
    for name in sorted(hashed - noted):
        store.create(guard_file(source, name), b"")
