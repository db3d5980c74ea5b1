"""From the ledger to the aliases: who serves is what the ledger says, whoever says it again."""

from __future__ import annotations

from dataclasses import dataclass

from mlfactory.lake.ledger import Entry, Reign, entries, standing
from mlfactory.registry import versions

CHAMPION, PREVIOUS, CHALLENGER = "champion", "previous", "challenger"


@dataclass(frozen=True)
class Aliases:
    """Which version each alias points to; None if it points to none."""

    champion: str | None
    previous: str | None
    challenger: str | None


def aliases_of(decisions: list[Entry]) -> Aliases:
    """Return where the aliases belong after these promotions and rejections, oldest first."""
    now = standing(decisions)
    return Aliases(_version(now.champion), _version(now.previous), _version(now.challenger))


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


def _version(reign: Reign | None) -> str | None:
    return reign.version if reign else None
