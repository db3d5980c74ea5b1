from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from mlfactory.backup import contents
from mlfactory.backup.contents import INDEX, Index, copied, read_back, read_index
from mlfactory.lake.store import FolderStore, write_json
from mlfactory.product.errors import IntegrityError


class Watched(FolderStore):
    """Notes how many bytes were asked for at once."""

    asked: list[int]

    def read_many(self, names: Iterable[str]) -> dict[str, bytes]:
        found = super().read_many(names)
        self.asked.append(sum(map(len, found.values())))
        return found


def test_no_more_is_held_at_once_than_memory_has_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "_BYTES_AT_ONCE", 10)
    source, place = Watched(tmp_path / "source"), Watched(tmp_path / "place")
    source.asked, place.asked = [], []
    for number, size in enumerate((4, 4, 4, 30, 1, 1)):
        source.write(f"file{number}", bytes(size))
    index = Index("now", "revision", [])
    copied(source, source.list(), place, "lake", index)
    again = list(read_back(place, sorted(index.files), index))
    # the one that is larger by itself is held alone
    assert source.asked == place.asked == [8, 4, 30, 2]
    assert [len(content) for _, content in again] == [4, 4, 4, 30, 1, 1]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"files": {"streams/a": "0"}}, "'streams/a', and where that belongs is not known"),
        ({"files": {"mlflow/mlflow.xml": "0"}}, "where that belongs is not known"),
        ({"files": ["lake/a"]}, "of another kind"),
        ({"products": "shop"}, "of another kind"),
        ({"streams": []}, "streams"),
    ],
)
def test_an_index_of_a_later_revision_is_refused_as_it_is_read(
    tmp_path: Path, more: dict[str, object], why: str
) -> None:
    place = FolderStore(tmp_path)
    known = {"begun": "2026-11-22", "revision": "later", "products": [], "files": {"lake/a": "0"}}
    write_json(place, INDEX, known)
    assert read_index(place).files == {"lake/a": "0"}
    write_json(place, INDEX, known | more)
    with pytest.raises(IntegrityError, match="no index that this revision can read.*" + why):
        read_index(place)
