"""What a path with a pattern finds, on a disk with links, and in a bucket."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.ingest.test_readers import CSV, SPEC

from mlfactory.ingest import origin
from mlfactory.ingest.origin import LocalFile, fingerprint_of, origin_of
from mlfactory.ingest.places import _matches, locate
from mlfactory.product.errors import ServiceError
from mlfactory.product.loader import Product


@pytest.fixture
def found(make_product: Callable[..., Product]) -> Callable[[str], list[str]]:
    """Give a function that returns what a path finds below `data`."""
    product = make_product(SPEC.format(source=CSV))
    (product.folder / "data" / "a").mkdir(parents=True)
    (product.folder / "data" / "a" / "one.csv").write_text("id\n1\n")

    def files(path: str) -> list[str]:
        top = product.folder / "data"
        listing = locate(product, f"data/{path}", product.calendar.parse("2026-01-01"))
        return [str(Path(each.address).relative_to(top)) for each in listing.files]

    files.folder = product.folder / "data"  # type: ignore[attr-defined]
    return files


@pytest.mark.parametrize("pattern", ["*/*.csv", "**/*.csv", "*/x/*.csv"])
def test_a_link_that_leads_to_nothing_is_not_left_out_of_a_pattern(
    found: Callable[[str], list[str]], pattern: str
) -> None:
    folder: Path = found.folder  # type: ignore[attr-defined]
    link = folder / ("b" if "x" in pattern else "a/two.csv")
    link.symlink_to(folder / "gone")
    with pytest.raises(FileNotFoundError):
        found(pattern)


def test_links_that_lead_back_are_followed_once(found: Callable[[str], list[str]]) -> None:
    folder: Path = found.folder  # type: ignore[attr-defined]
    (folder / "a" / "back").symlink_to(folder)
    (folder / "b").symlink_to(folder / "a")
    assert found("**/*.csv") == ["a/one.csv", "b/one.csv"]


def test_hidden_folders_of_a_bucket_are_not_looked_into() -> None:
    for pattern, key, matches in (
        ("**/*.csv", "a/b.csv", True),
        ("**/*.csv", "b.csv", True),
        ("**/*.csv", ".tmp/b.csv", False),
        ("**/*.csv", "a/.tmp/b.csv", False),
        ("**/c/*.csv", ".tmp/c/b.csv", False),
    ):
        assert _matches(key.split("/"), pattern.split("/")) is matches, key


def test_a_file_that_becomes_shorter_while_it_is_looked_at_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(origin, "_WHOLE", 1_000)
    path = tmp_path / "orders.csv"
    path.write_bytes(b"x" * (3 << 20))
    file = LocalFile(path, path.stat())
    os.truncate(path, 10)
    for look in (fingerprint_of, origin_of):
        with pytest.raises(ServiceError, match="became shorter"):
            look(file)
