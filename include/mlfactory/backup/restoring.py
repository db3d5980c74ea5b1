"""Putting a backup back, in a home that has nothing, or in place of what it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL

from mlfactory.backup.contents import (
    AIRFLOW,
    ARTIFACTS,
    DATABASE,
    LAKE,
    Index,
    emptied,
    read_back,
    read_index,
)
from mlfactory.backup.databases import database, discard, has_anything, is_file, put_back
from mlfactory.backup.lakes import products_of_lake
from mlfactory.backup.places import refuse_within
from mlfactory.lake.at_work import notes_under_way
from mlfactory.lake.catalog import (
    AT_WORK,
    CLAIMS,
    LEDGER,
    MANIFESTS,
    RESTORE,
    STACK,
    TRAININGS,
)
from mlfactory.lake.holding import Held, Holding, refuse_held, take
from mlfactory.lake.old_versions import LOG
from mlfactory.lake.processes import described as process_described
from mlfactory.lake.stack import described, owner_of_lake, refuse_another_stack
from mlfactory.lake.store import Store, parsed, product_store, store_at
from mlfactory.product.errors import UsageError
from mlfactory.settings import settings

_A_RESTORE = "a restore"
_LOOKS_AFTER = 64
"""Files after which it is looked whether the lake is still ours."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Home:
    """What is put back into: the lake, MLflow's artifacts and its database."""

    lake: Store
    artifacts: Store
    url: URL


def restore(
    address: str,
    say: Say,
    *,
    replace: bool = False,
    force: bool = False,
    stack: str | None = None,
) -> Index:
    """Make this factory what it was when a backup was made; killed, it goes on when done again.

    All of the backup is held against its digests before anything is written. What points to other
    things is put back after them, and decisions last: until the end nobody serves. A note in the
    lake keeps all work away until then, also where it was cut off.

    Args:
        replace: remove what is here first.
        force: do it although a product is being worked on; that is refused at its end.
        stack: the name of the stack of this home, None if it was never started.

    Raises:
        UsageError: there is no backup, or a part of this factory; something is here, or is being
            worked on; or the lake is another stack's.
        IntegrityError: the backup is damaged.
    """
    place, now = store_at(address), settings()
    stack = stack or now.stack_name
    refuse_another_stack(stack)
    home = _Home(store_at(now.lake_uri), store_at(now.artifacts_uri), database())
    refuse_within(place, home.url)
    index = read_index(place)
    has_dump = _refuse_other_kind(index, home.url)
    about = {"backup": place.address(), "begun": index.begun}
    cut_off = refuse_held(home.lake, RESTORE, _A_RESTORE)
    empties = replace or (_is_same(cut_off, about) and bool(cut_off and cut_off.about["empties"]))
    # also where one that was cut off had begun to: no less goes then
    if empties and stack is None:
        _refuse_to_empty_a_stacks()
    if not force:
        _refuse_beneath_work()
    if not replace and not _is_same(cut_off, about):
        _refuse_taken(home, cut_off)
    for _ in read_back(place, index.files, index):
        pass
    say(f"{len(index.files)} files are what was put there on {index.begun}")
    note, again = {**about, "empties": empties}, cut_off is not None
    with _held(home.lake, note, again=again, force=force) as holding:
        if force:
            _turn_away_work()
        if empties:
            _empty(home, has_dump=has_dump)
            holding.tell({**about, "empties": False})
        _write(place, index, home, holding, say)
        holding.refuse_lost()
        holding.end()
    say(f"restored: {', '.join(index.products) or 'no product'}")
    return index


def _write(place: Store, index: Index, home: _Home, holding: Holding, say: Say) -> None:
    """Put back file after file, what points to others after them."""
    stores = {LAKE: home.lake, ARTIFACTS: home.artifacts}
    ordered = sorted(index.files, key=_rank)
    for number, (name, content) in enumerate(read_back(place, ordered, index)):
        if number % _LOOKS_AFTER == 0:
            holding.refuse_lost()
        folder, _, rest = name.partition("/")
        if folder == DATABASE:
            put_back(home.url, content)
        elif folder == AIRFLOW:
            _tell_airflow(parsed(content, place.address(name)), say)
        else:
            stores[folder].write(rest, content)


