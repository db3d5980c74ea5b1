"""Stopping the stack stops all that it started, and nobody else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import psutil
import pytest
from sqlalchemy import create_engine, text
from tests.http_server import Quiet, address_of, answering
from tests.unit.cli.conftest import STACK, Start

from mlfactory.cli import processes, record, stack
from mlfactory.cli.airflow_environment import airflow_environment
from mlfactory.cli.processes import Leader
from mlfactory.cli.record import Running
from mlfactory.cli.services import Service
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.settings import Settings, settings

pytestmark = pytest.mark.one_lake

STUBBORN = (
    "import signal, time; [signal.signal(s, signal.SIG_IGN) for s in (2, 15)]; "
    "print('ready', flush=True); time.sleep(60)"
)
HOLDER = """
import sys, time
from pathlib import Path
from mlfactory.cli.local_files import claimed
with claimed(Path(sys.argv[1])) as other:
    print("it is mine" if not other else other, flush=True)
    time.sleep(60)
"""


def recorded(process: psutil.Process, *, started: float) -> None:
    leader = Leader(process.pid, started, int(signal.SIGINT))
    urls = {"airflow": "http://127.0.0.1:1", "mlflow": "http://127.0.0.1:2"}
    record.write(settings(), Running(STACK, {"airflow": leader, "mlflow": leader}, urls, urls))


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give processes less time to end themselves than in earnest."""
    monkeypatch.setattr(processes, "_SECONDS_TO_END", 0.3)


