"""What a validation warns of: found by rules, and neither a reason to stop nor one to take out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlfactory.validate.suite import Outcome


def warnings(outcomes: Mapping[str, Sequence[Outcome]]) -> list[str]:
    """Return in words which rules fail that stop nothing and take no row out.

    Those are among them that could not look at all that they are about yet.
    """
    return [
        f"{source}: {outcome.rule}: {said}"
        for source, found in outcomes.items()
        for outcome in found
        if (said := warning(outcome))
    ]


def warning(outcome: Outcome) -> str:
    """Return what is to be warned of, nothing if that stops the partition or takes rows out."""
    if outcome.state in ("fail", "error") and outcome.rule.severity != "critical":
        return outcome.message or outcome.observed
    return outcome.unsettled


def schema_changes(outcomes: Mapping[str, Sequence[Outcome]]) -> dict[str, Any]:
    """Return how the columns of sources changed since the last partition that was let through."""
    return {
        source: dict(outcome.change)
        for source, found in outcomes.items()
        for outcome in found
        if outcome.change and outcome.state == "fail"
    }
