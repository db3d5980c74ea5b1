"""Where a backup lies: never within what it is a copy of, and one at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.backup.small import factory as factory_of
from tests.integration.backup.small import mark, saved

from mlfactory.backup import restore, saving
from mlfactory.backup.contents import BEGUN, INDEX
from mlfactory.cli.backup import _absolute
from mlfactory.lake import processes
from mlfactory.lake.holding import Holding, take
from mlfactory.lake.processes import this_process
from mlfactory.lake.s3 import client
from mlfactory.lake.store import Store, store_at
from mlfactory.product.errors import FactoryError, ServiceError, UsageError
from mlfactory.settings import settings

Kill = type[BaseException]


def put_by_hand(name: str) -> None:
    """Put a file into the lake as somebody does who knows nothing of what a store takes."""
    lake = settings().lake_uri
    if lake.startswith("s3://"):
        bucket, _, prefix = lake.removeprefix("s3://").partition("/")
        client().put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=b"x")
        return
    path = Path(lake, name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")


def quiet(_: str) -> None:
    """Say nothing."""


@pytest.mark.usefixtures("factory")
def test_a_backup_within_the_lake_or_around_it_is_neither_made_nor_restored(
    tmp_path: Path, backup: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(backup)
    place = store_at(backup)
    holds = place.list()
    for lake in (backup, backup.rpartition("/")[0], f"{backup}/lake/"):
        monkeypatch.setenv("MLFACTORY_LAKE", lake)
        settings.cache_clear()
        for replace in (False, True):
            with pytest.raises(UsageError, match="is a part of what is saved or restored"):
                restore(backup, quiet, replace=replace)
    assert place.list() == holds


@pytest.mark.usefixtures("factory")
def test_a_way_by_dots_or_a_link_into_the_lake_is_found(tmp_path: Path, home: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "link").symlink_to(home / "lake")
    for inside in (tmp_path / "x" / ".." / "home" / "lake" / "nightly", tmp_path / "link" / "old"):
        with pytest.raises(UsageError, match="is a part of what is saved or restored"):
            saved(inside)
        assert _absolute(str(inside)).startswith(str((home / "lake").resolve()))


@pytest.mark.usefixtures("factory")
def test_of_two_backups_to_one_place_the_second_is_refused(
    backup: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest, told = saving.save_the_rest, []

    def beside(*asked: object) -> None:
        with pytest.raises(UsageError, match="a backup is under way there") as error:
            saved(backup)
        told.append(error)
        rest(*asked)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(saving, "save_the_rest", beside)
        index = saved(backup)
    assert told and set(index.files) < set(store_at(backup).list())
    assert store_at(backup).find(BEGUN) is None


@pytest.mark.usefixtures("factory")
def test_a_backup_that_ended_while_another_looked_is_not_removed(
    backup: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = saving.products_of_lake
    indices = []

    def meanwhile() -> list[str]:
        monkeypatch.setattr(saving, "products_of_lake", products)
        indices.append(saved(backup))
        return products()

    monkeypatch.setattr(saving, "products_of_lake", meanwhile)
    with pytest.raises(UsageError, match="has a backup already"):
        saved(backup)
    assert set(store_at(backup).list()) == {INDEX, *indices[0].files}


@pytest.mark.usefixtures("factory")
def test_a_backup_whose_place_was_taken_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine seemed dead, and it was not."""
    place, rest = store_at(str(tmp_path / "backup")), saving.save_the_rest

    def taken(*asked: object) -> None:
        rest(*asked)  # type: ignore[arg-type]
        place.delete(BEGUN)
        take(place, BEGUN, "a backup", {})

    monkeypatch.setattr(saving, "save_the_rest", taken)
    with pytest.raises(ServiceError, match="was taken from a backup"):
        saved(place.address())
    assert place.find(INDEX) is None and place.find(BEGUN) is not None


@pytest.mark.usefixtures("factory")
def test_a_backup_that_was_killed_is_made_anew_by_another_process(
    backup: str, another_home: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, killed: Kill
) -> None:
    """Wherever it was killed, and though its note says nothing of its end."""
    write = type(store_at(backup)).write

    def until_the_index(self: Store, name: str, content: bytes) -> None:
        if name == INDEX:
            raise killed
        write(self, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(type(store_at(backup)), "write", until_the_index)
        patch.setattr(Holding, "let_go", lambda self: None)
        with pytest.raises(killed):
            saved(backup)
    with pytest.raises(UsageError, match="a backup that was cut off"):
        restore(backup, quiet)
    with pytest.raises(UsageError, match="under way there"):
        saved(backup)
    here = this_process()
    monkeypatch.setattr(processes, "_ticks", lambda number: here.begun + 1)
    before = mark()
    saved(backup)
    another_home("other")
    restore(backup, quiet)
    assert mark() == before


@pytest.mark.usefixtures("factory")
def test_a_name_that_no_store_can_have_is_left_out_and_told(backup: str) -> None:
    put_by_hand("bakery/inbox/a\\b.csv")
    put_by_hand("bakery/inbox/good.csv")
    lines: list[str] = []
    index = saving.save(backup, lines.append, airflow={})
    assert index.left_out == ["lake/bakery/inbox/a\\b.csv"]
    assert "lake/bakery/inbox/good.csv" in index.files
    assert any("left out" in line and "a\\\\b.csv" in line for line in lines)


def test_nothing_is_no_backup(tmp_path: Path, home: Path, mlflow_file: Path) -> None:
    with pytest.raises(UsageError, match="there is nothing to save"):
        saved(tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


@pytest.mark.usefixtures("factory")
@pytest.mark.parametrize("there", [False, True])
def test_a_ledger_without_its_mlflow_is_no_backup(
    tmp_path: Path, empty_mlflow_file: Path, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address of its database has a mistake, or leads to one that nobody has used."""
    wrong = tmp_path / "typo.db"
    if there:
        wrong.write_bytes(empty_mlflow_file.read_bytes())
    monkeypatch.setenv("MLFACTORY_MLFLOW_URI", f"sqlite:///{wrong}")
    settings.cache_clear()
    with pytest.raises(UsageError, match="the ledger names champions of bakery"):
        saved(tmp_path / "backup")
    assert not (tmp_path / "backup" / INDEX).exists()


@pytest.mark.usefixtures("factory")
def test_a_champion_without_its_files_is_no_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFACTORY_ARTIFACTS", str(tmp_path / "elsewhere"))
    settings.cache_clear()
    with pytest.raises(FactoryError, match="the files of its champion, version 1"):
        saved(tmp_path / "backup")
    assert not (tmp_path / "backup" / INDEX).exists()


def test_a_product_whose_folder_is_a_link_is_in_it(
    tmp_path: Path,
    home: Path,
    mlflow_file: Path,
    make_product: Callable[..., object],
    another_home: Callable[[str], None],
) -> None:
    from tests.integration.predict.bakeries import make_bakery

    make_bakery(make_product)  # type: ignore[arg-type]
    (tmp_path / "bigger").mkdir()
    (home / "lake").mkdir(parents=True)
    (home / "lake" / "bakery").symlink_to(tmp_path / "bigger")
    factory_of()
    before = mark()
    saved(tmp_path / "backup")
    another_home("other")
    restore(str(tmp_path / "backup"), quiet)
    assert mark() == before and before.rows == 3
