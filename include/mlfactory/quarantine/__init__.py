"""Quarantine: what people see of the rows that validation put there, and what they decide."""

from mlfactory.quarantine.decide import Choice, Decided, decided_before, discard, release
from mlfactory.quarantine.listing import Line, counted
from mlfactory.quarantine.rows import QuarantinedRow, rows_in_quarantine

__all__ = [
    "Choice",
    "Decided",
    "Line",
    "QuarantinedRow",
    "counted",
    "decided_before",
    "discard",
    "release",
    "rows_in_quarantine",
]
