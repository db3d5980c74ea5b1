"""Runs: one parent a training, a child a candidate, one run a product's monitor.

All machines agree on which run it is, so that a stage which is run again goes on in its own.
"""

from __future__ import annotations

import getpass
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd
from mlflow import MlflowClient
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

from mlfactory.lake.processes import as_text, this_process
from mlfactory.product.loader import Product
from mlfactory.registry import artifacts
from mlfactory.registry.abandoned import PROCESS, dies_with_this_process
from mlfactory.registry.claims import agreed
from mlfactory.registry.connection import client, guarded
from mlfactory.settings import settings

_METRICS_A_BATCH = 1000
_OTHERS_A_BATCH = 100
_ROWS_FOR_SCHEMA = 1000

_Item = TypeVar("_Item")


@guarded()
def training_run(
    product: Product, partition_key: str, training_id: str, *, reopen: bool = True
) -> str:
    """Return the id of a training's parent run, which is made if there is none yet.

    Args:
        reopen: whether a run that has ended runs again.
    """
    run_id = _one_run(
        product,
        experiment=product.name,
        claim=("run", training_id),
        title=f"train {partition_key}",
        known_by={"mlfactory.training_id": training_id, "mlfactory.kind": "training"},
        tags={"mlfactory.partition": partition_key, **dies_with_this_process(training_id)},
    )
    return _running(run_id) if reopen else run_id


@guarded()
def candidate_run(product: Product, parent_run_id: str, training_id: str, candidate: str) -> str:
    """Return the id of the run of one candidate, a child of its training's run."""
    run_id = _one_run(
        product,
        experiment=product.name,
        claim=("run", f"{training_id}.{candidate}"),
        title=candidate,
        known_by={"mlflow.parentRunId": parent_run_id, "mlfactory.candidate": candidate},
        tags={"mlfactory.kind": "candidate", **dies_with_this_process(training_id)},
    )
    return _running(run_id)


@guarded()
def monitor_run(product: Product) -> str:
    """Return the id of the one run that holds a product's monitoring as time series.

    It is never under way: figures are added to it as partitions end.
    """
    return _one_run(
        product,
        experiment=f"{product.name}.monitor",
        claim=("run", "monitor"),
        title="monitor",
        known_by={"mlfactory.kind": "monitor"},
        tags={},
        finished=True,
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
        timestamp_ms: when it was measured; by default when the run began, so that a stage which is
            run again adds nothing: MLflow keeps every value that it has not got yet for a moment.
    """
    moment = client().get_run(run_id).info.start_time if timestamp_ms is None else timestamp_ms
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
def logged_steps(run_id: str, metric: str) -> set[int]:
    """Return the steps at which a run has a figure."""
    return {int(point.step) for point in client().get_metric_history(run_id, metric)}


@guarded()
def log_bytes(run_id: str, content: bytes, artifact_file: str) -> None:
    """Keep a file with a run; the suffix of `artifact_file` tells the UI how to show it."""
    artifacts.keep(run_id, artifact_file, content)


def log_text(run_id: str, text: str, artifact_file: str) -> None:
    """Keep `text` with a run."""
    log_bytes(run_id, text.encode(), artifact_file)


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


def _one_run(
    product: Product,
    *,
    experiment: str,
    claim: tuple[str, str],
    title: str,
    known_by: dict[str, str],
    tags: dict[str, str],
    finished: bool = False,
) -> str:
    """Return the run that all machines agree on, made if there is none yet.

    Args:
        known_by: tags that only this run has, by which one is found that nobody claimed.
        finished: whether it is no run that is under way.
    """
    server = client()

    def look() -> str | None:
        condition = " and ".join(f"tags.`{key}` = '{value}'" for key, value in known_by.items())
        order = ["attributes.start_time ASC"]
        ids = [_experiment(server, product, experiment)]
        found = server.search_runs(ids, condition, ViewType.ACTIVE_ONLY, 1, order)
        return str(found[0].info.run_id) if found else None

    def make() -> str:
        every = {
            "mlflow.user": author(),
            "mlflow.source.name": "mlfactory",
            "mlfactory.product": product.name,
            **tags,
            **known_by,
        }
        made = server.create_run(
            _experiment(server, product, experiment), tags=every, run_name=title
        )
        if finished:
            server.set_terminated(made.info.run_id, "FINISHED")
        return str(made.info.run_id)

    return agreed(
        product.name, *claim, exists=_exists, look=look, make=make, drop=server.delete_run
    )


def _exists(run_id: str) -> bool:
    try:
        return bool(client().get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise


def _running(run_id: str) -> str:
    run = client().get_run(run_id)
    if run.info.status != "RUNNING":
        client().update_run(run_id, status="RUNNING")
    here = as_text(this_process())
    if run.data.tags.get(PROCESS, here) != here:
        # it was begun by a process that has ended, and goes on in this one
        client().set_tag(run_id, PROCESS, here)
    return run_id


def author() -> str:
    """Return who runs this process; a container's user may have a number only."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _experiment(server: MlflowClient, product: Product, name: str) -> str:
    found = server.get_experiment_by_name(name)
    if found is None:
        tags = {
            "mlfactory.product": product.name,
            "mlfactory.team": product.spec.owner.team,
            # MLflow's page for models, with its charts of runs, not the one for language models
            "mlflow.experimentKind": "custom_model_development",
        }
        try:
            return str(server.create_experiment(name, artifacts.location_of(name), tags))
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
