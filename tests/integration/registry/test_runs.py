from __future__ import annotations

import math
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from mlfactory.lake.catalog import CLAIMS
from mlfactory.lake.store import product_store, store_at
from mlfactory.product.errors import ServiceError
from mlfactory.registry import artifacts, runs
from mlfactory.registry.connection import client
from mlfactory.registry.versions import alias_version, drop_alias, set_alias
from mlfactory.settings import settings

CREATE = """
from mlfactory.product.loader import load_product
from mlfactory.registry.runs import candidate_run, log_metrics, training_run
product = load_product("shop")
run = training_run(product, "2024-01-03", "2024-01-03.test")
child = candidate_run(product, run, "2024-01-03.test", "ridge")
log_metrics(child, {"mae": 1.0})
print(run, child)
"""


def test_a_training_finds_its_run_again(product):
    run = runs.training_run(product, "2024-01-03", "2024-01-03.a")
    runs.finish(run, failed=True)
    assert runs.training_run(product, "2024-01-03", "2024-01-03.a") == run
    found = client().get_run(run)
    assert found.info.status == "RUNNING"
    assert found.info.run_name == "train 2024-01-03"
    assert found.data.tags["mlfactory.training_id"] == "2024-01-03.a"
    assert runs.training_run(product, "2024-01-03", "2024-01-03.b") != run


def test_a_candidate_is_a_child_of_its_training(product):
    parent = runs.training_run(product, "2024-01-03", "2024-01-03.a")
    child = runs.candidate_run(product, parent, "2024-01-03.a", "ridge")
    assert runs.candidate_run(product, parent, "2024-01-03.a", "ridge") == child
    assert runs.candidate_run(product, parent, "2024-01-03.a", "extra_trees") != child
    assert client().get_run(child).data.tags["mlflow.parentRunId"] == parent


def test_the_monitor_has_one_run_and_its_steps_are_a_series(product):
    run = runs.monitor_run(product)
    assert runs.monitor_run(product) == run
    for step in (0, 1, 1):
        runs.log_metrics(run, {"roc_auc": 0.6 + step / 10}, step=step, timestamp_ms=step)
    history = client().get_metric_history(run, "roc_auc")
    assert [(point.step, point.value) for point in history] == [(0, 0.6), (1, 0.7)]


def test_more_than_a_batch_is_logged_and_nan_is_left_out(product):
    run = runs.training_run(product, "2024-01-03", "t")
    runs.log_metrics(run, {f"m{i}": i for i in range(1200)} | {"none": math.nan})
    runs.log_params(run, {f"p{i}": i for i in range(120)})
    runs.set_tags(run, {f"t{i}": i for i in range(120)})
    data = client().get_run(run).data
    assert "none" not in data.metrics
    assert (len(data.metrics), len(data.params), data.tags["t119"]) == (1200, 120, "119")


def test_artifacts_lie_in_the_store_in_mlflows_own_layout_and_mlflow_finds_them(product):
    run = runs.training_run(product, "2024-01-03", "t")
    runs.log_text(run, "# card", "card.md")
    runs.log_bytes(run, b"<svg/>", "plots/line.svg")
    assert artifacts.kept(run, "card.md") == b"# card"
    kept = store_at(settings().artifacts_uri).list()
    assert kept == [f"shop/{run}/artifacts/card.md", f"shop/{run}/artifacts/plots/line.svg"]
    assert client().get_run(run).info.artifact_uri == f"mlflow-artifacts:/shop/{run}/artifacts"
    assert {found.path for found in client().list_artifacts(run)} == {"card.md", "plots"}
    experiment = client().get_experiment_by_name("shop")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"


def test_a_run_made_by_a_process_that_was_killed_before_it_said_so_is_taken(product):
    run = runs.training_run(product, "2024-01-03", "t")
    product_store("shop").delete_all(CLAIMS)
    assert runs.training_run(product, "2024-01-03", "t") == run


def test_a_run_that_mlflow_lost_makes_way_for_another(product):
    first = runs.training_run(product, "2024-01-03", "t")
    client().delete_run(first)
    second = runs.training_run(product, "2024-01-03", "t")
    assert second != first
    assert runs.training_run(product, "2024-01-03", "t") == second


def test_the_run_of_the_monitor_is_never_under_way(product):
    assert client().get_run(runs.monitor_run(product)).info.status == "FINISHED"


def test_a_user_without_a_name_can_make_a_run(product, monkeypatch):
    def nobody() -> str:
        raise OSError("no username set in the environment")

    monkeypatch.setattr(runs.getpass, "getuser", nobody)
    run = runs.training_run(product, "2024-01-03", "t")
    assert client().get_run(run).data.tags["mlflow.user"].startswith("user ")


def test_a_dataset_is_known_by_its_delta_version(product):
    run = runs.training_run(product, "2024-01-03", "t")
    frame = pd.DataFrame({"a": [1.5, np.nan], "b": pd.Series(["x", None], dtype="str")})
    for _ in range(2):
        runs.log_dataset(
            run, name="features", table_path="/lake/f", version=3, frame=frame, context="training"
        )
    inputs = client().get_run(run).inputs.dataset_inputs
    assert [(found.dataset.name, found.dataset.digest) for found in inputs] == [
        ("features", "version-3")
    ]
    assert '"delta_table_version": 3' in inputs[0].dataset.source


def test_an_alias_is_none_until_it_is_set_and_after_it_is_dropped(product):
    assert alias_version("shop", "champion") is None
    drop_alias("shop", "champion")
    client().create_registered_model("shop")
    assert alias_version("shop", "champion") is None
    made = client().create_model_version("shop", "/nowhere")
    set_alias("shop", "champion", str(made.version))
    assert alias_version("shop", "champion") == "1"
    drop_alias("shop", "champion")
    assert alias_version("shop", "champion") is None


def test_links_lead_to_the_configured_interface(product, monkeypatch):
    monkeypatch.setenv("MLFACTORY_MLFLOW_UI", "http://mlflow.example")
    settings.cache_clear()
    run = runs.training_run(product, "2024-01-03", "t")
    assert runs.run_url(run).startswith("http://mlflow.example/#/experiments/")
    assert runs.run_url(run).endswith(f"/runs/{run}")


def test_processes_that_begin_at_once_share_one_experiment_and_run(product, mlflow_file):
    mlflow_file.unlink()
    started = [
        subprocess.Popen([sys.executable, "-c", CREATE], stdout=subprocess.PIPE, env=os.environ)
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=120)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert len(set(answers)) == 1


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1", "http://192.0.2.1:5000"])
def test_a_server_that_is_gone_is_said_within_five_seconds(product, monkeypatch, uri):
    monkeypatch.setenv("MLFACTORY_MLFLOW_URI", uri)
    settings.cache_clear()
    before = time.monotonic()
    with pytest.raises(ServiceError, match=f"(?s){uri}.*mlfactory up"):
        runs.training_run(product, "2024-01-03", "t")
    assert time.monotonic() - before < 5


def test_the_login_at_a_server_that_is_gone_is_not_said(product, monkeypatch):
    monkeypatch.setenv("MLFACTORY_MLFLOW_URI", "http://ann:s3cret@127.0.0.1:1")
    settings.cache_clear()
    with pytest.raises(ServiceError, match=r"does not answer at http://127\.0\.0\.1:1") as raised:
        runs.training_run(product, "2024-01-03", "t")
    assert "s3cret" not in str(raised.value)
