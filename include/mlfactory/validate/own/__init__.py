"""Rules that Great Expectations has not, each in a file: what they find is told as its are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlfactory.product.own_rules import AS_BEFORE, MATCH, NEW, RECENT, SATISFY, USUAL
from mlfactory.validate.conditions import ConditionError
from mlfactory.validate.own import (
    as_before,
    matching,
    new,
    recent,
    satisfying,
    usual,
)
from mlfactory.validate.own.asked import Answer, Asked
from mlfactory.validate.rules import Rule
from mlfactory.validate.suite import Outcome

_ANSWERS: Mapping[str, Answer] = {
    SATISFY: satisfying.answer,
    MATCH: matching.answer,
    NEW: new.answer,
    USUAL: usual.answer,
    RECENT: recent.answer,
    AS_BEFORE: as_before.answer,
}


def answers(rules: Sequence[Rule], asked: Asked) -> tuple[Outcome, ...]:
    """Return what rules of ours find; one that cannot be answered says why."""
    return tuple(_answer(rule, asked) for rule in rules)


def _answer(rule: Rule, asked: Asked) -> Outcome:
    absent = [name for name in rule.needs if name not in asked.kinds]
    if absent:
        return Outcome(rule, "error", message=f"there is no column '{absent[0]}'")
    try:
        return _ANSWERS[rule.type](rule, asked)
    except ConditionError as error:
        return Outcome(rule, "error", message=str(error))
