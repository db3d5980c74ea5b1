"""What runs here, told so that two machines can compare it: every file of code, and the lock.

Not git's commit: an image has none, and a machine whose files were changed by hand has a wrong one.
Data that lies beside a product's code is no code: it may be large, and may grow meanwhile.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path

from mlfactory.lake.revisions import CODE, lock_hash
from mlfactory.settings import REPOSITORY, settings

_FOLDERS = ("include/mlfactory", "dags", "plugins")
_MADE = "__pycache__"

RUNS = "mlfactory_scheduler_runs"
"""Airflow's variable in which the scheduler says what it runs: see pipeline/same_code.py."""

REMEDY = (
    "bring the same image (or the same files and the same lock) to every machine; what is refused "
    "goes on by itself as soon as both are the same"
)


@dataclass(frozen=True)
class Deployed:
    """What a machine runs.

    Attributes:
        code: a digest of every file of code, the factory's and the products'.
        lock: a digest of the lock, which names every package and version.
    """

    code: str
    lock: str

    def __str__(self) -> str:
        return f"code {self.code}, lock {self.lock}"

    def as_text(self) -> str:
        """Return it as a text of one line."""
        return json.dumps(asdict(self), sort_keys=True)


def deployed() -> Deployed:
    """Return what runs here; some milliseconds, and never remembered: files may be replaced."""
    # where a folder lies, and what it is called there, differs between machines
    folders = {**{name: REPOSITORY / name for name in _FOLDERS}, "products": settings().products}
    return Deployed(_digest(folders), lock_hash()[:12])


def from_text(text: str | None) -> Deployed | None:
    """Return what a machine said that it runs, None if it has said nothing that can be read."""
    with suppress(ValueError, TypeError, KeyError):
        found = json.loads(text or "")
        return Deployed(str(found["code"]), str(found["lock"]))
    return None


def difference(scheduler: Deployed | None, here: Deployed) -> str:
    """Return in words how this machine differs from the scheduler; empty if it does not."""
    if scheduler is None:
        return f"no scheduler has told what it runs (here: {here})"
    if scheduler == here:
        return ""
    both = scheduler.code != here.code and scheduler.lock != here.lock
    what = "another revision of code and lock" if both else "another revision of the code"
    what = "another lock" if scheduler.code == here.code else what
    return f"this machine runs {what} than the scheduler: here {here}; there {scheduler}"


def _digest(folders: Mapping[str, Path]) -> str:
    digest = hashlib.sha256()
    for label, folder in folders.items():
        for name, path in sorted(_files(folder)):
            digest.update(f"{label}/{name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Give every file of code but caches and what is hidden, also of folders that are links."""
    entered: set[str] = set()
    for place, below, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(place)) in entered:
            # a link to a folder that it lies in
            below.clear()
            continue
        entered.add(real)
        below[:] = sorted(name for name in below if name != _MADE and not name.startswith("."))
        for name in names:
            path = Path(place, name)
            code = not name.startswith(".") and any(fnmatch(name, kind) for kind in CODE)
            if code and path.is_file():
                yield path.relative_to(folder).as_posix(), path
