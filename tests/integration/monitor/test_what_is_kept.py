"""What the monitor does when tables, records, features or labels are other than they were."""

from __future__ import annotations

import logging
from dataclasses import replace

import pandas as pd
import pytest
from tests.integration.monitor.conftest import TRAINING, Rides
from tests.left_rows import leave_rows

from mlfactory import monitor, retrain
from mlfactory.lake.catalog import FEATURES, PREDICTIONS, training_file
from mlfactory.lake.manifests import manifest
from mlfactory.lake.newest import newest_event
from mlfactory.lake.store import product_store
from mlfactory.product.loader import Product
from mlfactory.registry.connection import client


def with_features(product: Product, numeric: list[str], categorical: list[str]) -> Product:
    features = product.spec.features.model_copy(
        update={"numeric": tuple(numeric), "categorical": tuple(categorical)}
    )
    return replace(product, spec=product.spec.model_copy(update={"features": features}))


def run(served: Rides, number: int) -> monitor.MonitorResult:
    return monitor.run(served.product, served.month(number))


def test_the_reference_outlives_the_rows_it_was_made_of(served):
    """The features table was read at the champion's old version, gone after a vacuum."""
    for number in (1, 2, 3):
        rows = served.lake.read(FEATURES, [served.month(number).key])
        served.lake.replace(
            FEATURES, rows.iloc[:0].drop(columns="partition"), served.month(number).key
        )
    served.prepare(4, shift=1.5)
    served.score(4)
    assert run(served, 4).states["drift"] == "alert"
    assert served.figure(4, "drift", "wind")["state"] == "alert"


@pytest.mark.parametrize("content", [None, b"damaged"])
def test_a_lost_or_damaged_profile_is_a_state_and_the_policy_still_decides(served, content):
    store = product_store("rides")
    name = training_file(TRAINING, "profile.npz")
    if content is None:
        store.delete(name)
    else:
        store.write(name, content)
    served.prepare(4)
    served.score(4)
    result = run(served, 4)
    assert result.states["drift"] == "no_reference"
    assert result.states["prediction_drift"] == "ok"
    assert result.states["performance"] == "ok"
    page = store.read("reports/2013-04-01.html").decode()
    assert "profile.npz" in page
    assert "nothing asks for it" in retrain.run(served.product, served.month(4)).reason


def test_a_feature_that_was_added_since_is_named_and_raises_nothing(served):
    """It was a raw Arrow error, and since monitor comes before retrain the cure was never asked."""
    served.prepare(4)
    served.score(4)
    rows = served.lake.read(FEATURES, [served.month(4).key]).drop(columns="partition")
    leave_rows(served.product, served.month(4).key, features=rows.assign(gust=1.0))
    newer = Rides(with_features(served.product, ["distance", "wind", "gust"], ["line"]))
    assert run(newer, 4).states["drift"] == "ok"
    assert newer.figure(4, "drift", "gust")["why"] == "new"
    page = product_store("rides").read("reports/2013-04-01.html").decode()
    assert "which were added since: gust" in page


def test_a_feature_that_is_declared_and_was_never_prepared_raises_nothing(served):
    served.prepare(4)
    served.score(4)
    newer = Rides(with_features(served.product, ["distance", "wind", "gust"], ["line"]))
    assert run(newer, 4).states["drift"] == "ok"


@pytest.mark.parametrize(
    ("numeric", "categorical", "gone"),
    [(["distance"], ["line"], "wind"), (["distance", "wind"], [], "line")],
)
def test_a_feature_that_is_gone_is_a_warning(served, numeric, categorical, gone):
    served.prepare(4)
    served.score(4)
    older = Rides(with_features(served.product, numeric, categorical))
    assert run(older, 4).states["drift"] == "warn"
    row = older.figure(4, "drift", gone)
    assert (row["state"], row["why"]) == ("warn", "gone")


def test_labels_that_come_beyond_their_time_are_counted_when_the_month_is_run_again(served):
    """Running the old day again counted 0 of 96."""
    served.prepare(4, labels=False)
    served.score(4)
    run(served, 4)
    served.prepare(5)
    served.score(5)
    run(served, 5)
    assert served.figure(5, "performance", about=4)["state"] == "no_labels"
    served.prepare(4)
    assert run(served, 4).states["performance"] == "ok"
    rows = served.metrics(4)
    known = rows[(rows["metric"] == "coverage") & (rows["as_of"] == "2013-05-01")]
    assert known["value"].tolist() == [1.0]
    # the decision about April rests on what was known at its end
    before = rows[(rows["metric"] == "coverage") & (rows["as_of"] == "2013-04-01")]
    assert before["value"].iloc[0] < 1


def test_overdue_labels_are_an_alert_of_their_own(served, caplog):
    for number in (4, 5):
        served.prepare(number, labels=number == 5)
        served.score(number)
        key = served.month(number).key
        rows = served.lake.read(FEATURES, [key]).drop(columns="partition")
        with manifest(served.product, "prepare", key) as record:
            record.counts = {"rows": 360, "labelled": 0}
        leave_rows(served.product, key, features=rows)
    with caplog.at_level(logging.WARNING):
        assert run(served, 5).states["labels"] == "alert"
    assert "rides 2013-04-01: labels are overdue: 0.0% of its events have one" in caplog.text


def test_values_that_mlflow_refuses_in_names_are_followed_all_the_same(served):
    """A sensitive value `A/` was refused, and two such values must not become one series."""
    served.prepare(4)
    served.score(4)
    rows = served.lake.read(FEATURES, [served.month(4).key]).drop(columns="partition")
    rows["quarter"] = rows["quarter"].map({"north": "A/", "south": "A?"})
    leave_rows(served.product, served.month(4).key, features=rows)
    served.prepare(5)
    served.score(5)
    run(served, 4)
    run(served, 5)
    run_id = run(served, 5).run_id
    names = [name for name in client().get_run(run_id).data.metrics if "quarter" in name]
    assert len([name for name in names if name.startswith("performance.roc_auc.quarter_A_")]) == 2


def test_a_window_holds_only_what_the_same_version_predicted(served):
    served.prepare(4)
    served.score(4)
    predictions = served.lake.read(PREDICTIONS).drop(columns="partition")
    leave_rows(served.product, "2013-04-01", predictions=predictions.assign(model_version="0"))
    assert run(served, 4).states["prediction_drift"] == "no_data"


def test_the_page_says_what_the_card_says_of_the_fitted_rows(served):
    served.prepare(4)
    served.score(4)
    run(served, 4)
    fitted = len(served.lake.read(FEATURES, ["2013-01-01", "2013-02-01"]))
    page = product_store("rides").read("reports/2013-04-01.html").decode()
    assert f"2013-01-01 and 2013-02-01 ({fitted:,} rows)" in page


def test_the_newest_event_is_asked_of_the_lake_and_no_stage(served):
    # nothing was ever run of April, and nobody has to run it
    march = served.lake.read(FEATURES, ["2013-03-01"])[served.product.spec.features.event_time]
    for month in (3, 4):
        assert newest_event(served.product, served.month(month)) == march.max()
    # rows of a run that left no manifest: their events happened
    rows = served.lake.read(FEATURES, ["2013-03-01"]).drop(columns=["partition", "_run"])
    later = rows.assign(at=rows["at"] + pd.Timedelta("31 days"))
    served.lake.replace(FEATURES, later, "2013-04-01", run="cut off")
    assert newest_event(served.product, served.month(4)) == later["at"].max()
