"""The upkeep of a product, and of what all products share; each step whole, and done again at will.

A dry run says the same lines and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mlfactory.lake.at_work import at_work
from mlfactory.upkeep.airflow import keep_database, keep_logs
from mlfactory.upkeep.pages import keep_answers, keep_pages, keep_summaries
from mlfactory.upkeep.received import keep_received
from mlfactory.upkeep.runs import keep_runs
from mlfactory.upkeep.staging import keep_staging
from mlfactory.upkeep.tables import keep_tables
from mlfactory.upkeep.waiting import UPKEEP, in_the_way

_LONGEST = timedelta(hours=2)


def keep_product(product: str, *, dry_run: bool, now: datetime | None = None) -> Iterator[str]:
    """Do the upkeep of a product, and yield each thing that was done, or would be.

    Nothing is done beneath work that is under way. Of work that begins meanwhile nothing is taken
    away either: tables are changed by transactions, and what goes is old.

    Raises:
        ServiceError: MLflow does not answer.
        IntegrityError: a table is damaged.
    """
    moment = now or datetime.now(UTC)
    if (waits := in_the_way(product)) is not None:
        yield waits
        return
    # told, so that no reset takes the product away meanwhile
    with nullcontext() if dry_run else at_work(product, UPKEEP, believed=_LONGEST):
        # told first and looked after, so that of two that begin at once at least one waits
        if not dry_run and (waits := in_the_way(product, ours=1)) is not None:
            yield waits
            return
        yield from keep_runs(product, moment, ours=0 if dry_run else 1, dry_run=dry_run)
        yield from keep_tables(product, moment, dry_run=dry_run)
        yield from keep_pages(product, moment, dry_run=dry_run)
        yield from keep_answers(product, moment, dry_run=dry_run)
        yield from keep_summaries(product, dry_run=dry_run)
        yield from keep_staging(product, moment, dry_run=dry_run)
        yield from keep_received(product, moment, dry_run=dry_run)


def keep_factory(logs: Path, *, dry_run: bool, now: datetime | None = None) -> Iterator[str]:
    """Do the upkeep of what all products share, and yield each thing that was done, or would be.

    Args:
        logs: the folder of this machine in which Airflow keeps the logs of tasks.

    Raises:
        ServiceError: Airflow's database cannot be cleaned.
    """
    moment = now or datetime.now(UTC)
    yield from keep_logs(logs, moment, dry_run=dry_run)
    yield from keep_database(moment, dry_run=dry_run)
