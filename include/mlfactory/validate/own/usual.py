"""`expect_row_count_to_be_usual`: as many rows as partitions like this one mostly had."""

from __future__ import annotations

from mlfactory.statistics.volume import FEWEST, MOST, usual_count
from mlfactory.validate.own.asked import Asked
from mlfactory.validate.rules import Rule
from mlfactory.validate.suite import Outcome


def answer(rule: Rule, asked: Asked) -> Outcome:
    """Return whether there are about as many rows as in the partitions like this one before.

    Those are the last ones that were let through, of the same hour or day of the week.
    """
    before = asked.beside.before
    if before is None:
        return Outcome(rule, "insufficient", "these rows are not of a partition yet")
    counts = [each.landed(asked.source).rows for each in before.alike(MOST)]
    band = usual_count(counts)
    if band is None:
        told = f"{asked.rows:,} rows; {len(counts)} partitions like it before, and {FEWEST} needed"
        return Outcome(rule, "insufficient", told)
    told = f"{asked.rows:,} rows; usual are {band.low:,} to {band.high:,}"
    told += f" (by {len(counts)} partitions like it)"
    return Outcome(rule, "pass" if band.low <= asked.rows <= band.high else "fail", told)
