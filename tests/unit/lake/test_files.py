"""Files are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlfactory.lake import files
from mlfactory.product.errors import UsageError


def test_a_write_that_fails_leaves_the_old_content_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = files.write_text(tmp_path / "report.html", "old")

    def disk_full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space left"):
        files.write_text(target, "new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_creating_does_not_overwrite(tmp_path: Path) -> None:
    assert files.create_text(tmp_path / "1.json", "first")
    assert not files.create_text(tmp_path / "1.json", "second")
    assert (tmp_path / "1.json").read_text() == "first"


def test_equal_content_gives_equal_files(tmp_path: Path) -> None:
    one = files.write_json(tmp_path / "one.json", {"b": 1, "a": [2]})
    two = files.write_json(tmp_path / "two.json", {"a": [2], "b": 1})
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("path", ["../secret", "reports/../../secret", "/etc/passwd"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match="leads out"):
        files.inside(tmp_path, path)
