"""Whose a lake is, asked before it is taken away or replaced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from mlfactory.backup import restore
from mlfactory.cli.backup import put_back
from mlfactory.cli.main import app
from mlfactory.cli.own_stack import stack_name
from mlfactory.lake.stack import claim_lake, owner_of_lake
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


@pytest.mark.parametrize("replace", [True, False])
def test_the_lake_of_another_stack_is_not_restored_into(
    another_ones: Settings, tmp_path: Path, replace: bool
) -> None:
    stack_name(another_ones)
    with pytest.raises(UsageError, match="is that of another stack: server-production"):
        put_back(str(tmp_path / "backup"), Console(), replace=replace)


def test_who_is_no_stack_replaces_no_lake_that_has_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="and this home has none"):
        restore(str(tmp_path / "backup"), print, replace=True)
    with pytest.raises(UsageError, match="is no backup"):
        restore(str(tmp_path / "backup"), print, replace=True, stack="server-production")
