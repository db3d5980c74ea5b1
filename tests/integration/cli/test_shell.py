"""A shell that is set up for another MLflow leads no command there."""

from __future__ import annotations

import pytest
from tests.integration.cli.test_reset import ran, shelf  # noqa: F401

from mlfactory.registry.removal import registered

NOWHERE = "http://127.0.0.1:1"
ANOTHER = {
    "MLFLOW_TRACKING_URI": NOWHERE,
    "MLFLOW_REGISTRY_URI": NOWHERE,
    "MLFLOW_S3_ENDPOINT_URL": NOWHERE,
    "MLFLOW_EXPERIMENT_NAME": "elsewhere",
    "MLFLOW_EXPERIMENT_ID": "77",
    "MLFLOW_RUN_ID": "0" * 32,
    "MLFLOW_ACTIVE_MODEL_ID": "m-1",
    "MLFLOW_WORKSPACE": "elsewhere",
}


def test_a_product_lives_in_our_mlflow_whatever_another_one_is_called(
    shelf,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in ANOTHER.items():
        monkeypatch.setenv(name, value)
    shelf()
    ran("shelf")
    known = registered("shelf")
    assert known.aliases == ("champion",) and known.runs
