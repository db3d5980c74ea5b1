"""Parts that run apart: one configuration for all, secrets made once, who is well."""

from __future__ import annotations

import base64
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from sqlalchemy import make_url
from typer.testing import CliRunner

import mlfactory.cli.server.health as health
from mlfactory.cli.main import app
from mlfactory.cli.own_stack import stack_name
from mlfactory.cli.server import migrate
from mlfactory.cli.server.environment import server_environment
from mlfactory.cli.server.migrate import make_databases
from mlfactory.cli.server.parts import PARTS, become
from mlfactory.cli.server.secrets import MADE, make_secrets
from mlfactory.product.errors import UsageError
from mlfactory.settings import REPOSITORY, Settings, settings_of


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    assert len(list(make_secrets(folder, "postgres:5432", "redis:6379"))) == len(MADE) + 3
    return folder


def of(secrets: Path, **more: object) -> Settings:
    return Settings(_env_file=None, _secrets_dir=secrets, home=secrets.parent, **more)


def test_secrets_are_made_once_and_only_their_owner_reads_them(secrets: Path) -> None:
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    assert list(make_secrets(secrets, "postgres:5432", "redis:6379")) == []
    assert before == {path.name: path.read_text() for path in secrets.iterdir()}
    assert len(set(before.values())) == len(before)
    assert {path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {0o600}
    assert len(base64.urlsafe_b64decode(before["mlfactory_fernet_key"])) == 32


def test_a_secret_of_the_environment_is_taken_and_changes_what_is_made_of_it(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_DATABASE_PASSWORD", "another")
    told = list(make_secrets(secrets, "db:1", "redis:6379"))
    assert told == [
        "airflow_database_password",
        "mlfactory_airflow_database",
        "mlfactory_mlflow_database",
    ]
    address = (secrets / "mlfactory_airflow_database").read_text()
    assert address == "postgresql+psycopg2://airflow:another@db:1/airflow"


def test_every_part_has_the_same_keys_and_addresses(secrets: Path) -> None:
    found = of(secrets, airflow_address="http://api:8080", executor="CeleryExecutor")
    environment = server_environment(found)
    written = {path.name: path.read_text() for path in secrets.iterdir()}
    assert environment["AIRFLOW__CORE__FERNET_KEY"] == written["mlfactory_fernet_key"]
    assert environment["AIRFLOW__API_AUTH__JWT_SECRET"] == written["mlfactory_jwt_secret"]
    assert environment["AIRFLOW__CELERY__BROKER_URL"] == written["mlfactory_broker"]
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://api:8080/execution/"
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"


def test_a_secret_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="MLFACTORY_AIRFLOW_DATABASE is not set"):
        server_environment(Settings(_env_file=None, home=tmp_path))


def test_without_a_name_of_the_stack_no_part_starts(secrets: Path) -> None:
    (secrets / "mlfactory_stack_name").unlink()
    with pytest.raises(UsageError, match="MLFACTORY_STACK_NAME is not set"):
        server_environment(of(secrets))


def test_a_server_invents_no_name_for_its_stack(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="docker compose run --rm secrets"):
        stack_name(Settings(_env_file=None, home=tmp_path, executor="CeleryExecutor"))
    assert not (tmp_path / "airflow").exists()


def test_an_address_that_people_open_need_not_be_one_of_this_machine(secrets: Path) -> None:
    assert server_environment(of(secrets, host="192.0.2.1"))


def test_a_password_of_any_signs_is_read_from_the_addresses_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = "p:w/d@x %#?"
    monkeypatch.setenv("AIRFLOW_DATABASE_PASSWORD", given)
    monkeypatch.setenv("REDIS_PASSWORD", given)
    list(make_secrets(tmp_path, "postgres:5432", "redis:6379"))
    found = make_url((tmp_path / "mlfactory_airflow_database").read_text())
    assert (found.password, found.host, found.database) == (given, "postgres", "airflow")
    broker = urlsplit((tmp_path / "mlfactory_broker").read_text())
    assert (unquote(broker.password or ""), broker.hostname) == (given, "redis")
    assert (tmp_path / "airflow_database_password").read_text() == given


@pytest.mark.parametrize("name", ["postgres_password", "mlfactory_fernet_key"])
def test_a_secret_that_cannot_be_changed_any_more_is_refused(
    secrets: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = {path.name: path.read_text() for path in secrets.iterdir()}
    monkeypatch.setenv("REDIS_PASSWORD", "new")
    monkeypatch.setenv(name.upper(), "another")
    with pytest.raises(UsageError, match=f"{name.upper()} is another than at the first start"):
        list(make_secrets(secrets, "postgres:5432", "redis:6379"))
    assert before == {path.name: path.read_text() for path in secrets.iterdir()}


@pytest.mark.parametrize("given", ["my secret key", "a" * 44, "", "{key},", "{key},my secret key"])
def test_a_key_that_airflow_could_not_encrypt_with_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("MLFACTORY_FERNET_KEY", given.format(key=MADE["mlfactory_fernet_key"]()))
    making = make_secrets(tmp_path, "postgres:5432", "redis:6379")
    if not given:
        assert "mlfactory_fernet_key" in list(making)
        return
    with pytest.raises(UsageError, match="MLFACTORY_FERNET_KEY is no key of Fernet") as caught:
        list(making)
    assert list(tmp_path.iterdir()) == [] and "my secret" not in str(caught.value)


def test_a_new_key_is_taken_with_the_former_behind_it(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = (secrets / "mlfactory_fernet_key").read_text()
    monkeypatch.setenv("MLFACTORY_FERNET_KEY", f"{MADE['mlfactory_fernet_key']()},{former}")
    assert list(make_secrets(secrets, "postgres:5432", "redis:6379")) == ["mlfactory_fernet_key"]
    monkeypatch.setenv("POSTGRES_PASSWORD", f"x,{(secrets / 'postgres_password').read_text()}")
    with pytest.raises(UsageError, match="POSTGRES_PASSWORD is another than at the first start"):
        list(make_secrets(secrets, "postgres:5432", "redis:6379"))


def test_without_a_password_of_postgresql_its_databases_are_somebody_elses(tmp_path: Path) -> None:
    assert list(make_databases("nowhere:1", tmp_path)) == []


def test_there_are_no_other_parts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no part 'web'") as caught:
        become("web", Settings(home=tmp_path), print)
    assert all(part in str(caught.value) for part in PARTS)


def test_each_service_of_the_compose_file_is_a_part_and_is_asked_how_it_is() -> None:
    services = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text())["services"]
    started = {
        service["command"][-1]: service["healthcheck"]["test"]
        for service in services.values()
        if service.get("command", [])[:3] == ["mlfactory", "server", "start"]
    }
    assert set(started) == set(PARTS)
    for part, asked in started.items():
        assert asked[-2] == part
        assert (REPOSITORY / asked[-3]).is_file()
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published and all(port.startswith("${MLFACTORY_HOST:-127.0.0.1}:") for port in published)


def test_the_images_own_check_asks_what_the_container_is_and_a_command_is_always_well(
    tmp_path: Path,
) -> None:
    def asked() -> int:
        command = [sys.executable, health.__file__]
        own = {"TMPDIR": str(tmp_path), "PATH": ""}
        return subprocess.run(command, env=own, capture_output=True).returncode

    assert asked() == 0
    told = {"part": "triggerer", "api": "http://127.0.0.1:1"}
    (tmp_path / health.PART_FILE.name).write_text(json.dumps(told))
    assert asked() == 1


def test_the_api_tells_whether_another_part_is_alive() -> None:
    class Api(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = {"triggerer": {"status": "healthy"}, "dag_processor": {"status": "unhealthy"}}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, *_: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Api) as api:
        threading.Thread(target=api.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{api.server_port}"
        assert health.is_well("triggerer", url)
        assert not health.is_well("dag-processor", url)
        api.shutdown()


def test_a_worker_whose_log_server_alone_is_left_is_not_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "PART_FILE", tmp_path / "part.json")
    with socket.create_server(("127.0.0.1", 0)) as logs:
        monkeypatch.setattr(health, "_LOGS_OF_A_WORKER", logs.getsockname()[1])
        for process, is_well in ((os.getpid(), True), (2**30, False)):
            health.PART_FILE.write_text(json.dumps({"process": process}))
            assert health.is_well("worker", "") == is_well


def test_a_stack_is_migrated_on_a_lake_that_is_its_own_from_then_on(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    monkeypatch.setattr(migrate, "make_tables", lambda asked: made.append(asked.stack_name))

    def start(name: str) -> int:
        with settings_of(of(secrets, stack_name=name)):
            words = ["server", "migrate", "--folder", str(secrets.parent)]
            return CliRunner().invoke(app, words).exit_code

    assert (start("one"), start("two"), start("one")) == (0, 1, 0)
    assert made == ["one", "one"]


def test_a_part_that_does_not_answer_is_not_well_and_shows_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-I", health.__file__, "triggerer", "http://127.0.0.1:1"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
