"""Taking a product out of MLflow: its aliases, or all of its versions, runs and artifacts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException

from mlfactory.lake.store import store_at
from mlfactory.registry.connection import client, guarded
from mlfactory.settings import settings

_PAGE = 500


@dataclass(frozen=True)
class Registered:
    """What MLflow has of a product."""

    versions: int
    runs: int
    aliases: tuple[str, ...]


@guarded()
def registered(product: str) -> Registered:
    """Return what MLflow has of a product.

    Raises:
        ServiceError: MLflow does not answer.
    """
    server = client()
    return Registered(
        versions=len(server.search_model_versions(f"name = '{product}'")),
        runs=sum(1 for _ in _runs(server, product)),
        aliases=tuple(_aliases(server, product)),
    )


@guarded()
def drop_aliases(product: str) -> None:
    """Take the aliases from a product's versions: none of them serves any more."""
    server = client()
    for alias in _aliases(server, product):
        server.delete_registered_model_alias(product, alias)


@guarded()
def remove_registered(product: str) -> None:
    """Remove a product's model with all of its versions, its runs, and their artifacts.

    Its experiments stay, empty, for MLflow keeps the name of a deleted one for ever. Artifacts are
    removed where they are ours to keep; those of a distant server are left to its `mlflow gc`.
    """
    server = client()
    try:
        server.delete_registered_model(product)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
    for run in list(_runs(server, product)):
        server.delete_run(run.info.run_id)
    for experiment in _experiments(product):
        store_at(settings().artifacts_uri).delete_all(experiment)


def _experiments(product: str) -> tuple[str, str]:
    return product, f"{product}.monitor"


def _runs(server: MlflowClient, product: str) -> Iterator[Run]:
    for name in _experiments(product):
        experiment = server.get_experiment_by_name(name)
        token = None
        while experiment is not None:
            page = server.search_runs(
                [experiment.experiment_id], "", ViewType.ACTIVE_ONLY, _PAGE, page_token=token
            )
            yield from page
            token = page.token
            if not token:
                break


def _aliases(server: MlflowClient, product: str) -> list[str]:
    try:
        return sorted(server.get_registered_model(product).aliases)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return []
