"""Putting a backup back, in a home that has nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlfactory.backup.contents import (
    AIRFLOW,
    ARTIFACTS,
    DATABASE,
    LAKE,
    Index,
    read_back,
    read_index,
)
from mlfactory.backup.databases import database, has_anything, is_file, put_back
from mlfactory.backup.lakes import products_of_lake
from mlfactory.lake.at_work import under_way
from mlfactory.lake.catalog import CLAIMS, LEDGER, MANIFESTS, TRAININGS
from mlfactory.lake.old_versions import LOG
from mlfactory.lake.store import Store, find_json, parsed, store_at, write_json
from mlfactory.product.errors import UsageError
from mlfactory.settings import settings

_NOTE = "_restore.json"
"""In the lake while a backup is being put back, and which; no product has this name."""

Say = Callable[[str], None]


def restore(address: str, say: Say, *, replace: bool = False) -> Index:
    """Make this factory what it was when a backup was made; killed, it goes on when done again.

    All of the backup is held against its digests before anything is written. What points to other
    things is put back after them, and decisions last: until the end nobody serves.

    Args:
        replace: remove what is here first.

    Raises:
        UsageError: there is no backup, something is here, or is being worked on.
        IntegrityError: the backup is damaged.
    """
    place, lake = store_at(address), store_at(settings().lake_uri)
    index, url = read_index(place), database()
    dumps = [name for name in index.files if name.startswith(f"{DATABASE}/")]
    if dumps and dumps[0].endswith(".db") != is_file(url):
        raise UsageError(
            f"the backup has MLflow's database as {dumps[0]}, and here it is another kind",
            remedy="let MLFACTORY_MLFLOW_URI name one of the same kind, SQLite or PostgreSQL",
        )
    goes_on = _refuse_taken(place, lake, replace=replace)
    for _ in read_back(place, index.files, index):
        pass
    say(f"{len(index.files)} files are what was put there on {index.begun}")
    if replace and not goes_on:
        lake.delete_all()
        store_at(settings().artifacts_uri).delete_all()
    write_json(lake, _NOTE, {"backup": place.address(), "begun": index.begun})
    stores = {LAKE: lake, ARTIFACTS: store_at(settings().artifacts_uri)}
    for name, content in read_back(place, sorted(index.files, key=_rank), index):
        folder, _, rest = name.partition("/")
        if folder == DATABASE:
            put_back(url, content)
        elif folder == AIRFLOW:
            _tell_airflow(parsed(content, place.address(name)), say)
        else:
            stores[folder].write(rest, content)
    lake.delete(_NOTE)
    say(f"restored: {', '.join(index.products) or 'no product'}")
    return index


def _refuse_taken(place: Store, lake: Store, *, replace: bool) -> bool:
    """Make sure that nothing is here, unless that was told; tell whether a restore was cut off."""
    begun = find_json(lake, _NOTE)
    if begun is not None and begun.get("backup") == place.address():
        return True
    if begun is not None and not replace:
        raise UsageError(
            f"{lake.address()}: a restore of {begun.get('backup')} was cut off",
            remedy="do that again, or --replace what is here",
        )
    for product in products_of_lake():
        if works := under_way(product):
            raise UsageError(f"{product} is being worked on: {works[0].what}", remedy="let it end")
    if replace:
        return False
    artifacts = store_at(settings().artifacts_uri)
    for what, is_there in (
        (lake.address(), bool(lake.list())),
        (artifacts.address(), bool(artifacts.list())),
        ("MLflow's database", has_anything(database())),
    ):
        if is_there:
            raise UsageError(
                f"this home has something already: {what}",
                remedy="name an empty one (MLFACTORY_HOME, MLFACTORY_LAKE), or --replace it",
            )
    return False


def _tell_airflow(names: Mapping[str, Any], say: Say) -> None:
    """Say what of Airflow is to be set again by hand."""
    for what, each in names.items():
        if each:
            say(f"Airflow's {what} are not in it; set again: {', '.join(map(str, each))}")


def _rank(name: str) -> tuple[int, str]:
    """Return when a file is put back: what points to others after them."""
    parts = name.split("/")
    if parts[0] != LAKE or len(parts) < 3:
        return 0, name
    if LOG in parts:
        # the newest version is what a reader finds: see removal.py
        return 2, name
    order = {TRAININGS: 3 if name.endswith(".json") else 1, CLAIMS: 4, MANIFESTS: 5, LEDGER: 6}
    return order.get(parts[2], 1), name
