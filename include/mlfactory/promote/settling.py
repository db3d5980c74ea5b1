"""From the ledger to the aliases: who serves is what the ledger says, whoever says it again."""

from __future__ import annotations

from dataclasses import dataclass

from mlfactory.lake.ledger import Entry, entries
from mlfactory.registry import versions

CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"


@dataclass(frozen=True)
class Aliases:
    """Which version each alias points to; None if it points to none."""

    champion: str | None
    previous: str | None
    challenger: str | None


def aliases_of(decisions: list[Entry]) -> Aliases:
    """Return where the aliases belong after these promotions and rejections, oldest first.

    The previous champion is the one before, not an earlier promotion of the same version; a
    challenger is tried until the next decision.
    """
    promoted = [str(entry.details["version"]) for entry in decisions if entry.event == "promoted"]
    champion = promoted[-1] if promoted else None
    previous = next((version for version in reversed(promoted) if version != champion), None)
    newest = decisions[-1] if decisions else None
    challenger = None
    if newest is not None and newest.event == "rejected" and newest.details.get("challenger"):
        challenger = str(newest.details["version"])
    return Aliases(champion, previous, challenger if challenger != champion else None)


def move_aliases(product: str) -> Aliases:
    """Let the registry's aliases point where the ledger says.

    A decision that is carried out late or twice thus never undoes a newer one.
    """
    wanted = aliases_of(entries(product, "promoted", "rejected"))
    for alias, version in (
        (PREVIOUS, wanted.previous),
        (CHAMPION, wanted.champion),
        (CHALLENGER, wanted.challenger),
    ):
        if version is None:
            versions.drop_alias(product, alias)
        else:
            versions.set_alias(product, alias, version)
    return wanted


def standing_decision(product: str, training_id: str, version: str) -> Entry | None:
    """Return the newest decision about this version of this training, if one was made."""
    return next(
        (
            entry
            for entry in reversed(entries(product, "promoted", "rejected"))
            if entry.subject == training_id and str(entry.details["version"]) == version
        ),
        None,
    )
