"""Runs: one parent a training, a child a candidate, one run a product's monitor.

A run is found again by its tags, so that a stage which is run again goes on in its own run.
"""

from __future__ import annotations

import getpass
import json
import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
from mlflow import MlflowClient
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

from mlfactory.product.loader import Product
from mlfactory.registry.connection import artifact_location, client, guarded, one_at_a_time
from mlfactory.settings import settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_METRICS_A_BATCH = 1000
_OTHERS_A_BATCH = 100
_ROWS_FOR_SCHEMA = 1000

_Item = TypeVar("_Item")


@guarded()
def training_run(product: Product, partition_key: str, training_id: str) -> str:
    """Return the id of a training's parent run, which is made if there is none yet."""
    return _find_or_create(
        product,
        product.name,
        f"train {partition_key}",
        {"mlfactory.training_id": training_id, "mlfactory.kind": "training"},
        {"mlfactory.partition": partition_key, "mlfactory.spec_hash": product.spec_hash},
    )


@guarded()
def candidate_run(product: Product, parent_run_id: str, candidate: str) -> str:
    """Return the id of the run of one candidate, a child of its training's run."""
    return _find_or_create(
        product,
        product.name,
        candidate,
        {"mlflow.parentRunId": parent_run_id, "mlfactory.candidate": candidate},
        {"mlfactory.kind": "candidate"},
    )


@guarded()
def monitor_run(product: Product) -> str:
    """Return the id of the one run that holds a product's monitoring as time series."""
    return _find_or_create(
        product, f"{product.name}.monitor", "monitor", {"mlfactory.kind": "monitor"}, {}
    )


@guarded()
def log_params(run_id: str, params: Mapping[str, Any]) -> None:
    """Record what a run was made with; MLflow keeps the first value of each for ever."""
    entries = [Param(key, str(value)) for key, value in params.items()]
    for batch in _batches(entries, _OTHERS_A_BATCH):
        client().log_batch(run_id, params=batch)


@guarded()
def log_metrics(
    run_id: str, metrics: Mapping[str, float], *, step: int = 0, timestamp_ms: int | None = None
) -> None:
    """Record figures in one request; those that are nan are left out.

    Args:
        step: the partition's ordinal where a figure is followed through time.
        timestamp_ms: when it was measured; now by default.
    """
    moment = int(time.time() * 1000) if timestamp_ms is None else timestamp_ms
    entries = [
        Metric(key, float(value), moment, step)
        for key, value in metrics.items()
        if not math.isnan(value)
    ]
    for batch in _batches(entries, _METRICS_A_BATCH):
        client().log_batch(run_id, metrics=batch)


@guarded()
def set_tags(run_id: str, tags: Mapping[str, Any]) -> None:
    """Set tags of a run; a tag that is there is replaced."""
    entries = [RunTag(key, str(value)) for key, value in tags.items()]
    for batch in _batches(entries, _OTHERS_A_BATCH):
        client().log_batch(run_id, tags=batch)


@guarded()
def log_text(run_id: str, text: str, artifact_file: str) -> None:
    """Keep `text` with a run; the suffix of `artifact_file` tells the UI how to show it."""
    client().log_text(run_id, text, artifact_file)


@guarded()
def log_figure(run_id: str, figure: Figure, artifact_file: str) -> None:
    """Keep a plot with a run."""
    client().log_figure(run_id, figure, artifact_file)


@guarded()
def log_frame(run_id: str, frame: pd.DataFrame, artifact_file: str) -> None:
    """Keep a table with a run, as Parquet without its index."""
    folder, _, name = artifact_file.rpartition("/")
    with tempfile.TemporaryDirectory(prefix="mlfactory-") as temporary:
        path = Path(temporary) / name
        frame.to_parquet(path, index=False)
        client().log_artifact(run_id, str(path), folder or None)


@guarded()
def read_frame(run_id: str, artifact_file: str) -> pd.DataFrame:
    """Return a table that was kept with a run."""
    with tempfile.TemporaryDirectory(prefix="mlfactory-") as temporary:
        return pd.read_parquet(client().download_artifacts(run_id, artifact_file, temporary))


@guarded()
def log_dataset(
    run_id: str, *, name: str, table_path: str, version: int, frame: pd.DataFrame, context: str
) -> None:
    """Record which data a run used: the Delta table and its version are its identity.

    MLflow's own digest reads the first 10,000 rows only, so the version takes its place.

    Args:
        frame: the rows, from which the schema and the number of rows are taken.
        context: what they were used for, such as `training`.
    """
    source = DeltaDatasetSource(path=table_path, delta_table_version=version)
    # MLflow looks at every row to tell the types of columns, which the first rows tell as well
    sample = from_pandas(frame.head(_ROWS_FOR_SCHEMA), source=source, name=name)
    entity = Dataset(
        name=name,
        digest=f"version-{version}",
        source_type=source._get_source_type(),
        source=source.to_json(),
        schema=json.dumps({"mlflow_colspec": sample.schema.to_dict()}),
        profile=json.dumps({"num_rows": len(frame), "num_elements": int(frame.size)}),
    )
    tags = [InputTag("mlflow.data.context", context)]
    client().log_inputs(run_id, [DatasetInput(entity, tags)])


@guarded()
def finish(run_id: str, *, failed: bool = False) -> None:
    """End a run, well or badly; what is found again by its stage runs on."""
    client().set_terminated(run_id, "FAILED" if failed else "FINISHED")


@guarded()
def run_url(run_id: str) -> str:
    """Return the address of a run in the MLflow UI."""
    experiment = client().get_run(run_id).info.experiment_id
    return f"{settings().mlflow_url}/#/experiments/{experiment}/runs/{run_id}"


def _find_or_create(
    product: Product, experiment: str, name: str, known_by: dict[str, str], tags: dict[str, str]
) -> str:
    server = client()
    with one_at_a_time("run"):
        experiment_id = _experiment(server, product, experiment)
        condition = " and ".join(f"tags.`{key}` = '{value}'" for key, value in known_by.items())
        found = server.search_runs(
            [experiment_id], condition, ViewType.ACTIVE_ONLY, 1, ["attributes.start_time ASC"]
        )
        if not found:
            author = {"mlflow.user": getpass.getuser(), "mlflow.source.name": "mlfactory"}
            every = {**author, "mlfactory.product": product.name, **tags, **known_by}
            made = server.create_run(experiment_id, tags=every, run_name=name)
            return str(made.info.run_id)
    run = found[0].info
    if run.status != "RUNNING":
        server.update_run(run.run_id, status="RUNNING")
    return str(run.run_id)


def _experiment(server: MlflowClient, product: Product, name: str) -> str:
    found = server.get_experiment_by_name(name)
    if found is None:
        tags = {"mlfactory.product": product.name, "mlfactory.team": product.spec.owner.team}
        try:
            return str(server.create_experiment(name, artifact_location(name), tags))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            # a process on another machine was faster
            found = server.get_experiment_by_name(name)
    if found.lifecycle_stage == "deleted":
        server.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _batches(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
