"""The second product, week by week, from a real database and a real API that has a pace of its own.

Weeks instead of months, and a search of a moment: what is looked at is how the labels come.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from examples.airport.tables import RECORDS, make
from tests.airport import connections_to, open_airport
from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.lake.catalog import METRICS
from mlfactory.lake.labels import known_labels
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.settings import REPOSITORY

pytestmark = pytest.mark.one_lake

EXAMPLE = REPOSITORY / "examples" / "flight_cancelled"
NAME = "flight_cancelled"
WEEKS = ["2013-03-04", "2013-03-11", "2013-03-18", "2013-03-25"]
"""With the storm of the 6th to the 8th of March in the first of them."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("airport")
    make(made)
    return made


@pytest.fixture
def product(mlflow_file: Path, make_product: Callable[..., Product]) -> Product:
    spec = (EXAMPLE / "product.yaml").read_text()
    for old, new in (
        ("month, start: 2013-02-01, end: 2014-01-01", "week, start: 2013-03-04"),
        ("min_value: 20000, max_value: 40000", "min_value: 4000, max_value: 9000"),
        ("min_value: 1900", "min_value: 450"),
        ("min_rows: 5000", "min_rows: 1000"),
        ("[logistic_regression, hist_gradient_boosting]", "[logistic_regression]"),
        ("trials: 4, seconds: 10", "trials: 1, seconds: 1"),
        # a week is too short for it
        ("    - {metric: roc_auc, beats: champion, confidence: 0.90}\n", ""),
        ("at_least: 0.08", "at_least: 0.001"),
    ):
        assert old in spec, old
        spec = spec.replace(old, new)
    return make_product(spec, (EXAMPLE / "features.py").read_text())


def run(key: str) -> str:
    done = CliRunner().invoke(app, ["run", NAME, key], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def known(product: Product, week: str, at: str) -> pd.DataFrame:
    return known_labels(product, [week], product.calendar.parse(at).end)


def test_labels_that_were_told_a_week_later_are_known_then_and_performance_is_measured_again(
    product: Product,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # two at once, then one a second: the third page of a week is refused, and waited for
    with open_airport(folder, per_second=1) as server:
        for name, value in connections_to(server, folder).items():
            monkeypatch.setenv(name, value)
        for week in WEEKS:
            run(week)
    assert "429 Too Many Requests" in caplog.text

    # the flights of Saturday and Sunday are told of on Monday and Tuesday
    first, second = WEEKS[:2]
    flights = read_manifest(NAME, "prepare", first)["counts"]["rows"]
    at_its_end, a_week_later = known(product, first, first), known(product, first, second)
    assert 0.6 * flights < len(at_its_end) < 0.8 * flights
    assert len(a_week_later) == flights
    assert read_manifest(NAME, "prepare", second)["facts"]["labels"]["of"][first] > 0
    # and are those of the airport
    with closing(sqlite3.connect(folder / RECORDS)) as records:
        truth = pd.read_sql_query("SELECT flight_id, cancelled FROM outcomes", records)
    labels = a_week_later.merge(truth, on="flight_id", validate="1:1")
    assert len(labels) == flights
    assert (labels["label"].astype(float) == labels["cancelled"]).all()
    assert labels["cancelled"].sum() > 100

    # a champion of the second week predicts the third, whose figure is made again with all labels
    measured = Lake(NAME).read(METRICS)
    of_the_third = measured[(measured["about"] == WEEKS[2]) & (measured["slice"] == "")]
    by_week = of_the_third.pivot_table(index="partition", columns="metric", values="value")
    assert by_week.index.tolist() == WEEKS[2:]
    assert 0.6 < by_week.loc[WEEKS[2], "coverage"] < 0.8
    assert by_week.loc[WEEKS[3], "coverage"] == 1
    assert by_week["average_precision"].nunique() == 2


def test_without_its_connections_it_says_which_and_what_to_do(product: Product) -> None:
    done = CliRunner().invoke(app, ["run", NAME, WEEKS[0]])
    assert done.exit_code != 0
    assert "there is no connection 'airport_timetable'" in done.output
    assert "AIRFLOW_CONN_AIRPORT_TIMETABLE" in done.output


def test_another_token_is_told_and_lands_nothing(
    product: Product, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_airport(folder) as server:
        for name, value in connections_to(server, folder, "not-the-token").items():
            monkeypatch.setenv(name, value)
        done = CliRunner().invoke(app, ["run", NAME, WEEKS[0]])
    assert done.exit_code != 0
    assert "does not let us in" in done.output
    assert "not-the-token" not in done.output
    assert Lake(NAME).version("raw_weather") is None
