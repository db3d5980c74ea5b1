from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.cycle.steps import STAGES
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product, schema_of
from mlfactory.settings import settings

SNAPSHOT = """\
apiVersion: mlfactory/v1
name: {name}
partition: {{every: snapshot}}
sources:
  gauge: {{kind: csv, path: gauge.csv}}
features: {{key: [station], numeric: [pressure]}}
label: {{column: wet, kind: binary}}
"""
COMMANDS = (
    "check",
    "features",
    "schema",
    "run",
    "predict",
    "replay",
    "reset",
    "status",
    "reconcile",
    "doctor",
    "release",
    "quarantine",
    "labels",
    "up",
    "down",
    "demo",
)

runner = CliRunner()


def test_help_names_every_command() -> None:
    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    assert all(f" {command} " in result.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = runner.invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Usage: mlfactory {command}" in result.stdout


def test_the_help_of_run_names_every_stage() -> None:
    said = re.sub(r"[\s│]+", " ", runner.invoke(app, ["run", "--help"]).stdout)
    *others, last = STAGES
    assert f"{', '.join(others)} or {last};" in said


def test_a_name_that_no_product_has_is_a_message(rain: Product) -> None:
    result = runner.invoke(app, ["check", "rian"])
    assert result.exit_code == 1
    assert "there is no product 'rian'" in result.stderr
    assert "did you mean 'rain'?" in result.stderr
    assert result.stdout == ""


def test_a_folder_without_products_is_a_message(products: Path) -> None:
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 1
    assert "there is no product in" in result.stderr


def test_schema_writes_the_schema_of_a_spec(tmp_path: Path) -> None:
    printed = runner.invoke(app, ["schema"])
    assert json.loads(printed.stdout) == json.loads(json.dumps(schema_of()))
    file = tmp_path / "schema.json"
    result = runner.invoke(app, ["schema", "--output", str(file)])
    assert result.stdout == f"wrote {file}\n"
    assert json.loads(file.read_text()) == json.loads(printed.stdout)


def test_schema_help_tells_editors_how_to_use_it() -> None:
    assert "yaml-language-server: $schema=" in runner.invoke(app, ["schema", "--help"]).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rain"], "give its key, such as '2013-01-01'"),
        (["rain", "--to", "2013-02-01"], "has a partition a month: say which one is meant"),
        (["rain", "2013-01-02"], "the partition it lies in is '2013-01-01'"),
        (["rain", "2012-12-01"], "before the product's first"),
        (["rain", "2013-03-01", "--to", "2013-01-01"], "is before the first"),
        (["rain", "2013-01-01", "--stage", "scor"], "no stage 'scor' (did you mean 'score'?)"),
        (
            ["rain", "2013-01-01", "--candidates", "ridge"],
            "'ridge' is not among train.candidates",
        ),
        (["rain", "2013-01-01", "--stage", "promote"], "no fitted training of partition"),
    ],
)
def test_run_refuses_what_there_is_not(rain: Product, arguments: list[str], says: str) -> None:
    result = runner.invoke(app, ["run", *arguments])
    assert result.exit_code == 1
    assert says in result.stderr


def test_replay_needs_both_ends_of_a_span(rain: Product) -> None:
    for given in ([], ["2013-01-01"]):
        result = runner.invoke(app, ["replay", "rain", *given])
        assert result.exit_code == 1
        assert "give its key, such as '2013-01-01'" in result.stderr


def test_a_snapshot_needs_no_partition(add_product: Callable[..., Product]) -> None:
    add_product("sun", SNAPSHOT)
    result = runner.invoke(app, ["run", "sun", "--stage", "promote"])
    assert "no fitted training of partition snapshot" in result.stderr
    result = runner.invoke(app, ["replay", "sun"])
    assert "mlfactory up" in result.stderr


def test_replay_and_status_without_a_stack_are_messages(rain: Product) -> None:
    result = runner.invoke(app, ["replay", "rain", "2013-01-01", "2013-02-01"])
    assert result.exit_code == 1
    assert "mlfactory up" in result.stderr
    result = runner.invoke(app, ["status"])
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["rain: nothing has run yet", "stack: down"]


def test_status_on_a_server_is_of_the_airflow_that_is_named(
    rain: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFACTORY_AIRFLOW_ADDRESS", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFACTORY_AIRFLOW_UI", "https://airflow.example.com")
    monkeypatch.setenv("MLFACTORY_AIRFLOW_PASSWORD", "secret")
    settings.cache_clear()
    result = runner.invoke(app, ["status"])
    assert result.exit_code == 0, result.output
    assert "stack: Airflow https://airflow.example.com, MLflow http" in result.stdout
    assert "stack: down" not in result.stdout
    # nobody listens there
    assert "http://127.0.0.1:1" in result.stdout


def test_down_without_a_stack_is_harmless(products: Path) -> None:
    result = runner.invoke(app, ["down"])
    assert (result.exit_code, result.stdout) == (0, "nothing is up\n")


def test_debug_lets_the_error_through(rain: Product) -> None:
    result = runner.invoke(app, ["--debug", "check", "rian"])
    assert isinstance(result.exception, UsageError)
