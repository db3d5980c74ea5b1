"""The note of a removal as one that was killed leaves it."""

from __future__ import annotations

from dataclasses import asdict, replace

from mlfactory.lake.catalog import REMOVAL
from mlfactory.lake.processes import Process, this_process
from mlfactory.lake.removal_note import Removal, removal_under_way
from mlfactory.lake.store import product_store, write_json

DEAD = replace(this_process(), begun=1)
LONG = "2999-01-01T00:00:00+00:00"


def leave(
    product: str,
    *,
    registry: bool = False,
    source: str = "",
    process: Process = DEAD,
    until: str = LONG,
    erasure: str = "",
) -> None:
    """Leave the note of a removal."""
    note = Removal(registry, source, process, until, erasure)
    write_json(product_store(product), REMOVAL, asdict(note))


def leave_cut_off(product: str, process: Process = DEAD, until: str = LONG) -> None:
    """Make the removal under way one whose process was killed, or another one."""
    begun = removal_under_way(product)
    assert begun is not None
    note = replace(begun, process=process, until=until)
    write_json(product_store(product), REMOVAL, asdict(note))
