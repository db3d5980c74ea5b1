from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from mlfactory.lake.store import store_at
from mlfactory.product.errors import ServiceError
from mlfactory.registry import artifacts, models, runs, versions
from mlfactory.registry.connection import client
from mlfactory.settings import settings


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(mlflow_file: Path, monkeypatch) -> Iterator[subprocess.Popen[bytes]]:
    uri = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1"]
    command += ["--port", uri.rpartition(":")[2], "--backend-store-uri", f"sqlite:///{mlflow_file}"]
    command += ["--artifacts-destination", settings().artifacts_uri]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    process = subprocess.Popen(command, env={**os.environ, **quiet}, start_new_session=True)
    try:
        until = time.monotonic() + 120
        while True:
            try:
                httpx.get(f"{uri}/health").raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None and time.monotonic() < until
                time.sleep(0.2)
        monkeypatch.setenv("MLFACTORY_MLFLOW_URI", uri)
        settings.cache_clear()
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, 15)
        process.wait(30)


def test_what_is_registered_through_a_server_is_there_without_it_and_its_death_is_told(
    server, product, estimator, rows, monkeypatch
):
    run = runs.training_run(product, "2024-01-03", "2024-01-03.a")
    child = runs.candidate_run(product, run, "2024-01-03.a", "logistic_regression")
    runs.log_metrics(child, {"roc_auc": 0.7})
    runs.log_text(run, "# card", "card.md")
    runs.log_dataset(run, name="f", table_path="/f", version=1, frame=rows, context="training")
    stored = models.log_model(run, estimator, rows.head())
    assert {found.path for found in client().list_artifacts(run)} == {"card.md"}
    version = versions.register("shop", stored, run, {"training_id": "2024-01-03.a"})
    assert versions.register("shop", stored, run, {"training_id": "2024-01-03.a"}) == version
    versions.set_alias("shop", "champion", version)
    versions.drop_alias("shop", "challenger")
    versions.describe("shop", version, "| gate |")
    served = models.load_version("shop", version)
    runs.finish(run)

    stop(server)
    before = time.monotonic()
    with pytest.raises(ServiceError, match="mlfactory up"):
        runs.log_metrics(run, {"roc_auc": 0.7})
    assert time.monotonic() - before < 5

    monkeypatch.delenv("MLFACTORY_MLFLOW_URI")
    settings.cache_clear()
    assert versions.alias_version("shop", "champion") == version
    direct = models.load_version("shop", version)
    assert direct.tags == served.tags
    assert np.array_equal(direct.answer(rows).scores, served.answer(rows).scores)
    assert artifacts.kept(run, "card.md") == b"# card"
    assert runs.training_run(product, "2024-01-03", "2024-01-03.a") == run
    kept = store_at(settings().artifacts_uri).list("shop")
    assert f"shop/{run}/artifacts/card.md" in kept
