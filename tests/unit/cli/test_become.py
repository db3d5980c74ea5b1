"""What is asked before a process becomes a part, and what it becomes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from mlfactory.cli.server import parts
from mlfactory.cli.server.parts import become
from mlfactory.cli.server.secrets import make_secrets
from mlfactory.lake.deployed import RUNS, deployed
from mlfactory.lake.stack import claim_lake
from mlfactory.product.errors import UsageError
from mlfactory.settings import Settings, settings_of

Became = list[tuple[Sequence[str], Mapping[str, str]]]
Of = Callable[..., Settings]


@pytest.fixture
def became(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Became:
    """Return what this process would have become."""
    found: Became = []
    monkeypatch.setattr(parts, "PART_FILE", tmp_path / "part.json")
    monkeypatch.setattr(os, "execvpe", lambda _, words, env: found.append((words, env)))
    return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Settings]:
    """Return the settings of a server whose scheduler runs what is here."""
    list(make_secrets(tmp_path / "secrets", "postgres:5432", "redis:6379"))
    address = f"sqlite:///{tmp_path / 'airflow.db'}"
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE variable (key TEXT, val TEXT, is_encrypted BOOLEAN)"))
        connection.execute(
            text("INSERT INTO variable VALUES (:key, :val, false)"),
            {"key": RUNS, "val": deployed().as_text()},
        )
    engine.dispose()
    found = Settings(
        _env_file=None,
        _secrets_dir=tmp_path / "secrets",
        home=tmp_path,
        airflow_database=address,
        executor="CeleryExecutor",
        mlflow_ui="https://models.example.com",
    )
    with settings_of(found):
        yield found


@pytest.mark.parametrize("part", parts.PARTS)
def test_no_part_starts_on_the_lake_of_another_stack(
    part: str, server: Settings, became: Became
) -> None:
    claim_lake("another")
    with pytest.raises(UsageError, match="is that of another stack: another"):
        become(part, server, print)
    assert became == []


@pytest.mark.parametrize("part", parts.PARTS)
def test_a_part_becomes_its_program_when_all_is_as_it_should_be(
    part: str, server: Settings, became: Became
) -> None:
    claim_lake(str(server.stack_name))
    become(part, server, print)
    ((words, _),) = became
    assert words[0] == ("mlflow" if part == "mlflow" else "airflow")


def test_a_worker_takes_no_tasks_before_the_scheduler_runs_the_same(
    server: Settings, became: Became, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[Settings] = []
    monkeypatch.setattr(parts, "wait_for_the_same", lambda asked, _: waited.append(asked))
    become("scheduler", server, print)
    assert not waited
    become("worker", server, print)
    assert waited == [server]
    words, environment = became[-1]
    assert words[:3] == ["airflow", "celery", "worker"] and "--queues" in words
    # what is still running after this is given to a second worker: longer than any training
    timeout = "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"
    assert int(environment[timeout]) >= 24 * 3600


def test_mlflow_lets_itself_be_asked_by_the_name_that_people_open(
    server: Settings, became: Became, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_SERVER_ALLOWED_HOSTS", "mlflow:*")
    become("mlflow", server, print)
    assert became[0][1]["MLFLOW_SERVER_ALLOWED_HOSTS"] == "mlflow:*,models.example.com"
