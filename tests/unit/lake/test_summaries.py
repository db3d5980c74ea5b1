"""Summaries say what the manifests say, and read few of them again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from mlfactory.lake.catalog import manifest_file, summaries_file
from mlfactory.lake.store import FolderStore, product_store, write_json
from mlfactory.lake.summaries import summaries

KEYS = [f"2026-{month:02}-{day:02}" for month in (1, 2) for day in range(1, 29)]
FILE = summaries_file("ingest", "2026")


def run(key: str, mark: str, stage: str = "ingest") -> None:
    manifest = {"id": mark, "stage": stage, "name": key, "reads": {}, "counts": {"rows": 1}}
    write_json(product_store("shop"), manifest_file(stage, key), {**manifest, "facts": {"big": 1}})


@pytest.fixture
def fetched(home: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make 56 manifests; gives the names of the files that are read from then on."""
    for key in KEYS:
        run(key, "first")
    names: list[str] = []
    read_many = FolderStore.read_many

    def counted(store: FolderStore, wanted: Iterable[str]) -> dict[str, bytes]:
        found = read_many(store, wanted)
        names.extend(found)
        return found

    monkeypatch.setattr(FolderStore, "read_many", counted)
    return names


def test_manifests_are_read_once(fetched: list[str]) -> None:
    first = summaries("shop", "ingest")
    assert list(first) == KEYS
    assert first[KEYS[0]]["counts"] == {"rows": 1} and "facts" not in first[KEYS[0]]
    assert len(fetched) == len(KEYS)
    fetched.clear()
    assert summaries("shop", "ingest") == first
    assert fetched == [FILE]


def test_what_was_run_again_came_or_went_is_seen_at_once(fetched: list[str]) -> None:
    summaries("shop", "ingest")
    run(KEYS[3], "second")
    run("2026-03-01", "first")
    product_store("shop").delete(manifest_file("ingest", KEYS[4]))
    fetched.clear()
    found = summaries("shop", "ingest")
    assert list(found) == sorted({*KEYS, "2026-03-01"} - {KEYS[4]})
    assert found[KEYS[3]]["id"] == "second"
    assert len(fetched) == 3


def test_what_changed_often_is_written_down_again(fetched: list[str]) -> None:
    summaries("shop", "ingest")
    for key in KEYS[:20]:
        run(key, "second")
    summaries("shop", "ingest")
    fetched.clear()
    assert {each["id"] for each in summaries("shop", "ingest").values()} == {"first", "second"}
    assert fetched == [FILE]


@pytest.mark.parametrize("content", [b"", b"damaged", None])
def test_a_memory_that_is_damaged_or_absent_is_made_anew(
    fetched: list[str], content: bytes | None
) -> None:
    first = summaries("shop", "ingest")
    store = product_store("shop")
    store.delete(FILE) if content is None else store.write(FILE, content)
    assert summaries("shop", "ingest") == first
    fetched.clear()
    assert summaries("shop", "ingest") == first
    assert fetched == [FILE]


def test_hours_are_remembered_by_month_and_stages_apart(fetched: list[str]) -> None:
    for day in range(1, 21):
        run(f"2026-01-{day:02}T05:00", "first", "score")
    assert len(summaries("shop", "score")) == 20
    assert product_store("shop").list("summaries") == [summaries_file("score", "2026-01")]
    assert summaries("shop", "monitor") == {}
