"""`mlfactory doctor`: a line for each thing that the settings name, and what to do about it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from tests.http_server import Quiet, answering
from typer.testing import CliRunner

from mlfactory.cli import doctor
from mlfactory.cli.main import app
from mlfactory.doctor import connections, finding, machine, places, services
from mlfactory.doctor.finding import Check, Finding, side_by_side
from mlfactory.lake.store import FolderStore
from mlfactory.settings import Settings, settings

Serve = Callable[[dict[str, Any]], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Give a function that serves answers by their path, each content or a status, over HTTP."""
    with ExitStack() as stack:

        def start(answers: dict[str, Any], *, ahead: timedelta = timedelta()) -> str:
            class Handler(Quiet):
                def do_GET(self) -> None:
                    found = answers.get(self.path.partition("?")[0], 404)
                    self.send(*(({}, found) if isinstance(found, int) else (found, 200)))

                def do_POST(self) -> None:
                    self.take()
                    self.do_GET()

                do_HEAD = do_GET

                def date_time_string(self, timestamp: float | None = None) -> str:
                    return format_datetime(datetime.now(UTC) + ahead, usegmt=True)

            server = stack.enter_context(answering(Handler))
            return f"http://127.0.0.1:{server.server_address[1]}"

        yield start


def told_by_mlflow(theirs: str, registry: Any) -> dict[str, Any]:
    return {"/version": theirs, "/api/2.0/mlflow/registered-models/search": registry}


def health(**silent_seconds: float) -> dict[str, Any]:
    beats: dict[str, Any] = {"metadatabase": {"status": "healthy"}}
    for part in ("scheduler", "dag_processor", "triggerer"):
        silent = silent_seconds.get(part, 1)
        at = datetime.now(UTC) - timedelta(seconds=silent)
        status = "healthy" if silent < 30 else "unhealthy"
        beats[part] = {"status": status, f"latest_{part}_heartbeat": at.isoformat()}
    return beats


def told_by_airflow(**silent_seconds: float) -> dict[str, Any]:
    return {
        "/api/v2/monitor/health": health(**silent_seconds),
        "/api/v2/version": {"version": version("apache-airflow-core")},
        "/auth/token": {"access_token": "let me in"},
        "/api/v2/importErrors": {"import_errors": [], "total_entries": 0},
    }


def test_a_check_that_hangs_holds_up_no_other_and_is_told() -> None:
    over = threading.Event()

    def hang() -> Finding:
        over.wait(30)
        return Finding("slow", "ok", "at last")

    begun = time.monotonic()
    found = side_by_side(
        [Check("slow", hang, 0.1), Check("quick", lambda: Finding("quick", "ok", "here"))]
    )
    over.set()
    assert time.monotonic() - begun < 5
    assert [(one.what, one.state) for one in found] == [("slow", "wrong"), ("quick", "ok")]
    assert "no answer within 0.1 s" in found[0].told


def test_a_lake_in_a_folder_can_be_used_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    found = places.place("lake", str(tmp_path), "MLFACTORY_LAKE")
    assert found.state == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_lake_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    found = places.place("lake", str(tmp_path / "mnt" / "lake"), "MLFACTORY_LAKE")
    assert found.state == "absent" and "is not there" in found.told
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_creates_over_what_is_there_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def over(self: FolderStore, name: str, content: bytes) -> bool:
        self.write(name, content)
        return True

    monkeypatch.setattr(FolderStore, "create", over)
    found = places.place("lake", str(tmp_path), "MLFACTORY_LAKE")
    assert found.state == "wrong"
    assert "replaces a file that was to be created only if absent" in found.told


def test_a_lake_that_cannot_be_written_is_named_with_its_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = places.place("lake", str(tmp_path / "file"), "MLFACTORY_LAKE")
    assert found.state == "wrong"
    assert "Not a directory" in found.told and "MLFACTORY_LAKE" in found.remedy


