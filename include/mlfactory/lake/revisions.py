"""Which code and which packages a run was made with."""

from __future__ import annotations

import hashlib
import subprocess
from functools import lru_cache
from pathlib import Path

from mlfactory.settings import REPOSITORY

CODE = ("*.py", "*.j2", "*.yaml", "*.yml", "*.toml", "requirements.txt")
"""The files whose change can change what a run does."""


@lru_cache(maxsize=1)
def code_revision() -> str:
    """Return the git commit the code is at; with `+` and a digest where it was changed since.

    The digest is of every change and of every new file, so that two states of a worktree that
    differ have different revisions. Without git, the digest of the library's own files.
    """
    return revision_of(REPOSITORY)


def revision_of(repository: Path) -> str:
    """Return the revision of the code in a folder, see `code_revision`."""
    try:
        commit = _git(repository, "rev-parse", "--short=12", "HEAD").decode().strip()
        changes = _git(repository, "diff", "HEAD", "--no-ext-diff", "--binary", "--", *CODE)
        new = _git(
            repository, "ls-files", "--others", "--exclude-standard", "-z", "--", *CODE
        ).decode()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return f"files-{_digest_of_files(repository / 'include' / 'mlfactory')}"
    if not changes and not new:
        return commit
    digest = hashlib.sha256(changes)
    for name in sorted(filter(None, new.split("\0"))):
        digest.update(f"\0{name}\0".encode() + _content(repository / name))
    return f"{commit}+{digest.hexdigest()[:8]}"


@lru_cache(maxsize=1)
def lock_hash() -> str:
    """Return a digest of requirements.txt, which names every package and version."""
    lock = REPOSITORY / "requirements.txt"
    return hashlib.sha256(lock.read_bytes()).hexdigest()[:16] if lock.is_file() else "unknown"


def _digest_of_files(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + _content(path))
    return digest.hexdigest()[:12]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # it was removed while we looked


def _git(repository: Path, *arguments: str) -> bytes:
    done = subprocess.run(  # noqa: S603 - the arguments are our own
        ["git", *arguments],  # noqa: S607 - whichever git the user has
        cwd=repository,
        capture_output=True,
        check=True,
        timeout=10,
    )
    return done.stdout
