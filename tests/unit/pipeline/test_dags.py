"""Every product's DAGs: that they import, say who owns them, and are the same at every parse."""

from __future__ import annotations

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from mlfactory.cli import reset
from mlfactory.cycle.pace import RETRIES
from mlfactory.pipeline.dags import build_dags
from mlfactory.pipeline.erasing import ERASE
from mlfactory.pipeline.reconciling import RECONCILE
from mlfactory.pipeline.retries import PaceOfTheError
from mlfactory.pipeline.upkeeping import UPKEEP
from mlfactory.product.loader import load_folder, load_product, load_products, product_folders
from mlfactory.product.partitions import as_utc
from mlfactory.scheduler.replay import REPLAY
from mlfactory.settings import REPOSITORY

FOLDERS = product_folders(REPOSITORY / "include" / "products")
DAGS = [dag for folder in FOLDERS for dag in build_dags(load_folder(folder))]


def by_id(dag: DAG) -> str:
    return dag.dag_id


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(dag_folder=str(REPOSITORY / "dags"))


def test_every_dag_imports(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == {dag.dag_id for dag in DAGS} | {ERASE, RECONCILE, REPLAY, UPKEEP}
    assert len(DAGS) == 6 * len(FOLDERS) >= 18


def test_a_reset_waits_for_runs_of_every_dag_of_a_product() -> None:
    # where nothing is watched, and nobody is asked for labels, these two are not there
    parts = {dag.dag_id.partition(".")[2] for dag in DAGS} | {"arrivals", "labels"}
    assert set(reset.DAGS) == parts | {ERASE, REPLAY}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_building_twice_serialises_to_the_same_bytes(folder: Path) -> None:
    def serialised() -> list[str]:
        dags = build_dags(load_folder(folder))
        return [json.dumps(DagSerialization.to_dict(dag)) for dag in dags]

    assert serialised() == serialised()


@pytest.mark.parametrize("dag", DAGS, ids=by_id)
def test_a_dag_says_what_it_is_and_whose(dag: DAG) -> None:
    product = dag.dag_id.partition(".")[0]
    assert len(dag.doc_md or "") > 100
    assert {"mlfactory", product} <= set(dag.tags)
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.dagrun_timeout is not None
    for task in dag.tasks:
        assert task.owner not in ("", "airflow", "unassigned")
        assert task.retries == RETRIES
        assert isinstance(task.retry_policy, PaceOfTheError)
        assert task.execution_timeout is not None
        assert task.execution_timeout < dag.dagrun_timeout


@pytest.mark.parametrize("dag", DAGS, ids=by_id)
def test_a_dag_can_be_read_at_a_glance(dag: DAG) -> None:
    assert 1 <= len(dag.tasks) <= 6


@pytest.mark.parametrize("dag", DAGS, ids=by_id)
def test_every_field_of_a_trigger_form_is_explained(dag: DAG) -> None:
    forms = {
        "data": {"arrived", "land"},
        "train": {"trials", "seconds", "candidates", "reason"},
        "predict": {"file", "output", "version", "source"},
        "quarantine": {"partition", "decision", "rows", "corrected", "source", "why"},
    }
    assert set(dag.params) == forms.get(dag.dag_id.partition(".")[2], set())
    for name in dag.params:
        param = dag.params.get_param(name)
        assert param.schema["title"]
        assert param.description
    if dag.dag_id.endswith(".train"):
        trials = dag.params.get_param("trials").schema
        assert (trials["minimum"], trials["maximum"]) == (1, 1000)


@pytest.mark.parametrize(
    ("field", "wrong", "right"),
    [
        ("file", "", "inbox/new.csv"),
        ("file", "s3://bucket/new.csv", "s3://bucket/lake/flight_delay/inbox/new.csv"),
        ("file", "/home/me/new.csv", "/var/lake/flight_delay/inbox/new.csv"),
        ("output", "../../evil.csv", "answers.csv"),
        ("output", "answers.xlsx", None),
        ("version", "one", "3"),
        ("source", "flight", "flights"),
    ],
)
def test_the_form_of_predict_refuses_what_cannot_be(field: str, wrong: str, right: object) -> None:
    form = next(dag for dag in DAGS if dag.dag_id == "flight_delay.predict").params
    with pytest.raises(ParamValidationError):
        form.get_param(field).resolve(wrong)
    assert form.get_param(field).resolve(right) == right


def test_no_timeout_cuts_a_search_that_the_form_allows() -> None:
    train = next(dag for dag in DAGS if dag.dag_id == "flight_delay.train")
    longest = timedelta(seconds=train.params.get_param("seconds").schema["maximum"])
    assert train.get_task("search").execution_timeout > longest
    assert train.dagrun_timeout > train.get_task("search").execution_timeout


def test_a_run_may_wait_for_a_late_source() -> None:
    data = next(dag for dag in DAGS if dag.dag_id == "flight_delay.data")
    sources = load_product("flight_delay").spec.sources.values()
    assert data.dagrun_timeout > max(source.arrives_within for source in sources)


def test_the_run_of_the_last_partition_begins_before_the_dag_ends() -> None:
    spec = load_product("flight_delay").spec
    data = next(dag for dag in DAGS if dag.dag_id == "flight_delay.data")
    assert spec.partition.end is not None and spec.runs_after > timedelta()
    assert data.end_date == as_utc(spec.partition.end) + spec.runs_after


def test_dags_meet_in_partitioned_assets() -> None:
    data, score, monitor, train = (
        next(dag for dag in DAGS if dag.dag_id == f"flight_delay.{part}")
        for part in ("data", "score", "monitor", "train")
    )
    assert type(data.timetable).__name__ == "LiveTimetable"
    for producer, consumer in ((data, score), (score, monitor), (monitor, train)):
        announced = {asset for task in producer.tasks for asset in task.outlets}
        assert announced == {consumer.timetable.asset_condition}


BROKEN = """
apiVersion: mlfactory/v1
name: broken
partition: {every: snapshot}
sources: {rows: {kind: csv, path: rows.csv}}
features: {key: [id], numeric: [x]}
label: {column: y, kind: binry}
"""


def test_a_broken_product_is_one_import_error_and_takes_no_other_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlfactory.settings import settings

    for folder in FOLDERS:
        (tmp_path / folder.name).symlink_to(folder)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "product.yaml").write_text(BROKEN)
    monkeypatch.setenv("MLFACTORY_PRODUCTS", str(tmp_path))
    settings.cache_clear()
    try:
        bag = DagBag(dag_folder=str(REPOSITORY / "dags"))
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert set(bag.dags) == {dag.dag_id for dag in DAGS} | {ERASE, RECONCILE, REPLAY, UPKEEP}
    assert [Path(file).name for file in bag.import_errors] == ["broken_products.py"]
    text = next(iter(bag.import_errors.values()))
    assert f"{tmp_path / 'broken' / 'product.yaml'}:7: label.kind: expected" in text
    assert "did you mean 'binary'?" in text


def test_every_product_of_the_repository_is_right() -> None:
    products, errors = load_products(REPOSITORY / "include" / "products")
    assert errors == []
    assert {product.spec.label.kind for product in products} == {
        "binary",
        "multiclass",
        "regression",
    }


def test_a_partition_that_is_cut_has_a_task_for_each_shard_and_one_that_gathers(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "flight_air_time"
    shutil.copytree(REPOSITORY / "include" / "products" / "flight_air_time", folder)
    spec = (folder / "product.yaml").read_text()
    cut = re.sub(r"(partition: \{.*)\}", r"\1, shards: 8, by: origin}", spec)
    assert cut != spec
    (folder / "product.yaml").write_text(cut)
    data = build_dags(load_folder(folder))[0]
    prepare, gather = data.get_task("prepare"), data.get_task("gather")
    assert prepare.is_mapped
    assert prepare.upstream_task_ids == {"validate"}
    assert prepare.downstream_task_ids == {"gather"}
    assert [asset.name for asset in gather.outlets] == ["flight_air_time/features"]
    assert "in 8 shards" in (data.doc_md or "")
    DagSerialization.to_dict(data)
