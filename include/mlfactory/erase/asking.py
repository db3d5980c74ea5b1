"""Who is to be erased: what was asked for, as hashes; from here on nobody knows the value."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace

from mlfactory.ingest.subjects import sought
from mlfactory.lake.catalog import METRICS, QUARANTINE, RAW_HELPERS, REMOVAL, raw, source_of
from mlfactory.lake.erased import Erasure, Sought, erasure_of, id_of, noted, sought_of
from mlfactory.lake.old_versions import tables_of
from mlfactory.lake.pii_key import name_of, pii_key
from mlfactory.lake.removal_note import removal_under_way
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.lake.unsettled import kinds_of
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.product.mistakes import nearest

_SEALED = "sealed:"

_TELLING = 4
"""Signs of a value from which on it tells whose it is; a shorter one stands in any sentence."""


def asked_for(product: Product, keys: Sequence[str], *, why: str, who: str = "") -> Erasure:
    """Return what is to be erased.

    Args:
        keys: each `column=value`, sought in every table that has the column, or
            `source.column=value`, sought in what that source gave. Of a table all that apply to it
            must hold in a row. Or what `sealed` made of them.
        who: asked for it; it goes into the ledger.

    Raises:
        UsageError: a key is none, or names no column that is known; there is no reason; or there is
            no MLFACTORY_PII_KEY.
        ContractError: the product's data was hashed with another key.
    """
    if not keys or not why.strip():
        raise UsageError(
            f"{product.name}: who is to be erased, and why, must be said",
            remedy="like: --key email=… --why 'request 4711'",
        )
    return replace(named(product, keys, said=(why, who)), why=why.strip(), who=who)


def named(product: Product, keys: Sequence[str], *, said: Sequence[str] = ()) -> Erasure:
    """Return who is meant, before anybody says why.

    Args:
        keys: see `asked_for`.
        said: what will be in the ledger, where the value may not be.

    Raises:
        UsageError: see `asked_for`.
        ContractError: see `asked_for`.
    """
    if not keys:
        raise UsageError(
            f"{product.name}: nobody is named",
            remedy="like: --key email, which asks for the value",
        )
    known = _known(product)
    split = [_split(product, each, known) for each in keys if not is_sealed(each)]
    values = [value.strip() for *_, value in split if len(value.strip()) >= _TELLING]
    if any(value in text for value in values for text in said):
        raise UsageError(
            f"{product.name}: the reason stays in the ledger, and says who it is",
            remedy="name the request by its number, like: --why 'request 4711'",
        )
    key = pii_key(product.name)
    found = (
        *(one for each in split for one in _sought(product, *each, key)),
        *(one for each in keys if is_sealed(each) for one in _opened(product.name, each, key)),
    )
    return Erasure(id_of(key, found), name_of(key), found, why="", who="")


def is_sealed(key: str) -> bool:
    """Tell whether a key is what `sealed` made, which has no value that could be shown."""
    return key.startswith(_SEALED)


def sealed(product: str, erasure: Erasure) -> str:
    """Return what stands for the keys where others can read it: their hashes, in one word."""
    told = {"product": product, "key": erasure.key, "sought": asdict(erasure)["sought"]}
    content = zlib.compress(json.dumps(told).encode(), 9)
    return _SEALED + base64.urlsafe_b64encode(content).decode()


def _sought(product: Product, source: str, column: str, value: str, key: bytes) -> Iterator[Sought]:
    """Yield what is sought where a column has a value, also where labels' source calls it else."""
    yield sought(product.name, source, column, value, key)
    told = product.spec.label.source
    if not source and told is not None and told.key.get(column, column) != column:
        own = sought(product.name, told.source, told.key[column], value, key)
        yield replace(own, instead=column)


def _opened(product: str, word: str, key: bytes) -> tuple[Sought, ...]:
    """Return what was sealed.

    Raises:
        UsageError: it is not whole, or was sealed for another product or with another key.
    """
    again = f"seal it again: mlfactory erase {product} --key … --seal"
    try:
        told = json.loads(zlib.decompress(base64.urlsafe_b64decode(word.removeprefix(_SEALED))))
        meant, by = told["product"], told["key"]
        found = tuple(sought_of(each) for each in told["sought"])
    except (ValueError, zlib.error, KeyError, TypeError) as error:
        raise UsageError(f"{product}: what is sealed is not whole", remedy=again) from error
    if (meant, by) != (product, name_of(key)):
        what = f"for {meant}" if meant != product else "with another MLFACTORY_PII_KEY"
        raise UsageError(f"{product}: this was sealed {what}", remedy=again)
    return found


def cut_off(product: Product) -> Erasure:
    """Return the erasure that was cut off, which is to be gone on with, as it was asked for.

    Raises:
        UsageError: there is none; or nobody can tell of whom.
    """
    begun = removal_under_way(product.name)
    again = f"name the subject: mlfactory erase {product.name} --key COLUMN --why …"
    if begun is None or not begun.erasure:
        raise UsageError(f"{product.name}: no erasure was cut off", remedy=again)
    known = noted(product.name, begun.erasure)
    if not begun.asked:
        # as revisions left it that noted the subject later
        if known is None:
            raise UsageError(
                f"{product.name}: an erasure was cut off before anybody was noted", remedy=again
            )
        return known
    asked = erasure_of(begun.asked, product_store(product.name).address(REMOVAL))
    # with the spellings that came up before it was cut off
    return asked if known is None else replace(known, why=asked.why, who=asked.who)


def _split(
    product: Product, given: str, known: Mapping[str, frozenset[str]]
) -> tuple[str, str, str]:
    """Return source, column and value of a key; the value is in no message."""
    left, equals, value = given.partition("=")
    left = left.strip()
    if not equals or not left or not value.strip():
        raise UsageError(
            "a key must be column=value, or source.column=value", remedy="like: --key email=…"
        )
    source, dot, column = left.partition(".")
    qualified = bool(dot) and source in product.spec.sources
    if not qualified:
        source, column = "", left
    among = known.get(source, frozenset()) if qualified else frozenset().union(*known.values())
    if column not in among:
        dropped = [n for n, each in product.spec.sources.items() if each.pii.get(column) == "drop"]
        if dropped:
            raise UsageError(
                f"{product.name}: '{column}' of {dropped[0]} is dropped at the door, so nothing "
                "can be found by it",
                remedy="name a column that lands, such as the key of the source",
            )
        where = f"sources.{source}" if qualified else product.name
        raise UsageError(
            f"{where} has no column '{column}'{nearest(column, sorted(among))}",
            remedy=f"there are {sorted(among)}" if among else "nothing has landed yet",
        )
    return source, column, value


def _known(product: Product) -> dict[str, frozenset[str]]:
    """Return the columns of each source, and under '' those of the tables that are of none."""
    lake = Lake(product.name)
    found = {
        name: frozenset(
            {*kinds_of(lake.columns(raw(name))), *source.declared}
            - {*RAW_HELPERS}
            - {column for column, guard in source.pii.items() if guard == "drop"}
        )
        for name, source in product.spec.sources.items()
    }
    others = {
        column
        for table in tables_of(product.name)
        if source_of(table) is None and table not in (QUARANTINE, METRICS)
        for column in lake.columns(table)
        if not column.startswith("_")
    }
    return {**found, "": frozenset(others)}
