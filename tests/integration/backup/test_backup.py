from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from tests.integration.predict.bakeries import DAYS, make_bakery, orders
from typer.testing import CliRunner, Result

from mlfactory import predict
from mlfactory.backup import databases, lakes, saving
from mlfactory.backup.saving import save
from mlfactory.cli.local_files import write_text
from mlfactory.cli.main import app
from mlfactory.lake.at_work import at_work, under_way
from mlfactory.lake.ledger import Entry, champion_for, entries, record
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.stack import claim_lake
from mlfactory.lake.store import Store, product_store, store_at
from mlfactory.lake.tables import Lake
from mlfactory.lake.vouched import vouched_rows
from mlfactory.product.loader import Product
from mlfactory.scheduler.login import airflow_home
from mlfactory.settings import settings


@pytest.fixture
def bakery(mlflow_file: Path, make_product) -> Product:
    """Give a bakery that has lived three days and has a champion."""
    product = make_bakery(make_product)
    done = command("run", "bakery", DAYS[0], "--to", DAYS[-1])
    assert done.exit_code == 0 and "promoted yes" in done.output, done.output
    return product


@pytest.fixture
def new(tmp_path: Path) -> Path:
    file = tmp_path / "new.csv"
    rows = orders(days=4).iloc[1440:].head(50).drop(columns="returned")
    rows.to_csv(file, index=False, sep=";")
    return file


