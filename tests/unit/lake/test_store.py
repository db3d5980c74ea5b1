"""A store: files are whole or not there, the same in a folder and in a bucket."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mlfactory.lake import store as stores
from mlfactory.lake.store import (
    Absent,
    FolderStore,
    Store,
    find_json,
    product_store,
    read_json,
    store_at,
    write_json,
    write_text,
)
from mlfactory.product.errors import DiskFullError, IntegrityError, UsageError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return store_at(str(tmp_path / "store"))


def test_what_is_written_is_read(store: Store) -> None:
    store.write("a/b.json", b"old")
    store.write("a/b.json", b"new")
    assert store.read("a/b.json") == b"new"
    assert store.find("a/b.json") == b"new"


@pytest.mark.parametrize("name", ["none.json", "a/none.json", "a", "a/b.json/deeper.json"])
def test_what_is_not_there_is_an_error_or_nothing_by_what_was_asked(
    store: Store, name: str
) -> None:
    store.write("a/b.json", b"x")
    assert store.find(name) is None
    with pytest.raises(Absent, match=name):
        store.read(name)


def test_of_several_those_that_exist_are_read(store: Store) -> None:
    store.write("one", b"1")
    store.write("two", b"2")
    assert store.read_many(["two", "none", "one"]) == {"two": b"2", "one": b"1"}


def test_below_a_file_there_is_nothing_to_remove(store: Store) -> None:
    store.write("a.json", b"1")
    store.delete_all("a.json")
    assert store.read("a.json") == b"1"


def test_creating_does_not_overwrite(store: Store) -> None:
    assert store.create("1.json", b"first")
    assert not store.create("1.json", b"second")
    assert not store.create("1.json", b"first")
    assert store.read("1.json") == b"first"


def test_of_many_who_create_the_same_one_is_told_that_it_did(store: Store) -> None:
    with ThreadPoolExecutor(12) as pool:
        made = list(pool.map(lambda n: store.create("claim", str(n).encode()), range(24)))
    assert made.count(True) == 1
    assert store.read("claim") == str(made.index(True)).encode()


def test_a_list_is_of_all_files_below_a_folder_in_order(store: Store) -> None:
    for name in ("b/2", "b/10", "bc", "b/x/y", "a"):
        store.write(name, b"")
    assert store.list() == ["a", "b/10", "b/2", "b/x/y", "bc"]
    assert store.list("b") == ["b/10", "b/2", "b/x/y"]
    assert store.list("b", after="b/10") == ["b/2", "b/x/y"]
    assert store.list("none") == []


def test_a_file_that_is_written_again_has_another_mark(store: Store) -> None:
    for name in ("b/2", "b/10", "b/x/y", "a"):
        store.write(name, b"same")
    before = store.marks("b")
    assert list(before) == ["b/10", "b/2", "b/x/y"]
    store.write("b/2", b"more")
    store.delete("b/10")
    after = store.marks("b")
    assert list(after) == ["b/2", "b/x/y"]
    assert after["b/2"] != before["b/2"] and after["b/x/y"] == before["b/x/y"]
    assert store.marks("none") == {}


def test_sizes_are_those_of_what_can_be_read(store: Store) -> None:
    assert store.sizes() == {}
    store.write("b/one", b"12345")
    store.write("a", b"")
    assert list(store.sizes().items()) == [("a", 0), ("b/one", 5)]


def test_a_store_below_another_has_names_of_its_own(store: Store) -> None:
    below = store.below("a/b")
    below.write("c", b"x")
    assert store.list() == ["a/b/c"]
    assert below.list() == ["c"]
    assert below.address("c") == store.address("a/b/c")


def test_what_is_deleted_is_gone_and_nothing_else(store: Store) -> None:
    for name in ("a/1", "a/2", "ab"):
        store.write(name, b"")
    store.delete("a/1")
    store.delete("a/1")
    assert store.list() == ["a/2", "ab"]
    store.delete_all("a")
    assert store.list() == ["ab"]
    store.delete_all()
    assert store.list() == []


@pytest.mark.parametrize("key", ["2013-02-01T05:00", "ä ö", "a+b&c=d%20#?", "naïve's.html"])
def test_names_of_every_kind_come_back_as_they_are(store: Store, key: str) -> None:
    store.write(f"manifests/{key}.json", b"x")
    assert store.read(f"manifests/{key}.json") == b"x"
    assert store.list("manifests") == [f"manifests/{key}.json"]
    store.delete(f"manifests/{key}.json")
    assert store.list() == []


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../secret",
            "reports/../../secret",
            "/etc/passwd",
            "a\\b",
            "a//b",
            "a/",
            ".",
            "",
            "a\0b",
        ),
        *("x" * 300, "y/" * 500 + "z", "a\nb", "\ud800"),
    ],
)
def test_a_name_that_leads_out_or_is_none_is_refused(store: Store, name: str) -> None:
    for ask in (store.read, store.find, store.delete, lambda n: store.write(n, b"")):
        with pytest.raises(UsageError):
            ask(name)
    if name:
        for ask in (store.address, store.below, store.list, store.delete_all):
            with pytest.raises(UsageError):
                ask(name)


def test_equal_content_gives_equal_files(store: Store) -> None:
    write_json(store, "one.json", {"b": 1, "a": [2]})
    write_json(store, "two.json", {"a": [2], "b": 1})
    assert store.read("one.json") == store.read("two.json")
    assert read_json(store, "one.json") == {"a": [2], "b": 1}
    assert find_json(store, "none.json") is None


@pytest.mark.parametrize("content", ["{", "[]", "\udcff"])
def test_a_damaged_file_is_named(store: Store, content: str) -> None:
    store.write("gates.json", content.encode(errors="surrogatepass"))
    with pytest.raises(IntegrityError, match=r"gates\.json was damaged"):
        read_json(store, "gates.json")


def test_a_write_that_fails_leaves_the_old_content_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FolderStore(tmp_path)
    write_text(store, "report.html", "old")

    def disk_full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stores.os, "fsync", disk_full)
    with pytest.raises(DiskFullError, match=r"report\.html cannot be written: the disk is full"):
        write_text(store, "report.html", "new")
    with pytest.raises(DiskFullError, match="make room there"):
        store.create("claim", b"mine")
    assert store.read("report.html") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("way", ["write", "create"])
def test_a_file_is_written_although_a_removal_takes_its_folder_away_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """As the note of a stage that begins while a reset ends."""
    store, taken, touch = FolderStore(tmp_path / "store"), list[Path](), Path.touch

    def beneath(path: Path, mode: int = 0o666) -> None:
        if len(taken) < 3:
            taken.append(path)
            shutil.rmtree(path.parent)
        touch(path, mode)

    monkeypatch.setattr(Path, "touch", beneath)
    getattr(store, way)("at_work/a.json", b"x")
    assert len(taken) == 3
    assert (store.list(), store.read("at_work/a.json")) == (["at_work/a.json"], b"x")


def test_what_is_half_written_is_not_listed(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    store.write("a", b"")
    (tmp_path / ".~0a1b.b").write_bytes(b"hal")
    assert store.list() == ["a"]


def test_the_store_of_a_product_is_below_the_lake(home: Path) -> None:
    assert product_store("shop").address("ledger/1") == str(home / "lake" / "shop" / "ledger" / "1")
