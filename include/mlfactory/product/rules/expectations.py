"""Expectations: names that Great Expectations has, with the arguments it takes."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from pydantic import ValidationError

from mlfactory.product.conditions import NoConditionError, condition_of
from mlfactory.product.expectations import (
    CONDITION,
    PARSER,
    PARSERS,
    expectation_arguments,
    expectation_names,
    is_expectation,
    required_arguments,
    takes_condition,
    unfit,
)
from mlfactory.product.mistakes import Found, nearest
from mlfactory.product.own_rules import MATCH, NEW, OF_PARTITIONS, OWN_RULES, RECENT
from mlfactory.product.spec import Expectation, ProductSpec


def expectation_mistakes(spec: ProductSpec) -> Iterator[Found]:
    """Yield every expectation that could not be made."""
    for source, rules in spec.expect.sources.items():
        if source not in spec.sources:
            known = list(spec.sources)
            yield (
                ("expect", source),
                f"no source has this name{nearest(source, known)}; there are {known}",
            )
        for position, rule in enumerate(rules):
            for where, message in (*_of_one(rule), *_of_place(spec, source, rule)):
                yield ("expect", source, position, *where), message
    yield from _circles(spec)


def _of_one(rule: Expectation) -> Iterator[Found]:
    if rule.type in OWN_RULES:
        yield from _of_own(rule)
        return
    if not is_expectation(rule.type):
        known = [*expectation_names(), *OWN_RULES]
        yield (
            ("type",),
            "expected the name of a Great Expectations expectation, got "
            f"'{rule.type}'{nearest(rule.type, known)}",
        )
        return
    takes = expectation_arguments(rule.type)
    if CONDITION in rule.arguments and not takes_condition(rule.type):
        yield (CONDITION,), f"{rule.type} is about the table, whichever rows it has; remove it"
    elif CONDITION in rule.arguments:
        yield from _of_condition(rule, CONDITION)
    for argument, value in rule.arguments.items():
        if argument == PARSER and takes_condition(rule.type):
            if value not in PARSERS:
                yield (argument,), f"expected one of {list(PARSERS)}, got {str(value)[:80]!r}"
            continue
        if argument == CONDITION:
            continue
        if argument not in takes:
            yield (
                (argument,),
                f"{rule.type} has no such argument{nearest(argument, takes)}; "
                f"it takes {sorted(takes)}",
            )
        elif expected := unfit(rule.type, argument, value):
            yield (argument,), f"expected {expected}, got {str(value)[:80]!r}"
    for argument in sorted(required_arguments(rule.type) - {*rule.arguments}):
        yield (), f"{rule.type} needs the argument '{argument}'"


def _of_own(rule: Expectation) -> Iterator[Found]:
    """Yield what does not suit a rule of ours."""
    wrong = [name for name in (CONDITION, "condition") if name in rule.arguments]
    conditions = [each for name in wrong for each in _of_condition(rule, name)]
    yield from conditions
    try:
        OWN_RULES[rule.type].model_validate(rule.arguments)
    except ValidationError as error:
        takes = sorted(OWN_RULES[rule.type].model_fields)
        for detail in error.errors(include_url=False):
            place = tuple(detail["loc"])
            if detail["type"] == "extra_forbidden":
                told = f"{rule.type} has no such argument{nearest(str(place[-1]), takes)}; "
                yield place, f"{told}it takes {takes}"
            elif detail["type"] == "missing":
                yield (), f"{rule.type} needs the argument '{place[-1]}'"
            else:
                yield place, detail["msg"].removeprefix("Value error, ")


def _of_condition(rule: Expectation, name: str) -> Iterator[Found]:
    given = rule.arguments.get(name)
    if given is None and name == CONDITION:
        return
    try:
        condition_of(given)
    except NoConditionError as error:
        yield (name,), str(error)


def _of_place(spec: ProductSpec, source: str, rule: Expectation) -> Iterator[Found]:
    """Yield what a rule of ours asks of a source, or a product, that cannot have it."""
    known = spec.sources.get(source)
    if known is None or rule.type not in OWN_RULES:
        return
    if rule.type in OF_PARTITIONS and spec.partition.every == "snapshot":
        yield ("type",), f"{rule.type} is about partitions in time, and a snapshot has none"
    if rule.type == MATCH and isinstance(other := rule.arguments.get("source"), str):
        if other == source:
            yield ("source",), "is the source that the rule stands below; name another one"
        elif other not in spec.sources:
            others = [name for name in spec.sources if name != source]
            yield (
                ("source",),
                f"no source has this name{nearest(other, others)}; there are {others}",
            )
    if rule.type == NEW:
        if known.event_time is None:
            yield ("type",), f"'{source}' has no event_time: the same rows come in each partition"
        elif not known.key and not rule.arguments.get("column_list"):
            yield (), f"name the columns in column_list: '{source}' has no key"
    if rule.type == RECENT and not known.event_time and not rule.arguments.get("column"):
        yield (), f"name the column with the time: '{source}' has no event_time"


def _circles(spec: ProductSpec) -> Iterator[Found]:
    """Yield sources each of which has to be checked before the other."""
    before = {
        source: {
            str(rule.arguments.get("source"))
            for rule in rules
            if rule.type == MATCH and rule.arguments.get("rows", "accepted") == "accepted"
        }
        for source, rules in spec.expect.sources.items()
    }
    # a source that is named below itself is told above
    graph = {source: names - {source} for source, names in before.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = [str(name) for name in error.args[1]]
        yield (
            ("expect", circle[0]),
            f"asks for accepted rows in a circle: {' and '.join(sorted(set(circle)))} wait for "
            "each other; write `rows: landed` in one of these rules",
        )
