"""Making a backup, of a factory whose runs go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy import URL

from mlfactory.backup.contents import (
    AIRFLOW,
    ARTIFACTS,
    BEGUN,
    INDEX,
    POSTGRES_FILE,
    SQLITE_FILE,
    Index,
    copied,
    kept,
)
from mlfactory.backup.databases import database, dumped, is_file
from mlfactory.backup.lakes import (
    ledgers,
    products_of_lake,
    save_ledger,
    save_the_rest,
    save_what_points,
)
from mlfactory.lake.at_work import at_work, under_way
from mlfactory.lake.removal_note import removal_under_way
from mlfactory.lake.revisions import code_revision
from mlfactory.lake.store import Store, as_json, store_at, write_json
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.settings import settings

_TRIES = 20
_BELIEVED = timedelta(hours=6)
"""How long a backup on another machine is believed to go on of which nothing is heard. It is told
anew before each part of a product; one that was killed keeps upkeep waiting for no longer."""

_TAKES_AWAY = "upkeep"
"""What the one calls itself in its note that takes files away."""

Say = Callable[[str], None]


def save(address: str, say: Say, *, airflow: Mapping[str, Sequence[str]]) -> Index:
    """Copy the whole factory to a folder or a place on S3; runs may go on meanwhile.

    What is done to the factory from the beginning on may or may not be in it. No reset and no
    upkeep begins before it has ended.

    Args:
        airflow: the names of its connections and variables, which are to be set again by hand: what
            they hold is secret.

    Raises:
        UsageError: something else lies there, a whole backup does, or MLflow's database is not
            known here.
        ServiceError: a reset or upkeep is under way, or a service does not answer.
    """
    place, url = store_at(address), database()
    _refuse_taken(place)
    products = products_of_lake()
    with _kept_from_removal(products) as go_on:
        place.delete_all()
        begun = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(place, BEGUN, {"begun": begun})
        index = Index(begun, code_revision(), products)
        for product in products:
            go_on()
            save_what_points(product, place, index)
        decided = _save_decided(products, url, place, index)
        for product in products:
            go_on()
            save_the_rest(product, place, index, decided[product])
            say(f"{product}: copied")
        go_on()
        artifacts = store_at(settings().artifacts_uri)
        copied(artifacts, artifacts.list(), place, ARTIFACTS, index)
        kept(place, AIRFLOW, as_json(airflow), index)
        index.leave(place)
    say(f"{len(index.files)} files of {len(products)} products in {place.address()}")
    return index


def _save_decided(products: Sequence[str], url: URL, place: Store, index: Index) -> dict[str, int]:
    """Copy the ledgers and MLflow's database, both of one moment at which nothing was decided.

    Returns:
        How many entries of each product's ledger were copied.
    """
    for _ in range(_TRIES):
        before = ledgers(products)
        for product in products:
            save_ledger(product, place, index)
        content = dumped(url)
        if ledgers(products) == before:
            if content is not None:
                kept(place, SQLITE_FILE if is_file(url) else POSTGRES_FILE, content, index)
            return before
    raise ServiceError("models are decided about all the time", remedy="try again later")


def _refuse_taken(place: Store) -> None:
    here = place.address()
    for other in (settings().lake_uri, settings().artifacts_uri, str(settings().home)):
        if f"{here}/".startswith(f"{other}/") or f"{other}/".startswith(f"{here}/"):
            raise UsageError(
                f"{here} is a part of what is to be saved, or holds it ({other})",
                remedy="name a place beside it",
            )
    if place.find(INDEX) is not None:
        raise UsageError(
            f"{here} has a backup already", remedy="name another place; each holds one"
        )
    if place.find(BEGUN) is None and place.list():
        raise UsageError(f"{here} has other files", remedy="name an empty place, or one to be made")


@contextmanager
def _kept_from_removal(products: Sequence[str]) -> Iterator[Callable[[], None]]:
    """Let no reset and no upkeep begin for as long as this lasts.

    Yields:
        What to call now and then, so that it is believed elsewhere to go on.

    Raises:
        ServiceError: if one is under way.
    """
    with ExitStack() as notes:
        told = [
            notes.enter_context(at_work(product, "backup", believed=_BELIEVED))
            for product in products
        ]

        def go_on() -> None:
            for tell in told:
                tell()

        for product in products:
            removal = removal_under_way(product)
            keeps = any(work.what == _TAKES_AWAY for work in under_way(product))
            if keeps or (removal is not None and removal.goes_on):
                what = "upkeep" if keeps else "a reset"
                raise ServiceError(
                    f"{what} of {product} is under way", remedy="try again when it has ended"
                )
        yield go_on
