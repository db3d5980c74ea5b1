"""An erasure as something that goes on: its note is told again until it ends, and goes last.

Nothing else is done to the product meanwhile; the stages that this process runs are a part of it.
Where the process is killed the note stays, with what was asked for, so that anybody can go on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace

from mlfactory.lake.at_work import ERASING, take_away
from mlfactory.lake.catalog import REMOVAL
from mlfactory.lake.erased import Erasure, note_erased
from mlfactory.lake.ledger import user
from mlfactory.lake.removal_note import begin_removal, removal_under_way, tell_erasing
from mlfactory.lake.restore_note import refuse_half_restored
from mlfactory.lake.store import product_store
from mlfactory.product.errors import FactoryError

_LOG = logging.getLogger(__name__)

_PAUSE = 60.0
"""Seconds from telling that it goes on to telling it again."""


@dataclass(frozen=True)
class Deed:
    """An erasure that is being done.

    Attributes:
        name: the same when it is gone on with, another one when the subject is erased again.
        asked: for: why, and by whom, this time.
        noted: of the subject: what keeps it out, with the reason of the first time.
        go_on: to be called between parts; tells that it goes on, and raises `UsageError` where
            somebody has taken the erasure over.
    """

    name: str
    asked: Erasure
    noted: Erasure
    go_on: Callable[[], None]


@contextmanager
def erasing(product: str, asked: Erasure, *, force: bool = False) -> Iterator[Deed]:
    """Note a subject, and that it is being erased from a product until that has ended well.

    Args:
        force: take for killed what is noted as under way; what lives is refused at its end.

    Raises:
        UsageError: see `begin_removal`; or another process took it over meanwhile.
        ServiceError: a restore is under way.
    """
    deed = _begun(product, replace(asked, who=asked.who or user()), force)
    before, ended = ERASING.set(asked.id), threading.Event()
    teller = threading.Thread(target=_go_on_telling, args=(product, ended), daemon=True)
    teller.start()
    try:
        yield deed
    finally:
        ended.set()
        teller.join()
        ERASING.reset(before)
    deed.go_on()
    product_store(product).delete(REMOVAL)


def _begun(product: str, asked: Erasure, force: bool) -> Deed:
    """Note the erasure, then the subject; of what fails before anything goes no note stays."""
    cut_off = removal_under_way(product)
    begin_removal(product, erasure=asked.id, asked=asdict(asked), force=force)
    try:
        refuse_half_restored()
        noted = note_erased(product, asked)
    except BaseException:
        if cut_off is None:
            product_store(product).delete(REMOVAL)
        raise
    take_away(product, erasure="" if force else asked.id)
    begun = removal_under_way(product)
    return Deed(begun.deed if begun else "", asked, noted, lambda: tell_erasing(product))


def _go_on_telling(product: str, ended: threading.Event) -> None:
    """Tell again and again that it goes on, for one of its parts may take hours."""
    while not ended.wait(_PAUSE):
        try:
            tell_erasing(product)
        except (FactoryError, OSError) as error:
            # told again after the next pause; who has lost it is stopped between two parts
            _LOG.warning("that an erasure goes on cannot be told: %s", error)
