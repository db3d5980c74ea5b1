"""Work that goes on for long and has no process while it waits, as a replay in Airflow.

Its note is like any other (see `at_work`), but names no process: it is believed from one time that
it is told to the next.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta

from mlfactory.lake.at_work import Work, drop_note, from_now, refuse_beside, refuse_removed
from mlfactory.lake.catalog import work_file
from mlfactory.lake.processes import nobody
from mlfactory.lake.removal_note import refuse_half_removed
from mlfactory.lake.restore_note import refuse_half_restored
from mlfactory.lake.store import product_store, write_json
from mlfactory.product.errors import FactoryError


@dataclass(frozen=True)
class WaitingWork:
    """Work that is alone of its kind, and that waits in between without a process.

    It begins, is told anew and ends in whatever processes; between two tellings it is believed.

    Attributes:
        name: of its note.
        what: see `Work`, as is `first`.
        where: it goes on, in words.
    """

    product: str
    name: str
    what: str
    first: str
    where: str
    believed: timedelta

    def begin(self) -> None:
        """Note that it is being done; once more, where it was noted before.

        Raises:
            UsageError: another such work is under way, or a removal or a restore was cut off;
                nothing is noted then.
            ServiceError: a removal or a restore is under way; likewise.
        """
        self._tell()
        try:
            refuse_half_removed(self.product)
            refuse_half_restored()
            refuse_beside(self.product, self.name)
        except FactoryError:
            self.end()
            raise

    def go_on(self) -> None:
        """Tell anew that it is being done.

        Raises:
            UsageError: a reset has taken the note; or nothing was told of it for so long that it
                was no longer believed, and another such work began, or a removal that was cut off.
            ServiceError: a removal or a restore is under way.
        """
        refuse_removed(self.product, self.name, self.what)
        refuse_half_removed(self.product)
        refuse_half_restored()
        refuse_beside(self.product, self.name)
        self._tell()

    def end(self) -> None:
        """Take the note away, if it is there."""
        drop_note(product_store(self.product), work_file(self.name))

    def _tell(self) -> None:
        until = from_now(self.believed)
        work = Work(self.what, nobody(self.where), until, self.first, alone=True)
        write_json(product_store(self.product), work_file(self.name), asdict(work))
