from __future__ import annotations

import json
import os
import re
import subprocess
import sys
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

HEAVY = ("pandas", "deltalake", "sklearn", "mlflow", "great_expectations", "matplotlib", "scipy")
COMMANDS = (
    "check",
    "schema",
    "run",
    "predict",
    "replay",
    "reset",
    "status",
    "reconcile",
    "doctor",
    "release",
    "up",
    "down",
    "demo",
)

runner = CliRunner()


def write_broken(products: Path, name: str = "snow") -> None:
    folder = products / name
    folder.mkdir()
    (folder / "product.yaml").write_text("apiVersion: mlfactory/v1\nnmae: snow\n")


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


def test_check_says_what_each_product_is(add_product: Callable[[str], Product]) -> None:
    add_product("rain")
    add_product("sun")
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 0
    told = [
        line for line in result.stdout.splitlines() if "no source has an expectation" not in line
    ]
    assert told == [
        "rain  OK  binary; a partition a month from 2013-01-01; 1 source; 2 features; "
        "3 candidates; 2 gates",
        "sun   OK  binary; a partition a month from 2013-01-01; 1 source; 2 features; "
        "3 candidates; 2 gates",
    ]


def test_check_warns_of_what_is_allowed_and_surprises(products: Path, rain: Product) -> None:
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 0
    file = products / "rain" / "product.yaml"
    assert f"  {file}:1: no source has an expectation" in result.stdout


def test_check_imports_the_code_of_each_product(
    products: Path, rain: Product, add_product: Callable[[str], Product]
) -> None:
    add_product("snow")
    (products / "snow" / "features.py").write_text("import nothing\n\ndef build(sources): ...\n")
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 1
    assert result.stdout.startswith("rain  OK")
    assert "No module named 'nothing'" in result.stderr
    assert f"({products / 'snow' / 'features.py'}:1)" in result.stderr


def test_check_tells_every_mistake_and_which_products_are_right(
    products: Path, rain: Product
) -> None:
    write_broken(products)
    result = runner.invoke(app, ["check"])
    assert result.exit_code == 1
    assert result.stdout.startswith("rain  OK")
    assert "product snow: 6 mistakes" in result.stderr
    assert f"{products / 'snow' / 'product.yaml'}:2: nmae: is not a key here" in result.stderr


def test_check_of_one_product_leaves_the_others_alone(products: Path, rain: Product) -> None:
    write_broken(products)
    assert runner.invoke(app, ["check", "rain"]).exit_code == 0
    assert runner.invoke(app, ["check", "snow"]).exit_code == 1


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


def mlfactory(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).parent / "mlfactory"
    environment = {
        **os.environ,
        "MLFACTORY_HOME": str(home / "var"),
        "MLFACTORY_PRODUCTS": str(home / "products"),
    }
    return subprocess.run(
        [str(command), *arguments], capture_output=True, text=True, env=environment, timeout=60
    )


def test_bad_input_shows_no_traceback(products: Path, rain: Product) -> None:
    write_broken(products)
    done = mlfactory("check", home=products.parent)
    assert done.returncode == 1
    assert "product snow: 6 mistakes" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "OK" in done.stdout


def test_check_and_help_load_no_heavy_library(products: Path, rain: Product) -> None:
    program = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from mlfactory.cli.main import app\n"
        "for arguments in (['--help'], ['check']):\n"
        "    assert CliRunner().invoke(app, arguments).exit_code == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_setting_that_cannot_be_is_named_by_its_variable() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "mlfactory"), "status"],
        env={**os.environ, "MLFACTORY_AIRFLOW_PORT": "99999"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "MLFACTORY_AIRFLOW_PORT" in done.stderr
    assert "99999" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_cannot_be_is_told_without_its_login() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "mlfactory"), "status"],
        env={**os.environ, "MLFACTORY_LAKE": "ftp://somebody:geheim@example.com/lake"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "ftp://example.com/lake" in done.stderr.replace("\n", "")
    assert "geheim" not in done.stderr
