"""A restore that is cut off, done beside others, or told to replace what is there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pandas as pd
import pytest
from tests.integration.backup.small import DAY, FIRST, MANIFEST, mark, promote, saved, sell

from mlfactory.backup import lakes, restore, restoring
from mlfactory.backup.databases import database, has_anything
from mlfactory.lake.at_work import at_work
from mlfactory.lake.catalog import RESTORE
from mlfactory.lake.holding import take
from mlfactory.lake.ledger import Entry, record
from mlfactory.lake.manifests import manifest
from mlfactory.lake.removal import remove_everything
from mlfactory.lake.removal_note import begin_removal
from mlfactory.lake.restore_note import refuse_half_restored
from mlfactory.lake.store import Store, product_store, store_at
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.settings import settings
from mlfactory.upkeep import keep_product

Kill = type[BaseException]
GoOn = Callable[[str], None]


def quiet(_: str) -> None:
    """Say nothing."""


def lake() -> Store:
    return store_at(settings().lake_uri)


def cut_off(
    place: Path | str,
    killed: Kill,
    monkeypatch: pytest.MonkeyPatch,
    *,
    at: str,
    of: str = "write",
    replace: bool = False,
) -> None:
    """Restore, and be killed before a store does something to a file whose name has `at` in it."""
    kind = type(lake())
    whole = getattr(kind, of)

    def mortal(self: Store, name: str = "", *rest: bytes) -> object:
        if at in self.address(name):
            raise killed
        return whole(self, name, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(kind, of, mortal)
        with pytest.raises(killed):
            restore(str(place), quiet, replace=replace)


@pytest.mark.usefixtures("factory")
def test_decisions_come_back_last(
    backup: str, another_home: GoOn, monkeypatch: pytest.MonkeyPatch, killed: Kill
) -> None:
    before = mark()
    saved(backup)
    another_home("other")
    cut_off(backup, killed, monkeypatch, at=f"bakery/{FIRST}")
    # at the first of them everything else is there
    there = mark()
    assert (there.rows, there.decisions, there.model) == (before.rows, 0, before.model)
    assert product_store("bakery").find(MANIFEST) is not None and has_anything(database())
    restore(backup, quiet)
    assert mark() == before and lake().find(RESTORE) is None


@pytest.mark.usefixtures("factory")
def test_what_was_restored_in_part_is_neither_worked_on_nor_saved(
    tmp_path: Path,
    make_product: Callable[..., object],
    another_home: GoOn,
    monkeypatch: pytest.MonkeyPatch,
    killed: Kill,
) -> None:
    from tests.integration.predict.bakeries import make_bakery

    product = make_bakery(make_product)  # type: ignore[arg-type]
    saved(tmp_path / "backup")
    another_home("other")
    cut_off(tmp_path / "backup", killed, monkeypatch, at=FIRST)
    with pytest.raises(UsageError, match="a restore of it was cut off"):
        saved(tmp_path / "second")
    assert not (tmp_path / "second" / "backup.json").exists()
    with pytest.raises(UsageError, match="goes on with it"), manifest(product, "ingest", DAY):
        pass
    assert "waits: a restore" in " ".join(keep_product("bakery", dry_run=False))
    assert product_store("bakery").list("at_work") == []
    restore(str(tmp_path / "backup"), quiet)
    with manifest(product, "ingest", DAY):
        pass


@pytest.mark.usefixtures("factory")
def test_replacing_that_was_cut_off_leaves_nobody_serving_and_goes_on(
    backup: str, another_home: GoOn, monkeypatch: pytest.MonkeyPatch, killed: Kill
) -> None:
    before = mark()
    saved(backup)
    sell(9)
    product_store("bakery").write("reports/later.html", b"later")
    cut_off(backup, killed, monkeypatch, at="bakery/", of="delete_all", replace=True)
    assert lake().find(RESTORE) is not None
    # then when the ledger is gone
    cut_off(backup, killed, monkeypatch, at="bakery/mani", of="delete_all", replace=True)
    assert mark().decisions == 0 and mark().rows == 9
    restore(backup, quiet)
    assert mark() == before and product_store("bakery").find("reports/later.html") is None


@pytest.mark.usefixtures("factory")
def test_going_on_where_another_backup_lies_now_is_refused(
    tmp_path: Path, another_home: GoOn, monkeypatch: pytest.MonkeyPatch, killed: Kill
) -> None:
    place = tmp_path / "latest"
    first = saved(place)
    place.rename(tmp_path / "old")
    sell(7)
    monkeypatch.setattr("mlfactory.backup.saving.datetime", _Later)
    second = saved(place)
    assert second.begun != first.begun
    place.rename(tmp_path / "new")
    (tmp_path / "old").rename(place)
    another_home("other")
    cut_off(place, killed, monkeypatch, at=MANIFEST)
    place.rename(tmp_path / "old")
    (tmp_path / "new").rename(place)
    with pytest.raises(UsageError, match=f"made on {first.begun[:10]}.*was cut off"):
        restore(str(place), quiet)
    restore(str(place), quiet, replace=True)
    assert mark().rows == 7
    assert {f"lake/{name}" for name in lake().list("bakery")} < set(second.files)


class _Later:
    @staticmethod
    def now(zone: object) -> pd.Timestamp:
        return pd.Timestamp("2100-01-01", tz="UTC")


@pytest.mark.usefixtures("factory")
def test_replacing_replaces_also_where_a_restore_was_cut_off(
    tmp_path: Path, another_home: GoOn, monkeypatch: pytest.MonkeyPatch, killed: Kill
) -> None:
    before = mark()
    saved(tmp_path / "backup")
    another_home("other")
    cut_off(tmp_path / "backup", killed, monkeypatch, at=RESTORE, of="delete")
    product_store("bakery").write("reports/later.html", b"later")
    restore(str(tmp_path / "backup"), quiet, replace=True)
    assert product_store("bakery").find("reports/later.html") is None and mark() == before


@pytest.mark.usefixtures("factory")
def test_going_on_beneath_work_is_refused(
    tmp_path: Path, another_home: GoOn, monkeypatch: pytest.MonkeyPatch, killed: Kill
) -> None:
    saved(tmp_path / "backup")
    another_home("other")
    cut_off(tmp_path / "backup", killed, monkeypatch, at=FIRST)
    with (
        at_work("bakery", "training of 2026-01-03"),
        pytest.raises(UsageError, match="bakery is being worked on: training"),
    ):
        restore(str(tmp_path / "backup"), quiet)


@pytest.mark.usefixtures("factory")
def test_work_that_is_not_known_to_have_ended_is_named_and_turned_away_by_force(
    tmp_path: Path,
) -> None:
    before = mark()
    saved(tmp_path / "backup")
    sell(9)
    with at_work("bakery", "training of 2026-01-03", name="0123") as go_on:
        note = product_store("bakery").address("at_work/0123.json")
        with pytest.raises(UsageError, match=f"training of 2026-01-03, process .* says {note}"):
            restore(str(tmp_path / "backup"), quiet, replace=True)
        restore(str(tmp_path / "backup"), quiet, replace=True, force=True)
        with pytest.raises(UsageError, match="or a restore while it was at work"):
            go_on()
    assert mark() == before


@pytest.mark.usefixtures("factory")
def test_a_restore_goes_on_by_force_and_turns_work_away(
    tmp_path: Path, another_home: GoOn, monkeypatch: pytest.MonkeyPatch, killed: Kill
) -> None:
    saved(tmp_path / "backup")
    another_home("other")
    cut_off(tmp_path / "backup", killed, monkeypatch, at=FIRST)
    with at_work("bakery", "training of 2026-01-03") as go_on:
        restore(str(tmp_path / "backup"), quiet, force=True)
        with pytest.raises(UsageError, match="or a restore while it was at work"):
            go_on()


@pytest.mark.usefixtures("factory")
def test_of_two_restores_at_once_one_is_refused(
    tmp_path: Path, another_home: GoOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(tmp_path / "one")
    sell(9)
    saved(tmp_path / "two")
    another_home("other")
    look = restoring._refuse_taken

    def while_the_other_writes(*_: object) -> None:
        with pytest.raises(UsageError, match="a restore is under way there"):
            restore(str(tmp_path / "one"), quiet)

    def beside(*asked: object) -> None:
        """Let another one begin when this one has found nothing here."""
        look(*asked)  # type: ignore[arg-type]
        monkeypatch.setattr(restoring, "_refuse_taken", look)
        with monkeypatch.context() as patch:
            patch.setattr(restoring, "_tell_airflow", while_the_other_writes)
            restore(str(tmp_path / "two"), quiet)
        take(lake(), RESTORE, "a restore", {})

    monkeypatch.setattr(restoring, "_refuse_taken", beside)
    with pytest.raises(UsageError, match="a restore is under way there"):
        restore(str(tmp_path / "one"), quiet)
    assert mark().rows == 9


def test_a_backup_from_before_the_first_run_of_mlflow_replaces_what_mlflow_has(
    tmp_path: Path, home: Path, mlflow_file: Path, another_home: GoOn
) -> None:
    mlflow_file.unlink()
    sell()
    index = saved(tmp_path / "backup")
    assert not any(name.startswith("mlflow/") for name in index.files)
    another_home("other")
    sell(5)
    promote()
    assert has_anything(database())
    restore(str(tmp_path / "backup"), quiet, replace=True)
    assert not has_anything(database()) and mark().rows == 3 and mark().decisions == 0


@pytest.mark.usefixtures("factory")
def test_a_table_whose_checkpoint_is_made_while_it_is_copied_can_be_read(
    backup: str, another_home: GoOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = "bakery/raw_orders/_delta_log"
    for rows in range(1, 18):
        sell(rows)
    assert lake().find(f"{log}/_last_checkpoint") is not None
    copied, done = lakes.copied, []

    def busy(source: Store, names: object, *rest: object) -> None:
        listed = sorted(names)  # type: ignore[call-overload]
        if any("_delta_log" in name for name in listed) and not done:
            done.append(lake().read(f"{log}/_last_checkpoint"))
            for rows in range(18, 23):
                sell(rows)
            assert lake().read(f"{log}/_last_checkpoint") != done[0]
        copied(source, listed, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(lakes, "copied", busy)
        saved(backup)
    another_home("other")
    restore(backup, quiet)
    assert done and len(Lake("bakery").read("raw_orders")) == 17


@pytest.mark.usefixtures("factory")
def test_a_reset_by_force_beneath_a_backup_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlfactory.backup import saving

    for where in ("save_what_points", "copied"):
        whole = getattr(saving, where)

        def reset(*asked: object, whole: Callable[..., None] = whole) -> None:
            whole(*asked)
            if product_store("bakery").list("ledger"):
                begin_removal("bakery", force=True)
                list(remove_everything("bakery"))
                product_store("bakery").delete_all()

        with monkeypatch.context() as patch:
            patch.setattr(saving, where, reset)
            with pytest.raises((UsageError, ServiceError), match="removed by a reset"):
                saved(tmp_path / where)
        assert not (tmp_path / where / "backup.json").exists()
        record("bakery", Entry("retrain_requested", DAY, "it lives again"))
        sell()


@pytest.mark.usefixtures("factory")
def test_work_that_begins_while_the_backup_is_read_is_found(
    tmp_path: Path, another_home: GoOn
) -> None:
    saved(tmp_path / "backup")
    another_home("other")
    with ExitStack() as work:

        def begins(_: str) -> None:
            work.enter_context(at_work("bakery", "ingest of 2026-01-03"))

        with pytest.raises(UsageError, match="bakery is being worked on: ingest"):
            restore(str(tmp_path / "backup"), begins)
        assert lake().find(RESTORE) is None
    assert lake().list() == []


@pytest.mark.usefixtures("factory")
def test_a_restore_whose_lake_was_taken_does_not_end_well(
    tmp_path: Path, another_home: GoOn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its machine seemed dead, and it was not."""
    saved(tmp_path / "backup")
    another_home("other")

    def taken(*_: object) -> None:
        lake().delete(RESTORE)
        take(lake(), RESTORE, "a restore", {"backup": "/srv/another"})

    monkeypatch.setattr(restoring, "_tell_airflow", taken)
    with pytest.raises(ServiceError, match="was taken from a restore"):
        restore(str(tmp_path / "backup"), quiet)
    with pytest.raises(ServiceError, match="/srv/another is being put back"):
        refuse_half_restored()
