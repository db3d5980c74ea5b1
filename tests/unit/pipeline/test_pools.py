"""Who may run when there is not room for all: few trainings at once, and behind what serves."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.jobs.job import Job
from airflow.listeners.listener import get_listener_manager
from airflow.models.pool import Pool
from airflow.sdk import DAG
from airflow.sdk.execution_time.task_runner import TaskRunnerMarker
from airflow.utils.session import create_session
from sqlalchemy import select

from mlfactory.pipeline.dags import build_dags
from mlfactory.pipeline.pools import TRAININGS, make_pools
from mlfactory.product.loader import load_folder, load_product
from mlfactory.settings import settings

COMPUTING = {"search", "fit"}


@pytest.fixture
def pools() -> Iterator[None]:
    """Make Airflow's table of pools, empty."""
    settings.cache_clear()
    tables = [Pool.metadata.tables[name] for name in ("team", "slot_pool")]
    with create_session() as session:
        Pool.metadata.create_all(session.get_bind(), tables)
    yield
    with create_session() as session:
        Pool.metadata.drop_all(session.get_bind(), tables)
    settings.cache_clear()


def sizes() -> dict[str, int]:
    with create_session() as session:
        return {pool.pool: pool.slots for pool in session.scalars(select(Pool))}


def dags(folder: Path | None = None) -> dict[str, DAG]:
    product = load_folder(folder) if folder else load_product("flight_delay")
    return {dag.dag_id.rpartition(".")[2]: dag for dag in build_dags(product)}


def test_the_pool_is_made_once_and_follows_the_settings(
    pools: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pools()
    make_pools()
    assert sizes() == {TRAININGS: 2}
    monkeypatch.setenv("MLFACTORY_TRAININGS_AT_ONCE", "7")
    settings.cache_clear()
    make_pools()
    assert sizes() == {TRAININGS: 7}


def test_the_pool_is_there_when_the_scheduler_starts_and_no_other_part_changes_it(
    pools: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("dag-processor", "triggerer", "api-server"):
        monkeypatch.setattr(sys, "argv", ["airflow", part])
        Job()
    assert sizes() == {}
    monkeypatch.setattr(sys, "argv", ["airflow", "scheduler"])
    Job()
    assert list(sizes()) == [TRAININGS]


def test_a_task_that_is_a_fork_of_the_scheduler_leaves_the_pools_alone(
    pools: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the scheduler's command line, and no leave to use Airflow's database."""
    monkeypatch.setattr(sys, "argv", ["airflow", "scheduler"])
    get_listener_manager().hook.on_starting(component=TaskRunnerMarker())
    assert sizes() == {}


@pytest.mark.parametrize(("tasks", "slots"), [(2, 1), (4, 2), (33, 16)])
def test_trainings_leave_room_for_others(
    monkeypatch: pytest.MonkeyPatch, tasks: int, slots: int
) -> None:
    monkeypatch.setenv("MLFACTORY_AIRFLOW_PARALLELISM", str(tasks))
    settings.cache_clear()
    try:
        assert settings().searches_at_once == slots
    finally:
        settings.cache_clear()


def test_what_a_training_computes_takes_a_slot_and_nothing_else_does() -> None:
    by_pool = {
        (part, task.task_id): task.pool for part, dag in dags().items() for task in dag.tasks
    }
    assert {task for (_, task), pool in by_pool.items() if pool == TRAININGS} == COMPUTING


def test_what_serves_goes_before_trainings() -> None:
    weights = {part: {task.priority_weight for task in dag.tasks} for part, dag in dags().items()}
    assert all(len(of_part) == 1 for of_part in weights.values())
    assert sorted(weights, key=lambda part: -max(weights[part])) == [
        "predict",
        "quarantine",
        "score",
        "data",
        "monitor",
        "train",
    ]
    # not summed over what follows, or the first task of a long chain would go before all
    assert {str(task.weight_rule) for dag in dags().values() for task in dag.tasks} == {"absolute"}


def test_a_product_names_the_queue_of_its_trainings_alone(tmp_path: Path) -> None:
    assert {task.queue for dag in dags().values() for task in dag.tasks} == {"default"}
    copy = tmp_path / "flight_delay"
    shutil.copytree(load_product("flight_delay").folder, copy)
    spec = copy / "product.yaml"
    spec.write_text(spec.read_text().replace("\ntrain:\n", "\ntrain:\n  queue: accelerators\n"))
    queues = {task.task_id: task.queue for task in dags(folder=copy)["train"].tasks}
    assert {task for task, queue in queues.items() if queue == "accelerators"} == COMPUTING
    assert set(queues.values()) == {"accelerators", "default"}
