"""`expect_newest_event_to_be_recent`: the newest time is not too old at the partition's end."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.product.own_rules import BeRecent
from mlfactory.validate.conditions import ConditionError
from mlfactory.validate.own.asked import Asked
from mlfactory.validate.rules import Rule
from mlfactory.validate.suite import Outcome


def answer(rule: Rule, asked: Asked) -> Outcome:
    """Return whether the newest time of a column is recent, as of the partition's end.

    Whenever the partition is run: how late the run itself is, is no fault of its rows.

    Raises:
        ConditionError: if the column has no times.
    """
    own, before = rule.own, asked.beside.before
    assert isinstance(own, BeRecent) and own.column is not None
    if before is None:
        return Outcome(rule, "insufficient", "these rows are not of a partition yet")
    newest: datetime | None = None
    end = pa.scalar(before.partition.end, pa.timestamp("us", "UTC"))
    for batch in asked.batches(columns=[own.column]):
        times = batch.column(own.column)
        if pa.types.is_null(times.type):
            continue
        if not (pa.types.is_timestamp(times.type) or pa.types.is_date(times.type)):
            raise ConditionError(f"'{own.column}' is {times.type}, and no time")
        # what is dated later is no sign that anything came
        times = times.cast(pa.timestamp("us"), safe=False).cast(end.type)
        last = pc.max(times.filter(pc.fill_null(pc.less(times, end), False))).as_py()
        newest = last if newest is None or (last is not None and last > newest) else newest
    if newest is None:
        return Outcome(rule, "fail", f"no {own.column} before the partition's end")
    age = before.partition.end - newest.astimezone(UTC)
    told = f"{newest:%Y-%m-%d %H:%M} UTC, {age} before the partition's end"
    return Outcome(rule, "pass" if age <= own.at_most else "fail", told)
