"""However the environment and AWS's files say where S3 is, all that the factory uses go there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pandas as pd
import pytest
from mlflow import MlflowClient
from tests.s3.server import S3Server, free_port, wait_for

from mlfactory.cli.services import Service, services
from mlfactory.lake import s3
from mlfactory.lake.store import store_at
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import UsageError
from mlfactory.registry import runs
from mlfactory.settings import settings

NOWHERE = "http://127.0.0.1:1"
PROFILE = """
[profile factory]
region = eu-north-1
endpoint_url = {AWS_ENDPOINT_URL}
aws_access_key_id = {AWS_ACCESS_KEY_ID}
aws_secret_access_key = {AWS_SECRET_ACCESS_KEY}

[profile service]
services = ours
aws_access_key_id = {AWS_ACCESS_KEY_ID}
aws_secret_access_key = {AWS_SECRET_ACCESS_KEY}

[services ours]
s3 =
  endpoint_url = {AWS_ENDPOINT_URL}

[profile keys]
aws_access_key_id = {AWS_ACCESS_KEY_ID}
aws_secret_access_key = {AWS_SECRET_ACCESS_KEY}
"""
Way = Callable[[dict[str, str]], None]


@pytest.fixture
def way(s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Way]:
    """Give a function that sets the variables of a way to the server, and no other of AWS's."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    (tmp_path / "config").write_text(PROFILE.format(**s3_server.environment))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def set_out(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value.format(**s3_server.environment))
        s3._client.cache_clear()

    yield set_out
    s3._client.cache_clear()


KEYS = {
    "AWS_ACCESS_KEY_ID": "{AWS_ACCESS_KEY_ID}",
    "AWS_SECRET_ACCESS_KEY": "{AWS_SECRET_ACCESS_KEY}",
}
HERE = "{AWS_ENDPOINT_URL}"


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({**KEYS, "AWS_ENDPOINT_URL": HERE}, "us-east-1"),
        ({**KEYS, "AWS_ENDPOINT_URL": HERE, "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        (
            {
                **KEYS,
                "AWS_ENDPOINT_URL": HERE,
                "AWS_REGION": "eu-west-2",
                "AWS_DEFAULT_REGION": "eu-west-1",
            },
            "eu-west-2",
        ),
        ({**KEYS, "AWS_ENDPOINT_URL": NOWHERE, "AWS_ENDPOINT_URL_S3": HERE}, "us-east-1"),
        ({"AWS_PROFILE": "factory"}, "eu-north-1"),
        ({"AWS_PROFILE": "factory", "AWS_REGION": "eu-west-2"}, "eu-west-2"),
        ({"AWS_PROFILE": "service", "AWS_ENDPOINT_URL_STS": NOWHERE}, "us-east-1"),
        ({"AWS_PROFILE": "keys", "AWS_ENDPOINT_URL_S3": HERE}, "us-east-1"),
        ({**KEYS, "AWS_ENDPOINT_URL": HERE, "AWS_SKIP_SIGNATURE": "true"}, "us-east-1"),
    ],
)
def test_files_and_tables_lie_on_the_same_server(
    s3_server: S3Server, way: Way, variables: dict[str, str], region: str
) -> None:
    way(variables)
    root = f"s3://{s3_server.bucket}/{uuid4().hex}"
    assert store_at(root).create("a.json", b"{}")
    lake = Lake("shop", root)
    lake.replace("sales", pd.DataFrame({"partition": ["2013-01-01"], "value": [1]}), "2013-01-01")
    assert lake.read("sales")["value"].to_list() == [1]
    assert any("sales/_delta_log/" in name for name in store_at(root).list())
    assert s3.storage_options()["AWS_REGION"] == region


def test_where_aws_is_told_to_ignore_an_endpoint_tables_ignore_it_too(way: Way) -> None:
    way({**KEYS, "AWS_ENDPOINT_URL_S3": HERE, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"})
    told = s3.storage_options()
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        assert told[name].endswith(".amazonaws.com")


def test_a_session_token_that_goes_with_other_keys_is_named(way: Way) -> None:
    way({"AWS_PROFILE": "factory", "AWS_SESSION_TOKEN": "of yesterday"})
    with pytest.raises(UsageError, match=r"AWS_SESSION_TOKEN is set(.|\n)*unset it") as told:
        s3.storage_options()
    assert "of yesterday" not in str(told.value)


def test_a_profile_that_is_not_there_is_named(way: Way) -> None:
    way({"AWS_PROFILE": "factroy"})
    for use in (lambda: store_at("s3://factory/lake").list(), s3.storage_options):
        with pytest.raises(UsageError, match=r"factroy(.|\n)*correct AWS_PROFILE"):
            use()


@pytest.fixture
def mlflow(
    home: Path, way: Way, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Service]:
    """Start the stack's MLflow in a shell that is set up for another one."""
    way({"AWS_PROFILE": "factory"})
    for name in ("MLFLOW_S3_ENDPOINT_URL", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_STORE_URI"):
        monkeypatch.setenv(name, NOWHERE)
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    monkeypatch.setenv("MLFACTORY_LAKE", f"s3://{s3_server.bucket}/{uuid4().hex}")
    monkeypatch.setenv("MLFACTORY_MLFLOW_PORT", str(free_port()))
    settings.cache_clear()
    (service,) = (one for one in services(settings()) if one.name == "mlflow")
    (home / "mlflow").mkdir(parents=True)
    log = tmp_path / "mlflow.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [str(Path(sys.executable).parent / service.command[0]), *service.command[1:]],
            env=dict(service.environment),
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for("mlflow", service.is_ready, log, seconds=120)
        monkeypatch.setenv("MLFACTORY_MLFLOW_URI", service.address)
        settings.cache_clear()
        yield service
    finally:
        os.killpg(process.pid, service.stop_signal)
        process.wait(30)


def test_the_mlflow_server_finds_what_tasks_keep_there(
    mlflow: Service, make_product: Callable[..., object]
) -> None:
    product = make_product(SPEC)
    run = runs.training_run(product, "2024-01-03", "2024-01-03.a")
    runs.log_text(run, "# card", "card.md")
    asked = {"run_uuid": run, "path": "card.md"}
    answer = httpx.get(f"{mlflow.address}/get-artifact", params=asked, timeout=60)
    assert (answer.status_code, answer.text) == (200, "# card")


def test_mlflow_itself_without_a_server_goes_there_too(
    mlflow_file: Path,
    way: Way,
    s3_server: S3Server,
    make_product: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    way({"AWS_PROFILE": "factory"})
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", NOWHERE)
    monkeypatch.setenv("MLFACTORY_LAKE", f"s3://{s3_server.bucket}/{uuid4().hex}")
    settings.cache_clear()
    run = runs.training_run(make_product(SPEC), "2024-01-03", "2024-01-03.a")
    runs.log_text(run, "# card", "card.md")
    client = MlflowClient(settings().tracking_uri)
    assert [found.path for found in client.list_artifacts(run)] == ["card.md"]


SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2024-01-01}
sources: {sales: {kind: csv, path: sales.csv, event_time: at, key: [id]}}
features: {key: [id], event_time: at, numeric: [price]}
label: {column: sold, kind: binary}
"""
