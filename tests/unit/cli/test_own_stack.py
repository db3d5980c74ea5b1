"""Whose a lake is, asked before it is taken away or replaced."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from mlfactory.backup import restore
from mlfactory.backup.contents import INDEX, Index
from mlfactory.cli.backup import put_back
from mlfactory.cli.main import app
from mlfactory.cli.own_stack import stack_name
from mlfactory.lake.catalog import RESTORE, STACK
from mlfactory.lake.holding import take
from mlfactory.lake.stack import claim_lake, mark_of_lake, owner_of_lake, take_lake
from mlfactory.lake.store import store_at, write_json
from mlfactory.product.errors import UsageError
from mlfactory.settings import Settings, settings_of


@pytest.fixture(autouse=True)
def another_ones(tmp_path: Path) -> Iterator[Settings]:
    """A lake that is another stack's."""
    here = Settings(_env_file=None, home=tmp_path / "home", lake=str(tmp_path / "lake"))
    with settings_of(here):
        claim_lake("server-production")
        yield here


def owner() -> str:
    return (owner_of_lake() or {})["stack"]


@pytest.mark.parametrize("answer", ["", "n\n"])
def test_a_lake_is_not_taken_before_somebody_said_so(answer: str) -> None:
    told = CliRunner().invoke(app, ["take-lake"], input=answer)
    assert told.exit_code == 1
    assert "is that of server-production on " in told.output and "since 2" in told.output
    assert owner() == "server-production"


def test_a_lake_is_taken_by_whoever_says_so_or_need_not_be_asked(another_ones: Settings) -> None:
    assert CliRunner().invoke(app, ["take-lake"], input="y\n").exit_code == 0
    assert owner() == stack_name(another_ones)
    assert CliRunner().invoke(app, ["take-lake"]).exit_code == 0


def test_a_lake_is_taken_with_yes(another_ones: Settings) -> None:
    assert CliRunner().invoke(app, ["take-lake", "--yes"], input="").exit_code == 0
    assert owner() == stack_name(another_ones)


@pytest.mark.parametrize("mark", ["{}", "{", ""])
def test_a_mark_that_names_nobody_is_asked_about_as_any_other(
    another_ones: Settings, mark: str
) -> None:
    file = Path(another_ones.lake_uri, STACK)
    file.write_text(mark)
    told = CliRunner().invoke(app, ["take-lake"], input="n\n")
    assert told.exit_code == 1 and f"one that {STACK} does not name" in told.output
    assert file.read_text() == mark
    assert CliRunner().invoke(app, ["take-lake"], input="y\n").exit_code == 0
    assert owner() == stack_name(another_ones)


def test_a_lake_that_a_third_took_before_the_answer_is_not_taken_from_that_one(
    another_ones: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answered(*_: object, **__: object) -> bool:
        take_lake("a third", instead_of=mark_of_lake())
        return True

    monkeypatch.setattr("typer.confirm", answered)
    told = CliRunner().invoke(app, ["take-lake"])
    assert told.exit_code == 1 and "taken by another stack meanwhile" in told.stderr
    assert owner() == "a third"


@pytest.mark.parametrize("replace", [True, False])
def test_the_lake_of_another_stack_is_not_restored_into(
    another_ones: Settings, tmp_path: Path, replace: bool
) -> None:
    stack_name(another_ones)
    with pytest.raises(UsageError, match="is that of another stack: server-production"):
        put_back(str(tmp_path / "backup"), Console(), replace=replace)


@pytest.mark.parametrize("goes_on", [True, False])
def test_who_is_no_stack_replaces_no_lake_that_has_one(
    another_ones: Settings, tmp_path: Path, goes_on: bool
) -> None:
    place, lake = store_at(str(tmp_path / "backup")), store_at(another_ones.lake_uri)
    index = Index("2026-11-22T00:00:00+00:00", "a revision", [])
    write_json(place, INDEX, asdict(index))
    lake.write("bakery/inbox/new.csv", b"row")
    if goes_on:
        # the stack's own, with --replace, was cut off before it had removed all
        about = {"backup": place.address(), "begun": index.begun, "empties": True}
        take(lake, RESTORE, "a restore", about).let_go()
    with pytest.raises(UsageError, match="and this home has none"):
        restore(place.address(), print, replace=not goes_on)
    assert lake.find("bakery/inbox/new.csv") == b"row"
    restore(place.address(), print, replace=not goes_on, stack="server-production")
    assert lake.list() == [STACK]
