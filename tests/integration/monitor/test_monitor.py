from __future__ import annotations

import logging
import re

import pandas as pd
import pytest
from tests.left_rows import leave_rows

from mlfactory import monitor, retrain
from mlfactory.lake import ledger
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.store import store_at
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ServiceError
from mlfactory.registry.connection import client
from mlfactory.settings import settings

SNAPSHOT = """
apiVersion: mlfactory/v1
name: wine
partition: {every: snapshot}
sources:
  wine: {kind: csv, path: "wine.csv", key: [bottle]}
features: {key: [bottle], numeric: [alcohol]}
label: {column: cultivar, kind: multiclass}
"""


def shown(result: monitor.MonitorResult) -> str:
    """Return the report at the address that the result names."""
    store = store_at(settings().lake_uri)
    assert result.report.startswith(store.address())
    return store.read(result.report.removeprefix(f"{store.address()}/")).decode()


def series_of(run_id: str) -> dict[str, list[tuple[int, int, float]]]:
    return {
        name: [(point.step, point.timestamp, point.value) for point in history]
        for name in client().get_run(run_id).data.metrics
        if (history := client().get_metric_history(run_id, name))
    }


def test_without_a_model_that_is_a_state_and_there_is_a_report(rides):
    result = monitor.run(rides.product, rides.month(3))
    assert result.states == {
        "drift": "no_model",
        "prediction_drift": "no_model",
        "performance": "no_model",
        "freshness": "ok",
    }
    assert "There is no model for this partition" in shown(result)
    assert rides.figure(3, "rows")["value"] == 31 * 12


def test_a_partition_without_rows_is_a_state(served):
    served.prepare(4, days=0)
    result = monitor.run(served.product, served.month(4))
    assert result.states == {
        "drift": "no_data",
        "prediction_drift": "no_data",
        "performance": "no_data",
        "freshness": "alert",
    }
    assert shown(result)


def test_the_very_first_partition_of_an_empty_lake_is_a_state(rides):
    for number in (1, 2, 3):
        rides.prepare(number, days=0)
    states = monitor.run(rides.product, rides.month(1)).states
    assert set(states.values()) == {"no_data"}


def test_data_like_that_of_the_training_is_ok(served, caplog):
    served.prepare(4)
    served.score(4)
    with caplog.at_level(logging.WARNING):
        result = monitor.run(served.product, served.month(4))
    assert result.states == {
        "drift": "ok",
        "prediction_drift": "ok",
        "performance": "ok",
        "freshness": "ok",
    }
    assert not caplog.records
    row = served.figure(4, "performance")
    assert row["low"] < row["value"] < row["high"]
    assert (row["bound"], row["state"], row["model_version"]) == (0.6, "ok", "1")
    assert served.figure(4, "total_cost")["value"] > 0
    assert served.figure(4, "roc_auc", "quarter=north")["value"] > 0.6


def test_a_shift_is_an_alert_that_names_the_feature_its_bound_and_the_report(served, caplog):
    served.prepare(4, shift=1.5)
    served.score(4)
    with caplog.at_level(logging.WARNING):
        result = monitor.run(served.product, served.month(4))
    assert result.states["drift"] == "alert"
    wind = served.figure(4, "drift", "wind")
    assert wind["state"] == "alert"
    assert wind["value"] > wind["bound"]
    assert served.figure(4, "drift", "distance")["state"] == "ok"
    assert served.figure(4, "drift")["value"] == pytest.approx(wind["value"] / wind["bound"])
    (line,) = [record.message for record in caplog.records if "data drifted" in record.message]
    assert line.startswith("rides 2013-04-01: the data drifted: wind 0.")
    assert f" > {wind['bound']:.2g}" in line
    assert result.report in line


def test_no_labels_and_few_labels_are_states(served):
    served.prepare(4, labels=False)
    served.score(4)
    assert monitor.run(served.product, served.month(4)).states["performance"] == "no_labels"
    assert served.figure(4, "coverage")["value"] == 0
    served.prepare(4, days=5)
    served.score(4)
    assert monitor.run(served.product, served.month(4)).states["performance"] == "ok"
    served.prepare(4, days=4)
    served.score(4)
    assert monitor.run(served.product, served.month(4)).states["performance"] == "insufficient"


