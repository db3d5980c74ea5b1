"""Subjects that were erased: what keeps them from coming in again, without saying who they are.

A subject is known by the values of some columns, and a value by its keyed hash: nobody without the
key can tell whose it is, or try who it may be. Of each hash 12 bits of another, quick one are kept,
so that of many rows few have to be hashed to be compared.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from mlfactory.lake.catalog import ERASED, erased_file
from mlfactory.lake.pii_key import name_of, pii_key
from mlfactory.lake.store import as_json, find_json, parsed, product_store, write_json
from mlfactory.product.errors import ContractError, IntegrityError

_DIGITS = 32


@dataclass(frozen=True)
class Form:
    """One way in which a value may stand in a row.

    Attributes:
        number: whether it is compared with numbers, without leading zeros, or with text.
        mark: of its quick hash, the 12 lowest bits.
        digest: its keyed hash.
    """

    number: bool
    mark: int
    digest: str


@dataclass(frozen=True)
class Sought:
    """A column that has one of the forms of a value in each row of a subject.

    Attributes:
        source: of which the column is; empty where it is of every table that has it.
        instead: the column that this one is called in its source, where other tables call it so.
    """

    column: str
    source: str
    forms: tuple[Form, ...]
    instead: str = ""


@dataclass(frozen=True)
class Erasure:
    """A subject that was, or is being, erased.

    Attributes:
        id: of what is sought; the same whenever the same subject is.
        key: the name of the key that the hashes were made with.
        sought: of a table all that apply to it must hold in a row of the subject.
        who: asked for it.
    """

    id: str
    key: str
    sought: tuple[Sought, ...]
    why: str
    who: str
    at: str = ""

    def sought_in(self, source: str | None) -> tuple[Sought, ...]:
        """Return what is sought in rows of a source, or (None) in tables that are of none."""
        found = [each for each in self.sought if each.source in ("", source)]
        named = {each.instead for each in found}
        return tuple(each for each in found if each.source or each.column not in named)


def digest_of(key: bytes, product: str, column: str, text: str) -> str:
    """Return the keyed hash of a value (HMAC-SHA256), another one in each product and column."""
    told = "\0".join(("erased", product, column, text)).encode()
    return hmac.new(key, told, hashlib.sha256).hexdigest()[:_DIGITS]


def salt_of(key: bytes) -> int:
    """Return the 64 bits by which the quick hashes of one key differ from those of another."""
    return int.from_bytes(hmac.new(key, b"marks of erased", hashlib.sha256).digest()[:8], "big")


def id_of(key: bytes, sought: Sequence[Sought]) -> str:
    """Return the id of an erasure, by what is sought."""
    told = sorted((each.source, each.column, *(f.digest for f in each.forms)) for each in sought)
    return hmac.new(key, repr(told).encode(), hashlib.sha256).hexdigest()[:16]


def note_erased(product: str, erasure: Erasure) -> Erasure:
    """Note that a subject may not come in from now on, and return what is noted of it."""
    store, file = product_store(product), erased_file(erasure.id)
    made = {**asdict(erasure), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    store.create(file, as_json(made))
    return erasure_of(parsed(store.read(file), store.address(file)), store.address(file))


def note_again(product: str, erasure: Erasure) -> None:
    """Note a subject with forms of its values that came up since."""
    write_json(product_store(product), erased_file(erasure.id), asdict(erasure))


def erasures(product: str) -> list[Erasure]:
    """Return all subjects that were erased from a product.

    Raises:
        IntegrityError: a note of one is damaged.
    """
    store = product_store(product)
    found = store.read_many(store.list(ERASED))
    return [
        erasure_of(parsed(content, store.address(name)), store.address(name))
        for name, content in found.items()
    ]


def erasures_and_key(product: str) -> tuple[list[Erasure], bytes]:
    """Return all subjects that were erased from a product, and the key to find them; or no key.

    Raises:
        UsageError: there is no key.
        ContractError: the product's personal data, or some of them, was hashed with another one.
        IntegrityError: a note of one is damaged.
    """
    found = erasures(product)
    if not found:
        return [], b""
    key = pii_key(product)
    others = [each.id for each in found if each.key != name_of(key)]
    if others:
        raise ContractError(
            f"{product}: {len(others)} subjects were erased with another MLFACTORY_PII_KEY, and "
            "would come in again: they cannot be known by this one",
            remedy="set the former key again; or erase them again with this one (mlfactory erase), "
            f"and then delete {product_store(product).address(erased_file(others[0]))}"
            + (" and the like" if len(others) > 1 else ""),
        )
    return found, key


def noted(product: str, name: str) -> Erasure | None:
    """Return what is noted of a subject, None if nothing is.

    Raises:
        IntegrityError: the note is damaged.
    """
    store, file = product_store(product), erased_file(name)
    found = find_json(store, file)
    return None if found is None else erasure_of(found, store.address(file))


def sought_of(told: Mapping[str, Any]) -> Sought:
    """Return what is sought, as JSON has it."""
    forms = tuple(Form(**form) for form in told["forms"])
    instead = str(told.get("instead", ""))
    return Sought(str(told["column"]), str(told["source"]), forms, instead)


def erasure_of(content: Mapping[str, Any], address: str) -> Erasure:
    """Return an erasure as JSON has it.

    Args:
        address: where it was read, for the error.

    Raises:
        IntegrityError: it is none.
    """
    try:
        sought = tuple(sought_of(each) for each in content["sought"])
        return Erasure(**{**content, "sought": sought})
    except (KeyError, TypeError) as error:
        raise IntegrityError(
            f"{address} cannot be read: {error!r}", remedy="put it back from a copy"
        ) from error