def ended(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_a_process_that_has_the_number_of_an_old_stack_is_left_alone(
    home: Path, start: Start
) -> None:
    bystander = start("sleep", "60")
    recorded(bystander, started=bystander.create_time() - 3600)
    assert record.running(settings()) is None
    stack.down(settings(), lambda _: None)
    assert not ended(bystander)
    assert not (home / "stack.json").exists()


def test_a_stack_that_was_up_before_others_were_written_down_is_seen_and_stopped(
    home: Path, start: Start
) -> None:
    leader = start("sleep", "60")
    recorded(leader, started=leader.create_time())
    written = json.loads((home / "stack.json").read_text())
    del written["others"]
    (home / "stack.json").write_text(json.dumps(written))
    found = record.running(settings())
    assert found is not None and found.others == {}
    stack.down(settings(), lambda _: None)
    assert ended(leader)


def test_what_was_started_is_stopped(home: Path, start: Start) -> None:
    leader = start("sleep", "60")
    recorded(leader, started=leader.create_time())
    assert record.running(settings()) is not None
    stack.down(settings(), lambda _: None)
    assert ended(leader)


def test_children_of_a_leader_that_has_died_are_stopped_though_they_ignore_signals(
    home: Path, start: Start
) -> None:
    child = f'{sys.executable} -c "{STUBBORN}"'
    leader = start("sh", "-c", f"{child} & wait")
    deadline = time.monotonic() + 10
    while not leader.children() and time.monotonic() < deadline:
        time.sleep(0.05)
    (orphan,) = leader.children()
    time.sleep(0.5)  # until it ignores signals
    recorded(leader, started=leader.create_time())
    leader.kill()
    leader.wait()
    assert not ended(orphan)
    stack.down(settings(), lambda _: None)
    assert ended(orphan)
    assert not (home / "stack.json").exists()


def test_a_child_that_left_the_session_is_known_by_its_mark(home: Path, start: Start) -> None:
    leader, runaway = start("sleep", "60"), start("sleep", "60", mark=f"{STACK}/airflow")
    stranger = start("sleep", "60", mark=f"{STACK}d/airflow")
    recorded(leader, started=leader.create_time())
    stack.down(settings(), lambda _: None)
    assert ended(leader)
    assert ended(runaway)
    assert not ended(stranger)


def test_what_cannot_be_ended_is_named_after_a_while(
    home: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is with the processes of another user, say of a stack that was started with sudo."""
    leader = start("sleep", "60")
    recorded(leader, started=leader.create_time())
    monkeypatch.setattr(processes, "_signal_group", lambda _: None)

    def refused(self: psutil.Process) -> None:
        raise psutil.AccessDenied(self.pid)

    with monkeypatch.context() as patch:
        patch.setattr(psutil.Process, "kill", refused)
        with pytest.raises(
            ServiceError, match=rf"do not end: {leader.pid} \(sleep of (.|\n)*by hand"
        ):
            stack.down(settings(), lambda _: None)
    assert record.running(settings()) is not None
    stack.down(settings(), lambda _: None)
    assert ended(leader)


def test_of_two_at_once_one_has_the_stack_and_the_other_says_so(home: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, home / "stack.lock"], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "it is mine\n"
        said: list[str] = []
        with pytest.raises(UsageError, match=rf"process {holder.pid}, is starting or stopping"):
            stack.up(settings(), said.append)
        assert said == []
        assert not (home / "airflow").exists()
    finally:
        holder.kill()
        holder.communicate()
    # what a process had that was killed is free again
    stack.down(settings(), said.append)
    assert said == ["nothing is up"]


def test_where_nothing_runs_nothing_is_stopped(home: Path) -> None:
    said: list[str] = []
    stack.down(settings(), said.append)
    assert said == ["nothing is up"]


@pytest.mark.parametrize(
    "text",
    [
        '{"airflow_pid": 1, "airflow_url": "http://127.0.0.1:1"}',
        '{"id": "a", "leaders": {"airflow": {"pid": 1}}, "addresses": {}, "urls": {}}',
        '["a list"]',
        "not json",
    ],
)
def test_a_record_of_another_revision_is_a_message(home: Path, text: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "stack.json").write_text(text)
    for command in (record.running, lambda chosen: stack.down(chosen, lambda _: None)):
        with pytest.raises(UsageError, match=r"stack\.json does not tell(.|\n)*then remove"):
            command(settings())
    assert (home / "stack.json").exists()


def waiting(name: str) -> Service:
    """Return a program that waits, and is ready as soon as it runs."""
    return Service(
        name=name,
        title={"airflow": "Airflow", "mlflow": "MLflow"}[name],
        command=("python", "-c", "import time; time.sleep(60)"),
        environment=os.environ,
        port=0,
        port_setting="",
        address="http://127.0.0.1:1",
        url="http://127.0.0.1:1",
        is_ready=lambda: True,
        stop_signal=signal.SIGINT,
    )


@pytest.fixture
def two_services(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the stack consist of two programs that wait."""
    monkeypatch.setattr(stack, "services", lambda _: [waiting("mlflow"), waiting("airflow")])
    yield
    stack.down(settings(), lambda _: None)


def test_only_the_service_that_has_died_is_started_again(two_services: None) -> None:
    whole, _ = stack.up(settings(), lambda _: None)
    psutil.Process(whole.leaders["mlflow"].pid).kill()
    said: list[str] = []
    mended, is_new = stack.up(settings(), said.append)
    assert is_new and said[0] == "MLflow of the stack has died"
    assert mended.dead == [] and mended.id == whole.id
    assert mended.leaders["airflow"] == whole.leaders["airflow"]
    assert mended.leaders["mlflow"].pid != whole.leaders["mlflow"].pid


def test_what_a_start_that_was_killed_has_begun_is_ended_by_the_next(
    two_services: None, start: Start
) -> None:
    """It was started, and nothing of it is written down but the mark that it carries."""
    urls = {"airflow": "http://127.0.0.1:1", "mlflow": "http://127.0.0.1:1"}
    record.write(settings(), Running(STACK, {}, urls, urls))
    begun = start("sleep", "60", mark=f"{STACK}/mlflow")
    found, is_new = stack.up(settings(), lambda _: None)
    assert is_new and found.id != STACK and found.dead == []
    assert ended(begun)


class Closed(Quiet):
    """A server that is there and shows nothing to who does not say who he is."""

    def do_GET(self) -> None:
        self.send({}, 401)


def test_the_mlflow_that_the_settings_name_is_used_and_looked_at_and_left_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "services", lambda _: [waiting("airflow")])
    said: list[str] = []
    with answering(Closed) as server:
        there = address_of(server)
        monkeypatch.setenv("MLFACTORY_MLFLOW_URI", there)
        settings.cache_clear()
        found, is_new = stack.up(settings(), said.append)
        assert is_new and list(found.leaders) == ["airflow"] and found.mlflow_url == there
        assert said[0] == (
            f"MLflow is the one at {there}, which MLFACTORY_MLFLOW_URI names; none is started"
        )
        assert record.running(settings()) == found
        assert [ailment.service for ailment in record.ailments(found)] == ["airflow"]
    told = {ailment.service: ailment.problem for ailment in record.ailments(found)}
    assert told["mlflow"] == f"MLflow at {there}, which MLFACTORY_MLFLOW_URI names, does not answer"
    stack.down(settings(), said.append)
    assert said[-1] == (
        f"Airflow is down; MLflow at {there} was not started by this, and is left alone"
    )


def test_nothing_is_started_where_the_mlflow_that_the_settings_name_does_not_answer(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFACTORY_MLFLOW_URI", "http://127.0.0.1:1")
    settings.cache_clear()
    with pytest.raises(ServiceError, match=r"names, does not answer(.|\n)*start it there"):
        stack.up(settings(), lambda _: None)
    assert record.recorded(settings()) is None
    assert not (home / "airflow").exists()


def test_a_stack_that_is_up_with_its_own_mlflow_is_refused_where_the_settings_name_another(
    two_services: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, _ = stack.up(settings(), lambda _: None)
    monkeypatch.setenv("MLFACTORY_MLFLOW_URI", "http://mlflow.example.com")
    settings.cache_clear()
    with pytest.raises(
        UsageError,
        match=r"up with an MLflow of its own, and the settings name the MLflow at http://mlflow\.ex"
        r"(.|\n)*mlfactory down; mlfactory up",
    ):
        stack.up(settings(), lambda _: None)
    # what it runs goes on
    assert record.running(settings()) == whole and whole.dead == []


def test_the_login_of_another_mlflow_is_neither_said_nor_written_down(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "services", lambda _: [waiting("airflow")])
    said: list[str] = []
    with answering(Closed) as server:
        there = address_of(server)
        monkeypatch.setenv("MLFACTORY_MLFLOW_URI", there.replace("//", "//ann:s3cret@"))
        settings.cache_clear()
        found, _ = stack.up(settings(), said.append)
    told = [*said, *(ailment.problem for ailment in record.ailments(found))]
    assert there in said[0] and len(told) > 1
    assert "s3cret" not in " ".join(told) + (home / "stack.json").read_text()
    stack.down(settings(), said.append)
    with pytest.raises(ServiceError, match="names, does not answer") as raised:
        stack.up(settings(), said.append)
    assert "s3cret" not in f"{raised.value} {raised.value.remedy} {said}"


def test_another_airflows_settings_do_not_get_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://production/airflow")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_HOME", "/srv/airflow")
    monkeypatch.setenv("AIRFLOW_CONN_SLACK", "slack://")
    ours = airflow_environment(Settings(home=tmp_path))
    database = f"sqlite:///{tmp_path / 'airflow' / 'airflow.db'}"
    assert ours["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith(database)
    assert ours["AIRFLOW_HOME"] == str(tmp_path / "airflow")
    assert ours["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert ours["AIRFLOW_CONN_SLACK"] == "slack://"
    assert not any("production" in value for value in ours.values())


def test_airflow_waits_for_a_database_that_another_part_of_it_writes_to(tmp_path: Path) -> None:
    """After Python's five seconds its scheduler ends itself: twenty products were enough."""
    ours = airflow_environment(Settings(home=tmp_path))
    (tmp_path / "airflow").mkdir(exist_ok=True)
    # by the name that Airflow imports
    arguments = resolve_name(ours["AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS"])
    engine = create_engine(ours["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"], connect_args=arguments)
    with engine.connect() as connection:
        waits = connection.execute(text("PRAGMA busy_timeout")).scalar_one()
        (_, _, file), *_ = connection.execute(text("PRAGMA database_list"))
    assert waits == 60_000
    assert file == str(tmp_path / "airflow" / "airflow.db")


def test_another_database_is_chosen_by_our_own_setting(tmp_path: Path) -> None:
    chosen = Settings(home=tmp_path, airflow_database="postgresql://ours/airflow")
    ours = airflow_environment(chosen)
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS" not in ours
    found = ours["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert found == "postgresql://ours/airflow"
    assert "ours" not in repr(chosen)