def test_labels_that_came_late_are_counted_for_their_own_partition(served):
    for number in (4, 5):
        served.prepare(number)
        served.score(number)
    monitor.run(served.product, served.month(4))
    at_once = served.figure(4, "coverage")["value"]
    assert at_once == pytest.approx(1 - 2 / 30, abs=0.01)
    monitor.run(served.product, served.month(5))
    assert served.figure(5, "coverage", about=4)["value"] == 1
    assert served.figure(5, "performance", about=4)["state"] == "ok"
    assert served.figure(5, "coverage", about=5)["value"] < 1


def test_an_alert_of_performance_is_told_once_though_it_is_measured_again(served, caplog):
    for number in (4, 5):
        served.prepare(number)
        served.score(number)
    turned = served.lake.read("labels", [served.month(4).key])
    turned["label"] = 1 - turned["label"]
    leave_rows(served.product, served.month(4).key, labels=turned)

    def lines() -> list[str]:
        return [record.message for record in caplog.records if "performance" in record.message]

    with caplog.at_level(logging.WARNING):
        assert monitor.run(served.product, served.month(4)).states["performance"] == "alert"
        assert len(lines()) == 1
        assert "roc_auc" in lines()[0]
        assert "bound 0.55" in lines()[0]
        monitor.run(served.product, served.month(5))
        assert served.figure(5, "performance", about=4)["state"] == "alert"
        assert len(lines()) == 1


def test_a_model_that_costs_more_than_none_is_an_alert_and_asks_though_its_auc_is_fine(
    served, caplog
):
    """The demo's June was green by its AUC, at a cost of 12.72 where no model would cost 8.30."""
    served.prepare(4)
    served.score(4, threshold=0.9)
    with caplog.at_level(logging.WARNING):
        result = monitor.run(served.product, served.month(4))
    assert result.states["performance"] == "alert"
    assert served.figure(4, "roc_auc")["value"] > 0.6
    naive = served.figure(4, "naive")
    assert (naive["state"], naive["why"]) == ("alert", "cost")
    assert naive["bound"] == pytest.approx(served.figure(4, "cost")["value"])
    words = f"cost {naive['bound']:.4g} against {naive['value']:.4g} of the naive answer"
    assert f"performance is in alert: {words}" in caplog.text
    assert words in shown(result)
    reason = retrain.run(served.product, served.month(4)).reason
    assert reason.startswith(f"performance of 2013-04-01 was alert ({words})")


def test_every_row_of_a_table_is_read_once(served, monkeypatch):
    """Features, labels and predictions were read 22 times a partition."""
    for number in (4, 5):
        served.prepare(number)
        served.score(number)
    monitor.run(served.product, served.month(4))
    read: list[tuple[str, str]] = []
    really = Lake.arrow

    def noted(self, table, partitions=None, **more):
        read.extend((table, key) for key in partitions or ["all"])
        return really(self, table, partitions, **more)

    monkeypatch.setattr(Lake, "arrow", noted)
    monitor.run(served.product, served.month(5))
    rows = [one for one in read if one[0] in ("features", "labels", "predictions")]
    assert sorted(rows) == sorted(
        [("features", "2013-05-01")]
        + [(table, f"2013-0{month}-01") for month in (4, 5) for table in ("labels", "predictions")]
        + [("features", "2013-04-01")]
    )


def test_a_challenger_in_shadow_is_reported_beside_and_never_judged(served):
    served.prepare(4)
    served.score(4)
    served.score(4, role="challenger")
    assert monitor.run(served.product, served.month(4)).states["performance"] == "ok"
    row = served.figure(4, "roc_auc", "challenger")
    assert row["value"] < 0.5
    assert row["model_version"] == "2"
    assert pd.isna(row["state"])