@pytest.mark.usefixtures("home")
def test_an_mlflow_of_another_version_or_that_lets_nobody_in_is_wrong(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(answers: dict[str, Any]) -> Finding:
        address = serve(answers).replace("http://", "http://who:opensesame@")
        monkeypatch.setenv("MLFACTORY_MLFLOW_URI", address)
        settings.cache_clear()
        return services.mlflow(settings())

    other = asked(told_by_mlflow("2.0.0", {}))
    assert other.state == "wrong" and "2.0.0" in other.told and version("mlflow") in other.told
    refused = asked(told_by_mlflow(version("mlflow"), 401))
    assert refused.state == "wrong" and "MLFLOW_TRACKING_USERNAME" in refused.remedy
    assert "opensesame" not in refused.told + other.told


@pytest.mark.usefixtures("home")
def test_airflow_is_told_part_by_part(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFACTORY_AIRFLOW_PASSWORD", "opensesame")
    settings.cache_clear()
    well, login = services.airflow(settings(), serve(told_by_airflow()))
    assert (well.state, login.state) == ("ok", "ok")
    assert re.search(r"scheduler heard of \d s ago", well.told)
    (unwell,) = services.airflow(settings(), serve(told_by_airflow(dag_processor=300)))
    assert unwell.state == "wrong"
    assert re.search(r"its dag processor heard of 30\d s ago", unwell.told)
    refusing = {**told_by_airflow(), "/auth/token": 401}
    monkeypatch.setenv("MLFACTORY_AIRFLOW_PORT", "1")
    (refused,) = side_by_side(
        [Check("Airflow", lambda: services.airflow(settings(), serve(refusing)))]
    )
    assert refused.state == "wrong" and "does not let 'admin' in" in refused.told


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("ahead", "state"), [(2, "ok"), (300, "wrong"), (-300, "wrong")])
def test_a_server_whose_clock_is_minutes_away_is_wrong(
    serve: Callable[..., str], ahead: int, state: str
) -> None:
    url = serve({}, ahead=timedelta(seconds=ahead))
    assert services.clock(settings(), url).state == state


@pytest.mark.usefixtures("home")
def test_a_server_that_tells_the_time_twice_is_understood() -> None:
    class Twice(Quiet):
        def do_HEAD(self) -> None:
            self.send_response(200)
            self.send_header("Date", self.date_time_string())
            self.end_headers()

    with answering(Twice) as server:
        found = services.clock(settings(), f"http://127.0.0.1:{server.server_address[1]}")
    assert found.state == "ok" and "to Airflow" in found.told


def test_a_password_behind_the_question_mark_of_an_address_is_not_shown() -> None:
    address = "postgresql://127.0.0.1:1/mlflow?user=us&password=sesame99"
    found = services.database("MLflow", address, "MLFACTORY_MLFLOW_URI")
    assert found.state == "wrong" and "postgresql://127.0.0.1:1/mlflow does not" in found.told
    assert "sesame99" not in found.told
    named = Settings(mlflow_uri=address)
    quoted = replace(found, told="the driver was given password sesame99")
    assert "sesame99" not in finding.without_secrets([quoted], named)[0].told


def test_packages_that_are_not_those_of_the_lock_are_named(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(
        "typer==0.0.1\n    # via mlfactory\nno-such-package==1.0\n"
        "elsewhere==1 ; sys_platform == 'plan9'\n"
    )
    found = machine.versions(lock)
    assert found.state == "wrong"
    assert f"typer {version('typer')} instead of 0.0.1" in found.told
    assert "no-such-package 1.0 is not installed" in found.told and "elsewhere" not in found.told


def test_a_variable_that_is_no_setting_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home.mkdir()
    (home / "own.env").write_text("MLFACTORY_VERSIONS_KEPT_DAYS=30\n")
    monkeypatch.setenv("MLFACTORY_ENVIRONMENTS", str(home))
    monkeypatch.setenv("MLFACTORY_ENV", "own")
    monkeypatch.setenv("MLFACTORY_OWN_LAKE", "/of/that/environment")
    settings.cache_clear()
    assert machine.environment(settings()).state == "ok"
    monkeypatch.setenv("MLFACTORY_LAEK", "/lake")
    found = machine.environment(settings())
    assert found.state == "wrong" and "MLFACTORY_LAEK is set, which" in found.told


@pytest.mark.usefixtures("home")
def test_the_command_shows_every_line_no_secret_and_no_traceback_and_exits_with_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "products" / "snow"
    folder.mkdir(parents=True)
    (folder / "product.yaml").write_text("apiVersion: mlfactory/v1\nnmae: snow\n")
    address = "postgresql+nodriver://who:open%20sesame@127.0.0.1:1/airflow"
    monkeypatch.setenv("MLFACTORY_AIRFLOW_DATABASE", address)
    monkeypatch.setenv("MLFACTORY_AIRFLOW_PASSWORD", "opensesame")
    monkeypatch.setenv("MLFACTORY_AIRFLOW_PORT", "1")
    monkeypatch.setenv("MLFACTORY_MLFLOW_URI", "http://who:opensesame@127.0.0.1:1")
    settings.cache_clear()
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    lines = {line.split("  ")[0]: line for line in done.output.splitlines()}
    for what in ("MLflow", "Airflow", "airflow database", "products"):
        assert " WRONG " in lines[what], done.output
    assert " - " in lines["lake"] and " ok " in lines["free space"], done.output
    assert "sesame" not in done.output and "Traceback" not in done.output


def test_a_damaged_record_of_the_stack_is_one_wrong_line_among_the_others(home: Path) -> None:
    home.mkdir(exist_ok=True)
    (home / "stack.json").write_text("{")
    asked = [check for check in doctor._checks(settings()) if check.what in ("Airflow", "clock")]
    airflow, clock = side_by_side(asked)
    assert airflow.state == "wrong" and f"{home / 'stack.json'} does not tell" in airflow.told
    assert "then remove" in airflow.remedy
    assert clock.state == "absent"


def test_each_connection_that_a_product_names_is_told(
    home: Path, make_product: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connections.connections(settings(), None)[0].state == "absent"
    make_product(
        """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources:
  orders: {kind: http, url: /orders, connection: shop_api, event_time: at}
  shops: {kind: sql, connection: warehouse, query: SELECT 1}
  stock: {kind: sql, connection: broken, query: SELECT 1}
features: {key: [id], event_time: at, numeric: [size]}
label: {column: bad, kind: binary}
"""
    )
    monkeypatch.setenv("AIRFLOW_CONN_SHOP_API", "http://:sesame42@api")
    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", '{"port": "sesame42"}')
    broken, shop_api, warehouse = connections.connections(settings(), None)
    assert (shop_api.state, broken.state, warehouse.state) == ("ok", "wrong", "wrong")
    assert "named by shop.orders; in AIRFLOW_CONN_SHOP_API" in shop_api.told
    assert "nobody knows it here" in warehouse.told and "AIRFLOW_CONN_WAREHOUSE" in warehouse.remedy
    assert "sesame42" not in f"{broken} {shop_api}"
    monkeypatch.setenv("AIRFLOW__SECRETS__BACKEND", "vault")
    assert connections.connections(settings(), None)[2].state == "absent"
    monkeypatch.delenv("AIRFLOW__SECRETS__BACKEND")
    told = home / "airflow" / "airflow.cfg"
    told.parent.mkdir(parents=True)
    for text, state in (
        ("[secrets]\nbackend =\n", "wrong"),
        ('[secrets]\nbackend = my.Vault\nbackend_kwargs = {"a": "%s"}\n', "absent"),
        ("[workers]\nsecrets_backend = my.Vault\n", "absent"),
        ("no section\n", "wrong"),
    ):
        told.write_text(text)
        assert connections.connections(settings(), None)[2].state == state, text