def _empty(home: _Home, *, has_dump: bool) -> None:
    """Remove what is here: who serves and what vouches for rows before all else."""
    products = products_of_lake()
    for folder in (LEDGER, MANIFESTS):
        for product in products:
            product_store(product).delete_all(folder)
    # whose the lake is, is no part of a backup
    emptied(home.lake, but=[RESTORE, STACK])
    home.artifacts.delete_all()
    if not has_dump:
        discard(home.url)


def _refuse_to_empty_a_stacks() -> None:
    """Let nobody take all away who is no stack: that one may only work in a lake that has one."""
    if (owner := owner_of_lake()) is not None:
        raise UsageError(
            f"the lake {settings().lake_uri} is that of a stack, {described(owner)}, and this home "
            "has none",
            remedy="restore with the settings of that stack, or with MLFACTORY_STACK_NAME its name",
        )


def _refuse_other_kind(index: Index, url: URL) -> bool:
    """Make sure that MLflow's database can be put back, and tell whether there is one."""
    dumps = [name for name in index.files if name.startswith(f"{DATABASE}/")]
    if dumps and dumps[0].endswith(".db") != is_file(url):
        raise UsageError(
            f"the backup has MLflow's database as {dumps[0]}, and here it is another kind",
            remedy="let MLFACTORY_MLFLOW_URI name one of the same kind, SQLite or PostgreSQL",
        )
    if not dumps and not is_file(url) and has_anything(url):
        raise UsageError(
            "the backup has no database of MLflow, and the one here has runs or models",
            remedy="let MLFACTORY_MLFLOW_URI name an empty one",
        )
    return bool(dumps)


def _is_same(note: Held | None, about: Mapping[str, str]) -> bool:
    """Tell whether a restore of this very backup was cut off here."""
    return note is not None and all(note.about.get(what) == said for what, said in about.items())


def _refuse_taken(home: _Home, cut_off: Held | None) -> None:
    """Make sure that nothing is here."""
    if cut_off is not None:
        backup, begun = cut_off.about.get("backup"), cut_off.about.get("begun")
        raise UsageError(
            f"{home.lake.address()}: a restore of {backup}, made on {begun}, was cut off",
            remedy="do that again, or --replace what is here",
        )
    for what, is_there in (
        (home.lake.address(), bool({*home.lake.list(), *products_of_lake()} - {STACK})),
        (home.artifacts.address(), bool(home.artifacts.list())),
        ("MLflow's database", has_anything(home.url)),
    ):
        if is_there:
            raise UsageError(
                f"this home has something already: {what}",
                remedy="name an empty one (MLFACTORY_HOME, MLFACTORY_LAKE), or --replace it",
            )


def _refuse_beneath_work() -> None:
    for product in products_of_lake():
        for note, work in notes_under_way(product).items():
            raise UsageError(
                f"{product} is being worked on: {work.what}, {process_described(work.process)}, "
                f"says {note}",
                remedy="let it end; --force does it at once, and the work is refused at its end",
            )


def _turn_away_work() -> None:
    """Let work that ends from now on find that what it stands on was replaced."""
    for product in products_of_lake():
        product_store(product).delete_all(AT_WORK)


@contextmanager
def _held(lake: Store, about: Mapping[str, Any], *, again: bool, force: bool) -> Iterator[Holding]:
    """Let nobody work in the lake or restore into it, until this has ended well."""
    holding = take(lake, RESTORE, _A_RESTORE, about)
    try:
        try:
            # whatever begins from now on finds the note, and whatever began before left its own
            if not force:
                _refuse_beneath_work()
        except UsageError:
            if not again:
                holding.end()
            raise
        yield holding
    except BaseException:
        holding.let_go()
        raise


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
