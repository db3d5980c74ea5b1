"""The note that something of a product is being removed: there from before the first file goes.

It keeps every stage from building on what is left, also where the removal is cut off. Of a removal
and a stage that begin at once at least one finds the other's note: each writes its own first, and
looks for the other's then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mlfactory.lake.at_work import Work, goes_on, moment, under_way
from mlfactory.lake.catalog import REMOVAL
from mlfactory.lake.processes import Process, described, from_json, this_process
from mlfactory.lake.store import as_json, find_json, product_store, write_json
from mlfactory.product.errors import ServiceError, UsageError

_erasing: ContextVar[str] = ContextVar("erasing", default="")
"""The erasure that this process is at: what it makes anew is not kept from it."""

_LONGEST = timedelta(hours=1)
"""No removal takes longer; so long it is believed where its process cannot be looked for."""


@dataclass(frozen=True)
class Removal:
    """A removal that began and did not end.

    Attributes:
        registry: whether what MLflow has of the product goes as well.
        source: of which what landed goes; empty where all goes.
        erasure: the id of the erasure of one subject that it is; empty where it is a reset.
        process: that removes.
        until: the moment until which it is believed where the process cannot be looked for.
    """

    registry: bool
    source: str
    process: Process
    until: str
    erasure: str = ""

    @property
    def goes_on(self) -> bool:
        """Tell whether it is under way; if not, it was cut off."""
        return goes_on(self.process, self.until)


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
    )


def begin_removal(
    product: str,
    *,
    registry: bool = False,
    source: str = "",
    erasure: str = "",
    force: bool = False,
) -> None:
    """Note that a product is being removed, before anything of it goes.

    Args:
        registry: whether what MLflow has of it goes as well.
        source: of which what landed goes; everything by default.
        erasure: of one subject, by its id, if it is none of the product.
        force: also while work on it is under way, which is refused at its end.

    Raises:
        UsageError: if work or another removal is under way, or another one was cut off; nothing is
            noted then that was not before.
    """
    store, begun = product_store(product), removal_under_way(product)
    # without a note first: one that is taken back would have turned work away for nothing
    refuse_in_the_way(product, source, erasure=erasure, force=force)
    note = _note(registry, source, erasure)
    if begun is not None:
        write_json(store, REMOVAL, note)
    elif not store.create(REMOVAL, as_json(note)):
        raise UsageError(
            f"{product}: another reset of it began at the same moment", remedy="let it end"
        )
    if force:
        return
    # whatever begins from now on finds the note, and whatever began before has left its own
    try:
        _refuse_beneath_work(product)
    except BaseException:
        if begun is None:
            store.delete(REMOVAL)
        else:
            write_json(store, REMOVAL, asdict(begun))
        raise


@contextmanager
def erasing(product: str, erasure: str) -> Iterator[Callable[[], None]]:
    """Note that a subject is being erased from a product, until that has ended well.

    Nothing else is done to the product meanwhile; the stages that this process runs are.

    Yields:
        What to call now and then: it tells anew that the erasure goes on.

    Raises:
        UsageError: see `begin_removal`.
    """
    begin_removal(product, erasure=erasure)
    store, before = product_store(product), _erasing.set(erasure)
    try:
        yield lambda: write_json(store, REMOVAL, _note(False, "", erasure))
    finally:
        _erasing.reset(before)
    store.delete(REMOVAL)


def refuse_in_the_way(
    product: str, source: str = "", *, erasure: str = "", force: bool = False
) -> None:
    """Make sure that nothing stands against a removal.

    Args:
        source: of which what landed is to go; everything by default.
        erasure: of one subject, by its id, if it is none of the product.
        force: do not care about work, nor whether another removal is still under way.

    Raises:
        UsageError: if work or another removal is under way, or one was cut off that this one would
            not go on with.
    """
    begun = removal_under_way(product)
    if begun is not None and begun.goes_on and not force:
        raise UsageError(
            f"{_what(product, begun)} already, by {described(begun.process)}",
            remedy="let it end; --force, if you know that it was killed",
        )
    # a reset of everything takes along what a removal that was cut off has left
    if (
        begun is not None
        and (source or erasure)
        and (begun.source, begun.erasure)
        != (
            source,
            erasure,
        )
    ):
        raise _cut_off(product, begun)
    if not force:
        _refuse_beneath_work(product)


def refuse_half_removed(product: str) -> None:
    """Make sure that nothing is built on what a removal has left, or is about to take.

    Raises:
        ServiceError: if one is under way: when it has ended, or was refused, work may begin.
        UsageError: if one was cut off.
    """
    begun = removal_under_way(product)
    if begun is None or (begun.erasure and begun.erasure == _erasing.get()):
        return
    if begun.goes_on:
        raise ServiceError(
            f"{_what(f'product {product}', begun)}, by {described(begun.process)}",
            remedy="run it again when that has ended",
        )
    raise _cut_off(product, begun)


def _note(registry: bool, source: str, erasure: str) -> dict[str, Any]:
    until = (datetime.now(UTC) + _LONGEST).isoformat(timespec="seconds")
    return asdict(Removal(registry, source, this_process(), until, erasure))


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


def _refuse_beneath_work(product: str) -> None:
    works = under_way(product)
    if works:
        raise _refused(product, works)


def _refused(product: str, works: Sequence[Work]) -> UsageError:
    """Return the error of a removal that would take away what some work stands on."""
    told = "; ".join(f"{work.what}, {described(work.process)}" for work in works[:5])
    return UsageError(
        f"{product} is being worked on: {told}",
        remedy="let it end; --force does it at once, and the work is refused at its end",
    )