def test_running_again_leaves_the_same_rows_report_and_series(served):
    served.prepare(4, shift=1.0)
    served.score(4)
    served.prepare(5)
    served.score(5)
    april, may = served.month(4), served.month(5)
    monitor.run(served.product, april)
    first = monitor.run(served.product, may)
    rows, page = served.lake.read("metrics"), shown(first)
    series = series_of(first.run_id)
    monitor.run(served.product, april)
    again = monitor.run(served.product, may)
    now = served.lake.read("metrics")
    pd.testing.assert_frame_equal(now.drop(columns="_run"), rows.drop(columns="_run"))
    assert shown(again) == page
    assert series_of(again.run_id) == series
    assert again == first


def test_the_series_has_the_partition_as_step_and_its_start_as_time(served):
    for number in (4, 5):
        served.prepare(number)
        served.score(number)
        run_id = monitor.run(served.product, served.month(number)).run_id
    moments = [served.month(number).start.timestamp() * 1000 for number in (4, 5)]
    ratio = client().get_metric_history(run_id, "drift.max_ratio")
    assert [(point.step, point.timestamp) for point in ratio] == [(3, moments[0]), (4, moments[1])]
    settled = client().get_metric_history(run_id, "performance.roc_auc")
    assert [(point.step, point.timestamp) for point in settled] == [(3, moments[0])]


def test_the_training_run_stays_finished(served):
    served.prepare(4)
    served.score(4)
    monitor.run(served.product, served.month(4))
    experiment = client().get_experiment_by_name("rides").experiment_id
    assert [run.info.status for run in client().search_runs([experiment])] == ["FINISHED"]


def test_the_report_is_one_file_that_shows_everything(served):
    served.prepare(4, shift=1.5)
    served.score(4)
    result = monitor.run(served.product, served.month(4))
    page = shown(result)
    assert len(page) < 1_000_000
    headings = re.findall(r"<h2[^>]*>([^<]+)</h2>", page)
    assert headings == ["Model", "Data drift", "Predictions", "Performance"]
    assert "passed every gate" in page
    cells = re.findall(r"<td[^>]*>\s*([^<]*?)\s*</td>", page)
    assert cells.index("wind") < cells.index("distance")
    assert page.count("<figure>") == 2


def test_the_manifest_says_what_was_read_and_found(served):
    served.prepare(4)
    served.score(4)
    result = monitor.run(served.product, served.month(4))
    manifest = read_manifest("rides", "monitor", "2013-04-01")
    assert set(manifest["inputs"]) == {"features", "labels", "predictions"}
    assert manifest["outputs"] == {"metrics": served.lake.version("metrics")}
    assert manifest["facts"]["states"] == result.states
    assert manifest["counts"] == {"predictions": 360, "rows": 360}


def test_features_of_a_killed_run_are_not_taken_for_a_month_without_data(served):
    served.prepare(4)
    month = served.month(4)
    rows = served.lake.read("features", [month.key])
    served.lake.replace("features", rows, month.key, run="killed")
    with pytest.raises(ServiceError, match="features are being replaced by another run of prepare"):
        monitor.run(served.product, month)


@pytest.mark.usefixtures("mlflow_file")
def test_a_snapshot_has_states_and_a_report_though_every_model_has_seen_it(make_product):
    product = make_product(SNAPSHOT, files={"wine.csv": "bottle,alcohol\n"})
    partition = product.calendar.parse("snapshot")
    leave_rows(product, "snapshot", features=pd.DataFrame({"bottle": [1], "alcohol": [12.5]}))
    details = {"version": "1", "seen_through": "snapshot"}
    ledger.record("wine", ledger.Entry("promoted", "snapshot", "gates", details=details))
    result = monitor.run(product, partition)
    assert result.states == {
        "drift": "seen",
        "prediction_drift": "seen",
        "performance": "seen",
    }
    page = shown(result)
    assert "every model has seen the only partition" in page
    assert "it was predicted by none" in page and "There is no model" not in page
    assert series_of(result.run_id) == {"rows": [(0, 0, 1.0)]}
