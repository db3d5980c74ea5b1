"""The verdict: whether a partition may be used, all of it or without its quarantined rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mlfactory.validate.suite import Outcome
from mlfactory.validate.unread import Unread

Verdict = Literal["pass", "pass_with_quarantine", "stop"]


@dataclass(frozen=True)
class Count:
    """How many rows a source has in the partition, and how many of them are in quarantine.

    Attributes:
        unread: the columns with cells that cannot be read.
        repeated: how many rows have the key of another.
        key: the columns of that key.
        undated: how many have no event time that can be read.
        accepted: how many were let through because somebody said so.
        corrected: how many were let through with the values that somebody gave them.
        broken: how many that somebody corrected break rules all the same.
    """

    rows: int
    quarantined: int
    unread: tuple[Unread, ...] = ()
    repeated: int = 0
    key: tuple[str, ...] = ()
    undated: int = 0
    accepted: int = 0
    corrected: int = 0
    broken: int = 0

    @property
    def share(self) -> float:
        """Return the share of the rows that is in quarantine."""
        return self.quarantined / self.rows if self.rows else 0.0


@dataclass(frozen=True)
class Judgement:
    """A verdict, and what speaks against the partition where it is `stop`, and by which sources."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    stopped_by: tuple[str, ...] = ()


def judge(
    counts: Mapping[str, Count],
    outcomes: Mapping[str, Sequence[Outcome]],
    budget: float,
    cleaning: Mapping[str, Sequence[str]] | None = None,
) -> Judgement:
    """Return the verdict on a partition.

    It stops where a step that cleans says so, where a critical rule about a whole table fails,
    where one cannot be evaluated, and where more than the share `budget` of a source's rows is in
    quarantine.

    Args:
        cleaning: of each source why a step of it stops the partition.
    """
    reasons: list[str] = []
    stopped_by: list[str] = []
    for source, count in counts.items():
        so_far = len(reasons)
        reasons += [f"{source}: {why}" for why in (cleaning or {}).get(source, ())]
        reasons += _broken(source, outcomes[source])
        if count.share > budget:
            bad = (
                f"{source}: {count.quarantined:,} of {count.rows:,} rows ({count.share:.1%}) are "
                f"bad, and quarantine_budget allows {budget:.1%}"
            )
            reasons.append("; ".join([bad, *_unruly(count), *_most_broken(outcomes[source])]))
        if len(reasons) > so_far:
            stopped_by.append(source)
    if reasons:
        return Judgement("stop", tuple(reasons), tuple(stopped_by))
    if any(count.quarantined for count in counts.values()):
        return Judgement("pass_with_quarantine")
    return Judgement("pass")


def _broken(source: str, outcomes: Iterable[Outcome]) -> list[str]:
    reasons = []
    for outcome in outcomes:
        if outcome.rule.severity != "critical" or outcome.state in ("pass", "insufficient"):
            continue
        if outcome.state == "error":
            reasons.append(f"{source}: {outcome.rule} cannot be evaluated: {outcome.message}")
        elif not outcome.rows:
            reasons.append(f"{source}: {outcome.rule} fails: observed {outcome.observed}")
    return reasons


def _unruly(count: Count) -> list[str]:
    """Return what is wrong with rows that no rule is broken by."""
    repeated = f"{count.repeated:,} have the key ({', '.join(count.key)}) of another row"
    undated = (
        f"{count.undated:,} have no event time that can be read, and count in every partition "
        "that they may be of"
    )
    return [
        *map(str, count.unread),
        *([undated] if count.undated else []),
        *([repeated] if count.repeated else []),
    ]


def _most_broken(outcomes: Iterable[Outcome]) -> list[str]:
    failed = [
        outcome
        for outcome in outcomes
        if outcome.state == "fail" and outcome.rule.severity == "critical" and outcome.rows
    ]
    failed.sort(key=lambda outcome: -len(outcome.rows))
    return [
        f"{len(outcome.rows):,} break {outcome.rule}, such as {outcome.observed}"
        for outcome in failed
    ]
