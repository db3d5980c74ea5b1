"""The note that something of a product is being removed: there from before the first file goes.

It keeps every stage from building on what is left, also where the removal is cut off. Of a removal
and a stage that begin at once at least one finds the other's note: each writes its own first, and
looks for the other's then.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mlfactory.lake.at_work import ERASING, Work, goes_on, moment, under_way
from mlfactory.lake.catalog import REMOVAL
from mlfactory.lake.processes import Process, described, from_json, this_process
from mlfactory.lake.store import as_json, find_json, product_store, write_json
from mlfactory.product.errors import FactoryError, ServiceError, UsageError

_LONGEST = timedelta(hours=1)
"""No reset takes longer; so long it is believed where its process cannot be looked for."""

_ERASURE_BELIEVED = timedelta(minutes=10)
"""An erasure, which may take hours, tells every minute that it goes on."""


@dataclass(frozen=True)
class Removal:
    """A removal that began and did not end.

    Attributes:
        registry: whether what MLflow has of the product goes as well.
        source: of which what landed goes; empty where all goes.
        erasure: the id of the erasure of one subject that it is; empty where it is a reset.
        process: that removes.
        until: the moment until which it is believed where the process cannot be looked for.
        asked: for, of an erasure: who is sought, as hashes, by whom, and why.
        deed: names the erasure as one thing that is done: the same when it is gone on with, and
            another one when the same subject is erased again.
    """

    registry: bool
    source: str
    process: Process
    until: str
    erasure: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)
    deed: str = ""

    @property
    def goes_on(self) -> bool:
        """Tell whether it is under way; if not, it was cut off."""
        return goes_on(self.process, self.until)


class UnderWay(UsageError):
    """What is in the way of a removal ends by itself, or is not believed any more at some time."""


def removal_under_way(product: str) -> Removal | None:
    """Return the removal of a product that began and did not end, None if there is none."""
    store = product_store(product)
    found = find_json(store, REMOVAL)
    if found is None:
        return None
    return Removal(
        registry=bool(found.get("registry")),
        source=str(found.get("source", "")),
        process=from_json(found.get("process"), store.address(REMOVAL)),
        until=moment(found.get("until"), store.address(REMOVAL)),
        erasure=str(found.get("erasure", "")),
        asked=dict(found.get("asked") or {}),
        deed=str(found.get("deed", "")),
    )


def begin_removal(
    product: str,
    *,
    registry: bool = False,
    source: str = "",
    erasure: str = "",
    asked: Mapping[str, Any] | None = None,
    force: bool = False,
) -> None:
    """Note that a product is being removed, before anything of it goes.

    Args:
        registry: whether what MLflow has of it goes as well.
        source: of which what landed goes; everything by default.
        erasure: of one subject, by its id, if it is none of the product.
        asked: for, of an erasure; see `Removal`.
        force: also while work on it is under way, which is refused at its end.

    Raises:
        UnderWay: if work or another removal is under way.
        UsageError: if another one was cut off. In either case nothing is noted that was not before.
    """
    store, begun = product_store(product), removal_under_way(product)
    # without a note first: one that is taken back would have turned work away for nothing
    refuse_in_the_way(product, source, erasure=erasure, force=force)
    note = _note(registry, source, erasure, asked or {}, begun)
    if begun is not None:
        write_json(store, REMOVAL, note)
    elif not store.create(REMOVAL, as_json(note)):
        raise UnderWay(
            f"{product}: another reset of it began at the same moment", remedy="let it end"
        )
    if force:
        return
    # whatever begins from now on finds the note, and whatever began before has left its own
    try:
        _refuse_beneath_work(product, erasure)
    except BaseException:
        if begun is None:
            store.delete(REMOVAL)
        else:
            write_json(store, REMOVAL, asdict(begun))
        raise


def tell_erasing(product: str) -> None:
    """Note anew that the erasure goes on which this process is at.

    Raises:
        UsageError: another process has taken it over, or took its note away.
    """
    begun = removal_under_way(product)
    if begun is None or not begun.erasure or begun.process != this_process():
        raise UsageError(
            f"{product}: the erasure that was under way was taken over, or its note taken away",
            remedy=f"let the other one end; if there is none: mlfactory erase {product} --resume",
        )
    note = _note(False, "", begun.erasure, begun.asked, begun)
    write_json(product_store(product), REMOVAL, note)


def refuse_in_the_way(
    product: str, source: str = "", *, erasure: str = "", force: bool = False
) -> None:
    """Make sure that nothing stands against a removal.

    Args:
        source: of which what landed is to go; everything by default.
        erasure: of one subject, by its id, if it is none of the product.
        force: do not care about work, nor whether another removal is still under way.

    Raises:
        UnderWay: if work or another removal is under way; what is a part of this very erasure was
            cut off with it.
        UsageError: if one was cut off that this one would not go on with.
    """
    begun = removal_under_way(product)
    if begun is not None and begun.goes_on and not force:
        raise UnderWay(
            f"{_what(product, begun)} already, by {described(begun.process)}",
            remedy="let it end; --force, if you know that it was killed",
        )
    # a reset of everything takes along what a removal that was cut off has left
    one_of_all = bool(source or erasure)
    if begun is not None and one_of_all and (begun.source, begun.erasure) != (source, erasure):
        raise _cut_off(product, begun)
    if not force:
        _refuse_beneath_work(product, erasure)


def refuse_half_removed(product: str) -> None:
    """Make sure that nothing is built on what a removal has left, or is about to take.

    Raises:
        ServiceError: if one is under way: when it has ended, or was refused, work may begin.
        UsageError: if one was cut off.
    """
    if (shut := shut_by(product)) is not None:
        raise shut


def shut_by(product: str) -> FactoryError | None:
    """Return why nothing may be built of a product: a removal goes on, or was cut off."""
    begun = removal_under_way(product)
    # what an erasure makes anew is not kept from it
    if begun is None or (begun.erasure and begun.erasure == ERASING.get()):
        return None
    if begun.goes_on:
        return ServiceError(
            f"{_what(f'product {product}', begun)}, by {described(begun.process)}",
            remedy="run it again when that has ended",
        )
    return _cut_off(product, begun)


def _note(
    registry: bool, source: str, erasure: str, asked: Mapping[str, Any], begun: Removal | None
) -> dict[str, Any]:
    believed = _ERASURE_BELIEVED if erasure else _LONGEST
    until = (datetime.now(UTC) + believed).isoformat(timespec="seconds")
    deed = begun.deed if begun is not None and begun.erasure == erasure else ""
    deed = (deed or secrets.token_hex(8)) if erasure else ""
    return asdict(Removal(registry, source, this_process(), until, erasure, asked, deed))


def _what(product: str, begun: Removal) -> str:
    return f"{product} is being {'rid of a subject' if begun.erasure else 'reset'}"


def _cut_off(product: str, begun: Removal) -> UsageError:
    if begun.erasure:
        return UsageError(
            f"a subject was erased from {product} in part: the erasure {begun.erasure} was cut off",
            remedy=f"mlfactory erase {product} --resume goes on with it",
        )
    more = f" --source {begun.source}" if begun.source else ""
    what = f"source {begun.source} of product {product}" if begun.source else f"product {product}"
    return UsageError(
        f"{what} is removed in part: a reset of it was cut off",
        remedy=f"mlfactory reset {product}{more} goes on with it",
    )


def _refuse_beneath_work(product: str, erasure: str) -> None:
    # who has the note of an erasure goes on with its parts too: theirs was killed with them
    works = [work for work in under_way(product) if not erasure or work.erasure != erasure]
    if works:
        raise _refused(product, works, erasure)


def _refused(product: str, works: Sequence[Work], erasure: str) -> UnderWay:
    """Return the error of a removal that would take away what some work stands on."""
    told = "; ".join(f"{work.what}, {described(work.process)}" for work in works[:5])
    return UnderWay(
        f"{product} is being worked on: {told}",
        remedy=f"let it end; mlfactory erase {product} … --force, if you know that it was killed"
        if erasure
        else "let it end; --force does it at once, and the work is refused at its end",
    )
