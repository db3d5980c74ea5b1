"""One thing that should be there and is not, and what would mend it."""

from __future__ import annotations

from dataclasses import dataclass, replace

DATA, SCORE, MONITOR, TRAIN = "data", "score", "monitor", "train"
PARTS = (DATA, SCORE, MONITOR, TRAIN)
"""The DAGs of a product, by what they do, in the order of the river."""

MISSING = "missing"
"""A partition is over and was never landed."""

STOPPED = "stopped"
"""The validation of a partition says that it must not be used."""

UNCONSUMED = "not followed"
"""A stage is done, and the one that follows it never came."""

UNTRAINED = "not trained"
"""A training was asked for, and nothing came of it."""

STALE = "stale"
"""A stage read something that was replaced since."""

REPLACED = "rows of another run"
"""Two runs wrote at once: the rows are those of the one, and the manifest is the other's."""

OTHER_CODE = "other code"
"""Partitions were prepared with other code of the product than there is now."""

UNREAD = "labels to read"
"""Labels fell due after their partition was read, and it was not read again."""

LATE = "late"
"""Files hold rows of a partition that came, or were corrected, after it had landed."""

OLD = "old data"
"""The newest event is older than the product promises."""

CUT_OFF = "cut off"
"""A reset or an erasure was killed, and nothing else is done until it is gone on with."""

WAITING = "waiting"
"""Runs are queued on a DAG that is paused."""


@dataclass(frozen=True)
class Gap:
    """Something that should be there and is not.

    Attributes:
        key: the partition whose run would mend it; empty where it is about none.
        part: the DAG that it is about; empty where that is none.
        words: what is wrong.
        landed: its rows are in the lake, and its run must not land them again: what the source
            holds today may be less than was landed then.
        about: the partitions that are to be read again for their labels.
        hindrance: why it is not mended by itself, where that is so.
        mended: what was done about it, where something was.
        failed: whether mending it was tried, and failed.
        partitions: how many it tells of.
    """

    kind: str
    key: str
    part: str
    words: str
    landed: bool = False
    about: tuple[str, ...] = ()
    hindrance: str = ""
    mended: str = ""
    failed: bool = False
    partitions: int = 1

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

    def with_words(self, more: str) -> Gap:
        """Return the gap with more said about what is wrong."""
        return replace(self, words=f"{self.words}; {more}")
