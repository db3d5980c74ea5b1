"""Expectations: names that Great Expectations has, with the arguments it takes."""

from __future__ import annotations

from collections.abc import Iterator

from mlfactory.product.expectations import (
    expectation_arguments,
    expectation_names,
    is_expectation,
    required_arguments,
    unfit,
)
from mlfactory.product.mistakes import Found, nearest
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
            for where, message in _of_one(rule):
                yield ("expect", source, position, *where), message


def _of_one(rule: Expectation) -> Iterator[Found]:
    if not is_expectation(rule.type):
        yield (
            ("type",),
            "expected the name of a Great Expectations expectation, got "
            f"'{rule.type}'{nearest(rule.type, expectation_names())}",
        )
        return
    takes = expectation_arguments(rule.type)
    for argument, value in rule.arguments.items():
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
