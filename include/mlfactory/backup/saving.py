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
    emptied,
    kept,
)
from mlfactory.backup.databases import database, dumped, has_anything, is_file
from mlfactory.backup.lakes import (
    ledgers,
    products_of_lake,
    save_ledger,
    save_the_rest,
    save_what_points,
)
from mlfactory.backup.places import refuse_within
from mlfactory.backup.whole import champions, refuse_without_model
from mlfactory.lake.at_work import at_work, under_way
from mlfactory.lake.holding import Holding, refuse_held, take
from mlfactory.lake.removal_note import removal_under_way
from mlfactory.lake.restore_note import refuse_half_restored
from mlfactory.lake.revisions import code_revision
from mlfactory.lake.store import Store, as_json, store_at
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.settings import settings, without_login

_TRIES = 20
_BELIEVED = timedelta(hours=6)
"""How long a backup on another machine is believed to go on of which nothing is heard. It is told
anew before each part of a product; one that was killed keeps upkeep waiting for no longer."""

_A_BACKUP = "a backup"
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
        UsageError: something else lies there, a whole backup does, or another one is being made
            there; there is nothing to save, or not all that belongs to it is found here.
        ServiceError: a reset, a restore or upkeep is under way, or a service does not answer.
    """
    place, url = store_at(address), database()
    refuse_within(place, url)
    _refuse_taken(place)
    products = products_of_lake()
    if not products:
        raise UsageError(
            f"there is nothing to save: {settings().lake_uri} has nothing of any product",
            remedy="see whether MLFACTORY_HOME and MLFACTORY_LAKE name the factory",
        )
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    with _kept_from_removal(products) as go_on, _held(place, begun) as holding:
        index = Index(begun, code_revision(), products)
        for product in products:
            go_on()
            save_what_points(product, place, index)
        decided = _save_decided(products, url, place, index)
        for product in products:
            go_on()
            holding.refuse_lost()
            save_the_rest(product, place, index, decided[product])
            say(f"{product}: copied")
        go_on()
        artifacts = store_at(settings().artifacts_uri)
        copied(artifacts, artifacts.list(), place, ARTIFACTS, index)
        refuse_without_model(champions(decided), index)
        kept(place, AIRFLOW, as_json(airflow), index)
        go_on()
        index.leave(place, holding)
    for name in sorted(index.left_out):
        say(f"left out, for no store can have a file of this name: {name!r}")
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
            if champions(before) and (content is None or not has_anything(url)):
                raise UsageError(
                    f"MLflow's database {without_login(str(url))} has nothing, and the ledger "
                    f"names champions of {', '.join(champions(before))}",
                    remedy="see whether MLFACTORY_HOME and MLFACTORY_MLFLOW_URI name the factory's",
                )
            if content is not None:
                kept(place, SQLITE_FILE if is_file(url) else POSTGRES_FILE, content, index)
            return before
    raise ServiceError("models are decided about all the time", remedy="try again later")


def _refuse_taken(place: Store) -> None:
    _refuse_whole(place)
    if refuse_held(place, BEGUN, _A_BACKUP) is None and place.list():
        # one that has ended in this moment took its note away
        _refuse_whole(place)
        raise UsageError(
            f"{place.address()} has other files", remedy="name an empty place, or one to be made"
        )


def _refuse_whole(place: Store) -> None:
    if place.find(INDEX) is not None:
        raise UsageError(
            f"{place.address()} has a backup already", remedy="name another place; each holds one"
        )


@contextmanager
def _held(place: Store, begun: str) -> Iterator[Holding]:
    """Let nobody else make a backup there, and remove what one that was cut off has left."""
    holding = take(place, BEGUN, _A_BACKUP, {"begun": begun})
    try:
        try:
            # one that was under way when we looked may have ended since
            _refuse_whole(place)
        except UsageError:
            holding.end()
            raise
        emptied(place, but=[BEGUN])
        yield holding
    except BaseException:
        holding.let_go()
        raise


@contextmanager
def _kept_from_removal(products: Sequence[str]) -> Iterator[Callable[[], None]]:
    """Let no reset and no upkeep begin for as long as this lasts.

    Yields:
        What to call now and then, so that it is believed elsewhere to go on; it makes sure that no
        reset was forced meanwhile.

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

        refuse_half_restored()
        for product in products:
            removal = removal_under_way(product)
            keeps = any(work.what == _TAKES_AWAY for work in under_way(product))
            if keeps or (removal is not None and removal.goes_on):
                what = "upkeep" if keeps else "a reset"
                raise ServiceError(
                    f"{what} of {product} is under way", remedy="try again when it has ended"
                )
        yield go_on
