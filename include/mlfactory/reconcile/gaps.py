"""One thing that should be there and is not, and what would mend it."""

from __future__ import annotations

from dataclasses import dataclass, replace

DATA, SCORE, MONITOR, TRAIN = "data", "score", "monitor", "train"
"""The DAGs of a product, by what they do."""

MISSING = "missing"
"""A partition is over and was never run."""

UNCONSUMED = "not followed"
"""A stage is done, and the one that follows it never came."""

UNTRAINED = "not trained"
"""A training was asked for, and nothing came of it."""

STALE = "stale"
"""A stage read something that was replaced since."""

UNREAD = "labels to read"
"""Labels fell due after their partition was read, and it was not read again."""

OLD = "old data"
"""The newest event is older than the product promises."""

WAITING = "waiting"
"""A run is queued on a DAG that is paused."""


@dataclass(frozen=True)
class Gap:
    """Something that should be there and is not.

    Attributes:
        key: the partition; empty where it is about none.
        part: the DAG whose run would mend it; empty where a person must.
        words: what is wrong.
        hindrance: why it is not mended by itself, where that is so.
        mended: what was done about it, where something was.
    """

    kind: str
    key: str
    part: str
    words: str
    hindrance: str = ""
    mended: str = ""

    @property
    def identity(self) -> str:
        """Return what makes it the same gap when it is found again later."""
        return f"{self.kind} {self.part} {self.key}"

    @property
    def can_be_mended(self) -> bool:
        """Tell whether a run would mend it and nothing stands against that."""
        return bool(self.part) and not self.hindrance

    def hindered(self, by: str) -> Gap:
        """Return the gap with what stands against mending it."""
        return replace(self, hindrance=by)
