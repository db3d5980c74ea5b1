"""The registry of versions: what was registered, which alias points to what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from mlfactory.product.errors import IntegrityError
from mlfactory.registry.artifacts import digest_of, shown, stored_files
from mlfactory.registry.claims import agreed
from mlfactory.registry.connection import client, guarded
from mlfactory.registry.models import DIGEST, StoredModel
from mlfactory.settings import settings

_TRAINING = "training_id"


@guarded()
def register(product_name: str, model: StoredModel, run_id: str, tags: Mapping[str, str]) -> str:
    """Register a stored model with the digest of its files, and return its version.

    The same model of the same training (tag `training_id`) is registered once only.

    Raises:
        IntegrityError: if its files are not those that were stored.
    """
    server = client()
    files = stored_files(model.address)
    if digest_of(files) != model.digest:
        what = "were changed since" if files else f"are not at {shown(model.address)}"
        raise IntegrityError(
            f"the model of training {tags[_TRAINING]} of {product_name} cannot be registered: "
            f"it was stored with its run, and its files {what}",
            remedy="train again",
        )
    every = {**{key: str(value) for key, value in tags.items()}, DIGEST: model.digest}
    _registered_model(server, product_name)

    def look() -> str | None:
        condition = f"name = '{product_name}' and tags.{_TRAINING} = '{tags[_TRAINING]}'"
        found = [
            int(one.version)
            for one in server.search_model_versions(condition)
            if one.source == model.address
        ]
        return str(min(found)) if found else None

    def make() -> str:
        made = server.create_model_version(
            product_name, model.address, run_id, every, model_id=model.id
        )
        return str(made.version)

    return agreed(
        product_name,
        "version",
        f"{tags[_TRAINING]}.{model.digest[:16]}",
        exists=lambda version: _exists(server, product_name, version),
        look=look,
        make=make,
        drop=lambda version: server.delete_model_version(product_name, version),
    )


@guarded()
def tags_of(product_name: str, version: str) -> dict[str, str]:
    """Return the tags of a version."""
    return dict(client().get_model_version(product_name, version).tags)


@guarded()
def set_version_tags(product_name: str, version: str, tags: Mapping[str, Any]) -> None:
    """Set tags of a version; a tag that is there is replaced."""
    server = client()
    for key, value in tags.items():
        server.set_model_version_tag(product_name, version, key, str(value))


@guarded()
def alias_version(product_name: str, alias: str) -> str | None:
    """Return the version an alias points to, None if it points to none."""
    try:
        aliases = client().get_registered_model(product_name).aliases
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise
    return str(aliases[alias]) if alias in aliases else None


@guarded()
def set_alias(product_name: str, alias: str, version: str) -> None:
    """Let an alias point to a version, and to no other."""
    client().set_registered_model_alias(product_name, alias, version)


@guarded()
def drop_alias(product_name: str, alias: str) -> None:
    """Remove an alias, if there is one."""
    if alias_version(product_name, alias) is not None:
        client().delete_registered_model_alias(product_name, alias)


@guarded()
def describe(product_name: str, version: str, markdown: str) -> None:
    """Set what the MLflow UI says about a version."""
    client().update_model_version(product_name, version, markdown)


def version_url(product_name: str, version: str) -> str:
    """Return the address of a version in the MLflow UI."""
    return f"{settings().mlflow_url}/#/models/{quote(product_name)}/versions/{version}"


def _exists(server: MlflowClient, name: str, version: str) -> bool:
    try:
        server.get_model_version(name, version)
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return False
        raise
    return True


def _registered_model(server: MlflowClient, name: str) -> None:
    try:
        server.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        _create_registered_model(server, name)


def _create_registered_model(server: MlflowClient, name: str) -> None:
    try:
        server.create_registered_model(name)
    except MlflowException as error:
        # a process on another machine was faster
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
