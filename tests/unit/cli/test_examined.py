"""The doctor tells of a stack whose parts differ."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from mlfactory.cli.own_stack import stack_name
from mlfactory.cli.server.examined import checks
from mlfactory.doctor.finding import Finding
from mlfactory.lake.deployed import RUNS, Deployed, deployed
from mlfactory.lake.stack import claim_lake
from mlfactory.settings import Settings, settings_of


def asked(settings: Settings) -> dict[str, Finding]:
    with settings_of(settings):
        found = [check.ask() for check in checks(settings)]
    return {one.what: one for one in found if isinstance(one, Finding)}


def test_whose_the_lake_is(tmp_path: Path) -> None:
    here = Settings(_env_file=None, home=tmp_path)
    assert asked(here)["stack"].state == "absent"
    with settings_of(here):
        claim_lake("another")
    # the command line alone is no stack
    assert asked(here)["stack"].state == "ok"
    own = stack_name(here)
    wrong = asked(here)["stack"]
    assert wrong.state == "wrong"
    assert f"this one is {own}" in wrong.told and "take-lake" in wrong.remedy
    assert list(asked(here)) == ["stack"]


@pytest.mark.parametrize(
    ("there", "state"), [(deployed(), "ok"), (Deployed("0", "0"), "wrong"), (None, "wrong")]
)
def test_what_the_scheduler_runs(tmp_path: Path, there: Deployed | None, state: str) -> None:
    address = f"sqlite:///{tmp_path / 'airflow.db'}"
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE variable (key TEXT, val TEXT, is_encrypted BOOLEAN)"))
        if there:
            connection.execute(
                text("INSERT INTO variable VALUES (:key, :val, false)"),
                {"key": RUNS, "val": there.as_text()},
            )
    engine.dispose()
    found = asked(
        Settings(_env_file=None, home=tmp_path, executor="CeleryExecutor", airflow_database=address)
    )
    assert (found["code"].state, found["time"].state) == (state, "ok")
