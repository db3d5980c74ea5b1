"""Hashes of what names the rows of a partition: by them a key is found again in later ones.

They are kept beside the tables so that the next partition need not read the rows of all before it.
A file is of one validation and never changed: what another one let through has another name. It is
no more than a memory: where it is absent the rows are read again, and any of them may be deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256

import numpy as np
import pyarrow as pa

from mlfactory.lake.catalog import key_hashes_file
from mlfactory.lake.hashes import Hashes, row_hashes
from mlfactory.lake.row_batches import accepted_batches
from mlfactory.lake.rows import Standing
from mlfactory.lake.store import product_store
from mlfactory.product.loader import Product

_KIND = np.dtype("<u8")


def key_hashes(product: Product, source: str, columns: Sequence[str], standing: Standing) -> Hashes:
    """Return the hashes of the values of some columns in a partition, each once, ascending.

    Args:
        standing: of a partition that was let through.

    Raises:
        ServiceError: if it is landed or validated anew at this moment.
        IntegrityError: if rows of it are gone.
    """
    store = product_store(product.name)
    about = sha256("\0".join(columns).encode()).hexdigest()[:12]
    name = key_hashes_file(source, about, standing.key, str(standing.validation["id"]))
    kept = store.find(name)
    if kept is not None and len(kept) % _KIND.itemsize == 0:
        return np.frombuffer(kept, _KIND).astype(np.uint64, copy=False)
    parts = [np.zeros(0, np.uint64)]
    for batch in accepted_batches(product, source, [standing], columns=columns):
        parts.append(np.unique(row_hashes(batch, columns)))
    found = np.unique(np.concatenate(parts))
    folder = name.rpartition("/")[0]
    for old in store.list(folder):
        with suppress(FileNotFoundError):
            store.delete(old)
    store.write(name, found.astype(_KIND).tobytes())
    return found


def rows_with(
    product: Product, source: str, columns: Sequence[str], standing: Standing, wanted: Hashes
) -> pa.Table:
    """Return the values of a partition's rows that have some hashes; see `key_hashes`."""
    found = [
        batch.filter(pa.array(np.isin(row_hashes(batch, columns), wanted)))
        for batch in accepted_batches(product, source, [standing], columns=columns)
    ]
    return pa.concat_tables(found)
