"""What waits for what: a partition made before its older ones are there has half a history.

Everything that is waited for comes to an end. A command ends or its note is no longer believed, and
what was tried and failed is not waited for again: what nobody can mend would keep all that is newer
waiting for good.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from mlfactory.lake.at_work import Work
from mlfactory.reconcile.gaps import DATA, MISSING, Gap


def behind(gaps: Sequence[Gap], works: Sequence[Work]) -> list[Gap]:
    """Return the gaps, those hindered that a replay or another command will come to, or stands on.

    Whatever is wrong with a partition: two that write the same rows at once end one of the two.
    """
    found = []
    for gap in gaps:
        before = [work for work in works if work.first and work.first <= gap.key]
        waits = before and gap.can_be_mended
        found.append(gap.hindered(f"waits for {before[0].what}") if waits else gap)
    return found


def after_what_is_landed_again(gaps: Sequence[Gap], failed: Collection[str]) -> list[Gap]:
    """Return the gaps, what is missing hindered while an older partition is to be landed again.

    The landings of a source that was reset are all gone: what was never run stands on them. Those
    that cannot be mended now, or were tried and failed, are not waited for.

    Args:
        failed: the identities of the gaps whose mending failed when it was tried last.
    """
    again = [
        gap.key
        for gap in gaps
        if gap.part == DATA
        and gap.kind != MISSING
        and not gap.landed
        and gap.can_be_mended
        and gap.identity not in failed
    ]
    if not again:
        return list(gaps)
    oldest = min(again)
    by = f"waits for {oldest}, which is landed again before it"
    return [
        gap.hindered(by) if gap.kind == MISSING and gap.can_be_mended and oldest < gap.key else gap
        for gap in gaps
    ]
