"""Looking at a product: what it lacks, what is being done about it, and what can be mended."""

from __future__ import annotations

from datetime import UTC, datetime

from mlfactory.lake.at_work import under_way
from mlfactory.lake.owed import begin_reading
from mlfactory.lake.removal_note import shut_by
from mlfactory.product.loader import Product
from mlfactory.reconcile.gaps import Gap
from mlfactory.reconcile.here import mend as mend_here
from mlfactory.reconcile.lacking import lacking
from mlfactory.reconcile.late import look_for_late
from mlfactory.reconcile.order import after_what_is_landed_again, behind
from mlfactory.reconcile.page import failed_last, failures, tell
from mlfactory.reconcile.runs import seen_by_airflow, trigger
from mlfactory.scheduler.api import AirflowApi

MOST_MENDED = 3
"""How many gaps of a product are tried at a time: a long absence is not a flood of runs."""


def reconcile(
    product: Product,
    *,
    api: AirflowApi | None = None,
    mend: bool = False,
    now: datetime | None = None,
) -> list[Gap]:
    """Return what a product lacks, after mending the first few gaps if that is asked for.

    The result is also told: as a page of the product, and as a warning for each gap that is new.

    Args:
        api: of the Airflow that runs the product; without it only the lake is looked at, and
            gaps are mended in this process.
        now: the present by default.

    Raises:
        ServiceError: if Airflow goes away.
    """
    moment = now or datetime.now(UTC)
    look_for_late(product, moment)
    gaps = lacking(product, moment)
    if api is not None:
        gaps = seen_by_airflow(product, gaps, api, moment)
    gaps = behind(gaps, under_way(product.name))
    # last: only what is about to be tried is waited for
    gaps = after_what_is_landed_again(gaps, failures(product, gaps))
    if shut_by(product.name) is not None:
        gaps = [
            gap.hindered("waits until what was cut off has ended") if gap.can_be_mended else gap
            for gap in gaps
        ]
    if mend:
        gaps = _mended(product, gaps, api)
    tell(product, gaps, moment)
    return gaps


def _mended(product: Product, gaps: list[Gap], api: AirflowApi | None) -> list[Gap]:
    chosen: dict[str, Gap] = {}
    for gap in failed_last(product, gaps):
        # one run a partition: the earliest step brings the later ones with it
        if gap.can_be_mended and len(chosen) < MOST_MENDED:
            chosen.setdefault(gap.key, gap)
    found = []
    for gap in gaps:
        if chosen.get(gap.key) is gap:
            for key in gap.about:
                # the run reads what is marked, also what fell due while nothing ran
                begin_reading(product, key)
            found.append(trigger(product, gap, api) if api else mend_here(product, gap))
        else:
            found.append(gap)
    return found
