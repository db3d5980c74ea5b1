"""A revision tells one state of the code from every other."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlfactory.lake.revisions import revision_of


def git(folder: Path, *arguments: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init")
    (tmp_path / "a.py").write_text("one = 1\n")
    (tmp_path / ".gitignore").write_text("var/\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    return tmp_path


def test_code_as_committed_is_named_by_its_commit(repository: Path) -> None:
    (repository / "var").mkdir()
    (repository / "var" / "made.py").write_text("")
    (repository / "notes.txt").write_text("no code")
    assert len(revision_of(repository)) == 12


def test_every_change_and_every_new_file_gives_another_revision(repository: Path) -> None:
    found = [revision_of(repository)]
    for name, text in (("a.py", "one = 2\n"), ("a.py", "one = 3\n"), ("b.py", ""), ("b.py", "x")):
        (repository / name).write_text(text)
        found.append(revision_of(repository))
    assert len(set(found)) == 5
    assert all(revision.startswith(f"{found[0]}+") for revision in found[1:])
    assert revision_of(repository) == found[-1]


def test_without_git_the_files_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code = tmp_path / "include" / "mlfactory"
    code.mkdir(parents=True)
    (code / "a.py").write_text("one = 1\n")
    first = revision_of(tmp_path)
    assert first.startswith("files-")
    (code / "a.py").write_text("one = 2\n")
    assert revision_of(tmp_path) != first
