"""The partitions before one, as far as they were let through: what a partition is held against.

Only earlier ones: whenever a partition is run again, it finds neither itself nor what came later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlfactory.lake.manifests import read_manifest, run_name
from mlfactory.lake.rows import Standing, standings
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Every, Partition

_AT_ONCE = 16
"""Partitions whose manifests are read together."""

_FARTHEST = 64
"""So far back the last partition that was let through is looked for."""

_CYCLE: Mapping[Every, int] = {"hour": 7 * 24, "day": 7}
"""After how many partitions the same hour or day of the week comes again."""


class Before:
    """The partitions before `partition`; each is looked up once, when it is asked for."""

    def __init__(self, product: Product, partition: Partition) -> None:
        self.product, self.partition = product, partition
        self._known: dict[str, Standing] = {}
        self._missed: dict[str, Standing] = {}

    def keys(self, count: int) -> list[str]:
        """Return the keys of the `count` partitions before, the newest first."""
        found = self.product.calendar.back(self.partition, count + 1)
        return [each.key for each in reversed(found[:-1])]

    def let_through(self, keys: Sequence[str]) -> list[Standing]:
        """Return those of some partitions that were let through."""
        return [each for each in self._standings(keys) if each.state == "accepted"]

    def missed(self, keys: Sequence[str]) -> list[str]:
        """Return those of some partitions that landed and were not validated since.

        What they will let through nobody knows yet: the partition is to be held against them once
        they are validated, see `reads`.
        """
        missed = [each for each in self._standings(keys) if each.state == "unvalidated"]
        self._missed |= {each.key: each for each in missed}
        return [each.key for each in missed]

    @property
    def held_against(self) -> dict[str, str]:
        """Return the validations that were looked at so far, by the keys of their partitions.

        The id is empty of a partition that was missed.
        """
        looked_at = {
            key: str(each.validation["id"])
            for key, each in self._known.items()
            if each.state == "accepted"
        }
        return dict(sorted((looked_at | dict.fromkeys(self._missed, "")).items()))

    @property
    def reads(self) -> dict[str, str]:
        """Return what a manifest notes of the partitions that were missed: what stood of them.

        As soon as another validation stands there, the run that noted this is stale.
        """
        return {
            run_name("validate", key): str(each.validation.get("id", ""))
            for key, each in self._missed.items()
        }

    def _standings(self, keys: Sequence[str]) -> list[Standing]:
        unknown = [key for key in keys if key not in self._known]
        self._known |= standings(self.product, unknown) if unknown else {}
        return [self._known[key] for key in keys]

    def last(self) -> Standing | None:
        """Return the newest partition that was let through, if it is not too far away."""
        keys = self.keys(_FARTHEST)
        for at in range(0, len(keys), _AT_ONCE):
            if found := self.let_through(keys[at : at + _AT_ONCE]):
                return found[0]
        return None

    def alike(self, count: int) -> list[Standing]:
        """Return up to `count` partitions of the same hour or day of the week, the newest first."""
        calendar = self.product.calendar
        step = _CYCLE.get(calendar.every, 1)
        there = {each.key for each in calendar.back(self.partition, count * step + 1)}
        keys = [calendar.shift(self.partition, -step * back).key for back in range(1, count + 1)]
        return self.let_through([key for key in keys if key in there])

    def columns_of(self, standing: Standing, source: str) -> Mapping[str, str] | None:
        """Return the columns of a source with which a partition landed, None if nobody noted."""
        return columns_noted(read_manifest(self.product.name, "ingest", standing.key), source)


def columns_noted(landed: Mapping[str, Any], source: str) -> Mapping[str, str] | None:
    """Return the columns that a landing says a source came with, and their types as received."""
    facts = landed.get("facts", {}).get("sources", {}).get(source, {})
    found: Mapping[str, str] | None = facts.get("columns")
    return found