def command(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def answers(product: Product, file: Path) -> pd.DataFrame:
    return predict.run(product, file).table


def test_an_empty_home_finds_the_same_champion_and_predict_answers_the_same(
    bakery: Product, new: Path, backup: str, another_home: Callable[[str], None]
) -> None:
    before, partition = answers(bakery, new), bakery.calendar.parse("2026-01-05")
    champion, decided = champion_for(bakery, partition), entries("bakery")
    rows = vouched_rows("bakery", "predictions", list(DAYS))
    lake = settings().lake_uri
    claim_lake("the first")
    saved = command("backup", backup)
    assert saved.exit_code == 0, saved.output
    another_home("other")
    assert settings().lake_uri != lake
    # its stack was started here before: that is nothing that would be lost
    claim_lake("the second")
    restored = command("restore", backup)
    assert restored.exit_code == 0 and "restored: bakery" in restored.output, restored.output
    assert champion is not None and champion_for(bakery, partition) == champion
    assert entries("bakery") == decided
    pd.testing.assert_frame_equal(answers(bakery, new), before)
    pd.testing.assert_frame_equal(vouched_rows("bakery", "predictions", list(DAYS)), rows)
    assert "champion v1 since" in command("status", "bakery").output
    again = command("restore", backup)
    assert again.exit_code == 1 and "this home has something already" in again.output
    nobodys = command("restore", backup, "--replace")
    assert nobodys.exit_code == 1 and "and this home has none" in nobodys.output.replace("\n", " ")
    write_text(airflow_home(settings()) / "stack", "the second\n")
    assert command("restore", backup, "--replace").exit_code == 0
    claim_lake("the second")
    pd.testing.assert_frame_equal(answers(bakery, new), before)


def test_a_damaged_backup_is_refused_before_anything_is_written(
    bakery: Product, tmp_path: Path, another_home: Callable[[str], None]
) -> None:
    place = tmp_path / "backup"
    assert command("backup", str(place)).exit_code == 0
    file = sorted((place / "lake/bakery/ledger").iterdir())[0]
    content = file.read_bytes()
    another_home("other")
    for damage in (lambda: file.write_bytes(content + b" "), file.unlink):
        damage()
        told = command("restore", str(place))
        assert told.exit_code == 1 and "the backup is damaged" in told.output
        assert store_at(settings().lake_uri).list() == []
    file.write_bytes(content)
    (place / "backup.json").unlink()
    assert "is no backup" in command("restore", str(place)).output


def test_a_backup_that_was_killed_is_none_and_is_made_again(
    bakery: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = str(tmp_path / "backup")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(saving, "save_the_rest", killed)
        with pytest.raises(KeyboardInterrupt):
            saving.save(place, print, airflow={})
    told = command("restore", place)
    assert told.exit_code == 1 and "was cut off" in told.output
    assert command("backup", place).exit_code == 0
    assert "has a backup already" in command("backup", place).output
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    assert "has other files" in command("backup", str(tmp_path / "full")).output
    assert "is a part of what is saved or restored" in command("backup", settings().lake_uri).output


def test_a_restore_that_was_killed_has_no_champion_and_goes_on(
    bakery: Product,
    new: Path,
    tmp_path: Path,
    another_home: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, place = answers(bakery, new), str(tmp_path / "backup")
    command("backup", place)
    another_home("other")
    store = type(store_at(settings().lake_uri))
    write = store.write

    def until_the_ledger(self: Store, name: str, content: bytes) -> None:
        if "ledger/" in name:
            raise KeyboardInterrupt
        write(self, name, content)

    from mlfactory.backup import restore

    with monkeypatch.context() as patch:
        patch.setattr(store, "write", until_the_ledger)
        with pytest.raises(KeyboardInterrupt):
            restore(place, print)
    assert entries("bakery") == []
    assert command("restore", place).exit_code == 0
    pd.testing.assert_frame_equal(answers(bakery, new), before)


def test_what_runs_while_it_is_copied_is_as_if_it_had_been_killed(
    bakery: Product,
    tmp_path: Path,
    another_home: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A partition is run again between the manifests and the log, and a decision is made later."""
    rows = vouched_rows("bakery", "features", [DAYS[0]])
    copied, dumped, made = lakes.copied, databases.dumped, []

    def busy(source, names, place, folder, index) -> None:  # type: ignore[no-untyped-def]
        copied(source, names, place, folder, index)
        if not made:
            made.append(1)
            stages = ("ingest", "validate", "prepare")
            words = [word for stage in stages for word in ("--stage", stage)]
            assert command("run", "bakery", DAYS[-1], *words).exit_code == 0

    def deciding(url):  # type: ignore[no-untyped-def]
        content = dumped(url)
        if len(made) == 1:
            made.append(2)
            record("bakery", Entry("retrain_requested", DAYS[-1], "while it is copied"))
        return content

    monkeypatch.setattr(lakes, "copied", busy)
    monkeypatch.setattr(saving, "dumped", deciding)
    saving.save(str(tmp_path / "backup"), print, airflow={})
    assert made == [1, 2]
    decided = entries("bakery")
    another_home("other")
    assert command("restore", str(tmp_path / "backup")).exit_code == 0
    assert entries("bakery") == decided
    pd.testing.assert_frame_equal(vouched_rows("bakery", "features", [DAYS[0]]), rows)
    # nothing vouches for the rows that came meanwhile, as after a kill
    assert read_manifest("bakery", "prepare", DAYS[-1]) == {}
    assert len(Lake("bakery").read("features", [DAYS[-1]])) > 0


def test_a_backup_is_refused_beneath_upkeep_and_a_restore_beneath_work(
    bakery: Product, tmp_path: Path
) -> None:
    place = str(tmp_path / "backup")
    with at_work("bakery", "upkeep"):
        assert "upkeep of bakery is under way" in command("backup", place).output
    with at_work("bakery", "ingest of 2026-01-03"):
        assert command("backup", place).exit_code == 0
        told = command("restore", place, "--replace")
        assert told.exit_code == 1 and "is being worked on" in told.output
    assert product_store("bakery").list("at_work") == []


def test_a_backup_is_believed_elsewhere_for_some_hours_from_its_last_word_on(
    bakery: Product, tmp_path: Path
) -> None:
    seen: list[datetime] = []

    def look(_: str) -> None:
        seen.extend(datetime.fromisoformat(work.until) for work in under_way("bakery"))

    save(str(tmp_path / "backup"), look, airflow={})
    assert seen
    for until in seen:
        assert timedelta(hours=5) < until - datetime.now(UTC) <= timedelta(hours=6)


def test_no_secret_and_no_note_is_in_a_backup(bakery: Product, tmp_path: Path) -> None:
    place = tmp_path / "backup"
    saving.save(str(place), print, airflow={"connections": ["slack (http)"], "variables": []})
    assert not any(path.name == "passwords.json" for path in place.rglob("*"))
    assert not (place / "lake/bakery/at_work").exists()
    assert json.loads((place / "airflow.json").read_text())["connections"] == ["slack (http)"]
    shutil.rmtree(place)
