"""How often the mending of one gap is tried: never for good, and never without end at short notice.

What failed may pass by itself, a service that was away or a file that was late for days, and nobody
is there to say so. So it is tried again, after an hour and then ever later, once a day at last.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from mlfactory.cycle.job import RECONCILED
from mlfactory.scheduler.runs import DagRun

_FIRST_PAUSE = timedelta(hours=1)
_LONGEST_PAUSE = timedelta(days=1)


def hindering(runs: Sequence[DagRun]) -> list[DagRun]:
    """Return the newest runs of a partition that should have mended its gap, and did not.

    Those are the ones that failed, and the ones that were started for it, back to the last success
    that had another cause.

    Args:
        runs: of one DAG and one partition, oldest first.
    """
    found: list[DagRun] = []
    for run in reversed(runs):
        if run.state != "failed" and not run.run_id.startswith(RECONCILED):
            break
        found.append(run)
    return found[::-1]


def next_try(tries: Sequence[DagRun]) -> datetime | None:
    """Return when to try once more after some tries, None if nobody knows when the last one was."""
    since = tries[-1].end or tries[-1].queued_at
    # capped before the power: after two months of trying, it would have no date any more
    pause = min(_FIRST_PAUSE * 2 ** min(len(tries) - 1, 10), _LONGEST_PAUSE)
    return since + pause if since else None
