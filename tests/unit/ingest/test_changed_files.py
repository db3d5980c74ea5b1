from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.unit.ingest.test_readers import CSV, PARQUET, ROWS, SPEC, ids, request

from mlfactory.ingest import near
from mlfactory.ingest.origin import listing_of
from mlfactory.ingest.readers import csv, files, parquet
from mlfactory.ingest.receiving import receive
from mlfactory.product.errors import ContractError, LateSourceError, ServiceError
from mlfactory.product.loader import Product

OTHER = ROWS.replace(",5,first", ",9,other")
"""As long as the rows it stands for."""


def replaced(file: Path, text: str) -> None:
    """Put another file in the place of one, as old as it to all appearance."""
    before = file.stat()
    aside = file.with_name("aside")
    aside.write_text(text)
    os.utime(aside, ns=(before.st_atime_ns, before.st_mtime_ns))
    aside.rename(file)


@pytest.fixture
def shop(make_product: Callable[..., Product]) -> Product:
    product = make_product(SPEC.format(source=CSV))
    (product.folder / "orders.csv").write_text(ROWS)
    return product


def when_called(
    monkeypatch: pytest.MonkeyPatch, name: str, happens: Callable[[], object], *, call: int = 1
) -> None:
    """Let something happen when the readers call a function of theirs, before it does its work."""
    rooms = {
        "opened": csv,
        "origin_of": files,
        "origin_of_all": files,
        "dataset_of": parquet,
        "rows_within": near,
    }
    function, calls = getattr(rooms[name], name), []

    def after_it_happened(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        if len(calls) == call:
            happens()
        return function(*args, **kwargs)

    monkeypatch.setattr(rooms[name], name, after_it_happened)


@pytest.mark.parametrize(("name", "call"), [("opened", 1), ("opened", 2), ("origin_of", 1)])
@pytest.mark.parametrize("other", [OTHER, "key,when\n1,2026-01-01\n"])
def test_a_file_replaced_while_it_is_read_is_an_error_that_trying_again_can_mend(
    shop: Product, monkeypatch: pytest.MonkeyPatch, name: str, call: int, other: str
) -> None:
    file = shop.folder / "orders.csv"
    when_called(monkeypatch, name, lambda: replaced(file, other), call=call)
    with pytest.raises(ServiceError, match="changed while it was read") as caught:
        receive(request(shop))
    assert not isinstance(caught.value, LateSourceError)


def test_a_file_written_on_while_it_is_read_is_an_error(
    shop: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = shop.folder / "orders.csv"
    when_called(monkeypatch, "origin_of", lambda: file.open("a").write("4,2026-01-01,1,more\n"))
    with pytest.raises(ServiceError, match="changed while it was read"):
        receive(request(shop))


def test_a_file_taken_away_while_it_is_read_is_waited_for(
    shop: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    when_called(monkeypatch, "origin_of", (shop.folder / "orders.csv").unlink)
    with pytest.raises(LateSourceError, match="gone while it was read"):
        receive(request(shop))


def test_the_digest_is_of_the_file_that_the_rows_are_from(shop: Product) -> None:
    received = receive(request(shop))
    assert ids(received) == ["1", "2"]
    assert received.origin["digest"] == hashlib.sha256(ROWS.encode()).hexdigest()


@pytest.fixture
def folder(shop: Product, make_product: Callable[..., Product]) -> Path:
    """Make the shop's orders a folder of Parquet files with one file."""
    make_product(SPEC.format(source=PARQUET))
    made = shop.folder / "orders.parquet"
    made.mkdir()
    order(1).to_parquet(made / "a.parquet")
    return made


def order(number: int) -> pd.DataFrame:
    at = pd.to_datetime(["2026-01-01"], utc=True)
    return pd.DataFrame({"id": [number], "at": at, "price": 1.5})


@pytest.mark.parametrize("name", ["dataset_of", "rows_within", "origin_of_all"])
def test_what_comes_into_a_folder_while_it_is_read_is_of_the_next_reading(
    folder: Path, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    product = make_product(SPEC.format(source=PARQUET))
    with monkeypatch.context() as fed:
        when_called(fed, name, lambda: order(2).to_parquet(folder / "b.parquet"))
        received = receive(request(product))
    assert (ids(received), received.origin["files"]) == (["1"], 1)
    received = receive(request(product))
    assert (ids(received), received.origin["files"]) == (["1", "2"], 2)


def test_a_file_of_a_folder_that_is_replaced_while_it_is_read_is_an_error(
    folder: Path, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    product = make_product(SPEC.format(source=PARQUET))
    when_called(monkeypatch, "origin_of_all", lambda: order(3).to_parquet(folder / "a.parquet"))
    with pytest.raises(ServiceError, match="changed while it was read"):
        receive(request(product))


def test_a_folder_is_walked_once(
    folder: Path,
    make_product: Callable[..., Product],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    look, walked = os.scandir, []

    def counted(path: Path) -> Any:
        walked.append(path)
        return look(path)

    product = make_product(SPEC.format(source=PARQUET))
    monkeypatch.setattr(os, "scandir", counted)
    (folder / "_b.parquet.part").touch()
    assert receive(request(product)).origin["files"] == 1
    # what was erased of the product is asked for as well, which is a folder of the lake
    assert [path for path in walked if Path(path).is_relative_to(tmp_path)] == [folder]


def test_a_part_of_a_folder_may_be_a_link(
    folder: Path, make_product: Callable[..., Product], tmp_path: Path
) -> None:
    """As where the older years lie on another disk."""
    product = make_product(SPEC.format(source=PARQUET))
    archive = tmp_path / "archive"
    archive.mkdir()
    order(2).to_parquet(archive / "b.parquet")
    (folder / "old").symlink_to(archive)
    # one that leads back is no further data
    (archive / "back").symlink_to(folder)
    received = receive(request(product))
    assert (ids(received), received.origin["files"]) == (["1", "2"], 2)
    archive.rename(tmp_path / "away")
    with pytest.raises(LateSourceError, match=r"orders\.parquet/old is not there"):
        receive(request(product))


def test_a_part_of_a_folder_that_may_not_be_read_is_an_error(
    folder: Path, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    product = make_product(SPEC.format(source=PARQUET))
    (folder / "closed").mkdir()
    look = os.scandir

    def refused(path: Path) -> Any:
        # as it is for whoever is not root
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(ContractError, match="Permission denied"):
        receive(request(product))


def test_a_file_written_over_and_given_its_old_time_is_another_one(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("one")
    found, before = listing_of(file), file.stat()
    while file.stat().st_ctime_ns == before.st_ctime_ns:  # clocks of disks have their ticks
        file.write_text("two")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert found.identity_now() != found.identity()


def test_another_file_as_old_as_the_first_is_another_one(tmp_path: Path) -> None:
    """A link that is set to another delivery of the same tick, size and times."""
    one, two, link = (tmp_path / name for name in ("one", "two", "link"))
    one.touch()
    two.touch()
    while one.stat().st_ctime_ns != two.stat().st_ctime_ns:
        for file in (one, two):
            os.utime(file, ns=(0, 0))
    link.symlink_to(one)
    found = listing_of(link)
    link.unlink()
    link.symlink_to(two)
    assert found.identity_now() != found.identity()
