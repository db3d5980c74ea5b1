"""The errors a user can meet. Each says what is wrong, where, and what to do about it."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class FactoryError(Exception):
    """Something a user can mend; its text is meant for them and needs no traceback.

    Args:
        problem: what is wrong, and where (file, key, partition, column).
        remedy: what to do about it.
    """

    def __init__(self, problem: str, *, remedy: str = "") -> None:
        self.problem = problem
        self.remedy = remedy
        super().__init__(f"{problem}\n  → {remedy}" if remedy else problem)


class ContractError(FactoryError):
    """The data broke its contract: trying again with the same data cannot help."""


class BuildError(FactoryError):
    """A product's Python code raised, or returned something other than what its spec promises."""


class LeakageError(FactoryError):
    """A feature gives the label away, so a model trained on it would be worthless in production."""


class InsufficientData(FactoryError):
    """There is too little labelled data to do what was asked for."""


class IntegrityError(FactoryError):
    """A stored model or file is not the one that was recorded."""


class ServiceError(FactoryError):
    """A service (MLflow, Airflow, a source) cannot be reached: trying again soon may help."""


class LateSourceError(ServiceError):
    """A source's data is not there yet: it is waited for, for hours, and not asked for at once."""


class DiskFullError(FactoryError):
    """There is no room left to write to: trying again cannot help before somebody makes some."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"{where} cannot be written: the disk is full, or its quota is used up",
            remedy="make room there, then run it again; what was begun is done again whole",
        )


class UsageError(FactoryError):
    """The command or the trigger form asked for something that does not exist."""


def is_disk_full(error: BaseException) -> bool:
    """Tell whether an error, or one that it came from, says that a disk is full."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DiskFullError):
            return True
        if isinstance(cause, OSError) and cause.errno in _FULL:
            return True
        # libraries that are not Python's pass on the words only
        if any(words in str(cause).lower() for words in _SAYING_FULL):
            return True
        cause = cause.__cause__
    return False


_FULL = (errno.ENOSPC, errno.EDQUOT)
_SAYING_FULL = ("no space left on device", "disk quota exceeded", "disk is full")


@dataclass(frozen=True)
class Mistake:
    """One mistake in a product's files; `line` counts from 1, 0 means the file as a whole."""

    file: Path
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class SpecError(FactoryError):
    """A product's files are wrong; carries every mistake found, in the order of their lines."""

    def __init__(self, product: str, mistakes: Sequence[Mistake]) -> None:
        self.product = product
        self.mistakes = tuple(sorted(mistakes, key=lambda m: (str(m.file), m.line)))
        lines = "\n".join(f"  {mistake}" for mistake in self.mistakes)
        count = "1 mistake" if len(self.mistakes) == 1 else f"{len(self.mistakes)} mistakes"
        super().__init__(f"product {product}: {count}\n{lines}")
