"""Which key a product's personal data is hashed with: noted once, so that no other one is taken.

Of two keys a value has two hashes, and what belongs together would no longer be found.
"""

from __future__ import annotations

import hashlib

from mlfactory.lake.catalog import PII_KEY
from mlfactory.lake.store import as_json, find_json, product_store
from mlfactory.product.errors import ContractError, UsageError
from mlfactory.settings import settings

_SHORTEST = 32
"""Characters of a key, below which one could be found by trying."""


def pii_key(product: str) -> bytes:
    """Return the key with which the product's personal data is hashed.

    Raises:
        UsageError: there is none, or it is short.
        ContractError: the product's data was hashed with another one.
    """
    given = settings().pii_key
    if given is None or len(given.get_secret_value()) < _SHORTEST:
        what = "is not set" if given is None else f"has fewer than {_SHORTEST} characters"
        raise UsageError(
            f"{product} hashes personal data, and MLFACTORY_PII_KEY {what}",
            remedy="make one (`openssl rand -hex 32`), keep a copy where you keep secrets, and set "
            "it for every part of the factory",
        )
    key = given.get_secret_value().encode()
    name = name_of(key)
    store = product_store(product)
    known = find_json(store, PII_KEY)
    if known is None:
        # of two that begin at once the first one's stays
        store.create(PII_KEY, as_json({"key": name}))
        known = find_json(store, PII_KEY)
    if known is None or known.get("key") != name:
        raise ContractError(
            f"{product}: its personal data was hashed with another MLFACTORY_PII_KEY: what "
            "belongs together would no longer be found",
            remedy="set the former key again; or change keys as docs/sources.md has it: reset the "
            "product, and land its partitions again",
        )
    return key


def name_of(key: bytes) -> str:
    """Return what tells a key from another one, and nothing else of it."""
    return hashlib.sha256(b"name of a key\0" + key).hexdigest()[:16]
