"""Commands that look load what they need: what fits, measures and draws takes seconds to load."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from tests.conftest import MakeProduct
from tests.left_rows import leave_rows

from mlfactory.product.loader import Product

HEAVY = ("pandas", "deltalake", "sklearn", "mlflow", "great_expectations", "matplotlib", "scipy")

SPEC = """
apiVersion: mlfactory/v1
name: rain
partition: {every: month, start: 2013-01-01}
sources: {gauge: {kind: csv, path: gauge.csv, event_time: at}}
features: {key: [station, at], event_time: at, numeric: [pressure]}
label: {column: wet, kind: binary}
monitor: {slo: {freshness: 30 days}}
"""

LOOK = """
import sys
from mlfactory.cli.main import app
app(["status", "rain"], standalone_mode=False)
print({"pandas", "scipy", "sklearn", "mlflow", "matplotlib"} & set(sys.modules))
"""


@pytest.mark.parametrize(("was_run", "loaded"), [(False, set()), (True, {"pandas"})])
def test_status_loads_no_more_than_what_reads_tables(
    home: Path, make_product: MakeProduct, was_run: bool, loaded: set[str]
) -> None:
    rain = make_product(SPEC, "def build(sources): return sources['gauge']\n", {})
    if was_run:
        rows = pd.DataFrame({"station": ["a"], "at": [datetime(2013, 1, 2, tzinfo=UTC)]})
        leave_rows(rain, "2013-01-01", features=rows)
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    # how old the data is was looked at, too
    assert ("1 old data" in done.stdout) == was_run
    # Arrow brings pandas along
    assert done.stdout.splitlines()[-1] == str(loaded)


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


def test_the_command_begins_without_what_takes_long_to_import() -> None:
    program = (
        "import sys, mlfactory.cli.doctor; print(sorted({'pandas', 'mlflow', 'boto3', "
        "'sqlalchemy', 'sklearn', 'deltalake'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
