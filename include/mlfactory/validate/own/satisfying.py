"""`expect_rows_to_satisfy`: no row of which a condition is false."""

from __future__ import annotations

import numpy as np

from mlfactory.lake.marks import Marks
from mlfactory.product.conditions import condition_of
from mlfactory.product.own_rules import Satisfy
from mlfactory.validate.conditions import rows_against
from mlfactory.validate.own.asked import EXAMPLES, Asked, chosen, told, written
from mlfactory.validate.rules import Rule
from mlfactory.validate.suite import Outcome


def answer(rule: Rule, asked: Asked) -> Outcome:
    """Return the rows of which the condition is false, whatever a missing value may be.

    Raises:
        ConditionError: if it cannot be answered.
    """
    own = rule.own
    assert isinstance(own, Satisfy)
    condition, broken, among = condition_of(own.condition), Marks(), 0
    examples: list[str] = []
    for _, frame, places in chosen(rule, asked):
        against = rows_against(condition, frame)
        broken.add(places[against])
        among += len(frame)
        lacking = EXAMPLES + 1 - len(examples)
        first = frame[list(rule.columns)].iloc[np.flatnonzero(against)[:lacking]]
        examples += [written(each) for each in first.to_dict("records")]
    return told(rule, broken, among, examples)
