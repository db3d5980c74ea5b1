"""When `<p>.data` runs: when a partition is over, and never for one that was over long before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk.timezone import coerce_datetime, utcnow
from airflow.timetables.base import DagRunInfo
from airflow.timetables.trigger import CronPartitionTimetable

if TYPE_CHECKING:
    from airflow.timetables.base import TimeRestriction

_GRACE = timedelta(minutes=2)
"""How long after a tick its run may still be made: the scheduler was busy, or parsed the DAG."""


class LiveTimetable(CronPartitionTimetable):
    """A run at each tick, for the partition that ended then, from the moment it is switched on.

    Airflow's own timetable makes a run for the newest tick of the past when a DAG is unpaused, if
    the DAG had a run on schedule before: who unpauses in order to replay the history then has the
    newest partition run first. Ticks that were missed are for the DAG `mlfactory.reconcile`, which
    knows what the lake lacks. Made up for here are the tick right after the last run, and those
    that a run may have kept waiting: it takes longer than a tick where its source is late, and the
    partitions of a product follow one another.

    Airflow would take the time of a run for the start of the partition before; so the expression
    says when partitions end, and runs begin later: keys and backfills know nothing of that.

    Args:
        runs_after: how long after the end of a partition its run begins.
        longest_run: how long a run may take; ticks older than that were not kept waiting by one.
        others: as for Airflow's own.
    """

    def __init__(
        self,
        cron: str,
        *,
        runs_after: timedelta = timedelta(),
        longest_run: timedelta = timedelta(),
        **others: Any,
    ) -> None:
        super().__init__(cron, **others)
        self._runs_after = runs_after
        self._longest_run = longest_run
        self.description = self._describe_with_dom_dow_fix(self.summary)

    @property
    def summary(self) -> str:
        """Return when runs begin as a cron expression, for the people who read it."""
        minute, hour, day, month, weekday = self._expression.split()
        # the first of a month, and a Monday: what a calendar's partitions end with
        at = datetime(2024, 1, 1) + self._runs_after
        minute = str(at.minute)
        hour = hour if hour == "*" else str(at.hour)
        day = day if day == "*" else str(at.day)
        weekday = weekday if weekday == "*" else str(at.isoweekday() % 7)
        return f"{minute} {hour} {day} {month} {weekday}"

    def serialize(self) -> dict[str, Any]:
        """Return what the scheduler makes it of again."""
        return {
            **super().serialize(),
            "runs_after": self._runs_after.total_seconds(),
            "longest_run": self._longest_run.total_seconds(),
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> LiveTimetable:
        """Return what was serialised."""
        made = cast("LiveTimetable", super().deserialize(data))
        made._runs_after = timedelta(seconds=data["runs_after"])
        made._longest_run = timedelta(seconds=data["longest_run"])
        made.description = made._describe_with_dom_dow_fix(made.summary)
        return made

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next run: as a rule for the next tick, see above."""
        # from here on times are those of ends of partitions, as if runs began right then
        now = coerce_datetime(utcnow()) - self._runs_after
        tick = self._align_to_prev(now)
        follows = None
        if last_dagrun_info is not None and last_dagrun_info.partition_date is not None:
            # a partition's own tick is at its end, the next one's at the end of that
            own = self._get_next(coerce_datetime(last_dagrun_info.partition_date))
            follows = self._get_next(own)
        if follows is not None and (follows >= tick or now - follows <= self._longest_run):
            tick = follows
        elif now - tick > _GRACE:
            tick = self._get_next(tick)
        if restriction.earliest is not None:
            tick = max(tick, self._align_to_next(restriction.earliest - self._runs_after))
        begins = tick + self._runs_after
        if restriction.latest is not None and restriction.latest < begins:
            return None
        partition_date, partition_key = self._get_partition_info(run_date=tick)
        return DagRunInfo(
            run_after=begins,
            partition_date=partition_date,
            partition_key=partition_key,
            data_interval=None,
        )
