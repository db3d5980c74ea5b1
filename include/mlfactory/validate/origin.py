"""What cleaned rows were when they landed: by that people know them, whatever was made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from mlfactory.lake.catalog import LANDED_ROW
from mlfactory.lake.marks import Marks, Places
from mlfactory.validate.decided import Heeded
from mlfactory.validate.survey import Batches


@dataclass(frozen=True)
class Origin:
    """Where the cleaned rows of a source come from.

    Attributes:
        landed: its rows as they landed.
        decided: what was decided about them, by their places there.
    """

    landed: Batches
    decided: Heeded

    def decided_of(self, batches: Batches) -> Heeded:
        """Return what was decided about cleaned rows, by the places that these have.

        What was decided about a row that a step has taken away is about none.
        """
        found = {"accepted": Marks(), "corrected": Marks(), "discarded": Marks()}
        changes, received = {}, {}
        start = 0
        for rows in batches(columns=[LANDED_ROW]) if self.decided else ():
            landed = rows.column(LANDED_ROW).to_numpy() if rows.num_rows else np.zeros(0, np.int64)
            for kind, marks in found.items():
                here = np.flatnonzero(getattr(self.decided, kind).of(landed)) + start
                marks.add(here)
                for place in here.tolist() if kind == "corrected" else ():
                    row = int(landed[place - start])
                    changes[place] = self.decided.changes[row]
                    received[place] = replace(self.decided.received[row], row=place)
            start += rows.num_rows
        return Heeded(**found, changes=changes, received=received)


class Landed:
    """Landed rows found by their places, which are asked for in ascending order."""

    def __init__(self, batches: Batches) -> None:
        self._batches: Iterator[pa.Table] = batches()
        self._held = next(self._batches)
        self._start = 0

    def at(self, places: Places) -> pa.Table:
        """Return the rows of some places, none of which lies before those asked for last."""
        found = [self._held.slice(0, 0)]
        while len(places):
            end = self._start + self._held.num_rows
            here = places[places < end]
            if len(here):
                found.append(self._held.take(pa.array(here - self._start)))
                places = places[len(here) :]
            if len(places):
                self._start, self._held = end, next(self._batches)
        return pa.concat_tables(found)
