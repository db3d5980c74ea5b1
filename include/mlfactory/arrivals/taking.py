"""Taking: looking into what has come, and noting which partitions lack it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mlfactory.arrivals.known import CHANGED, File, Known, as_told, read_known, write_known
from mlfactory.arrivals.looking import QUIET, Lying, look
from mlfactory.arrivals.new import is_new
from mlfactory.arrivals.unreadable import still_broken
from mlfactory.ingest.versions import Version, brings, is_landed
from mlfactory.lake.manifests import read_manifests
from mlfactory.lake.working import SHORT, working
from mlfactory.product.errors import FactoryError, LateSourceError, ServiceError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition


@dataclass(frozen=True)
class Lack:
    """What a partition lacks of a source.

    Attributes:
        landed: it has landed without this; else nothing of it ever has.
        words: what it is, by the address of the file.
        name: of just this, as files and their versions go.
    """

    source: str
    key: str
    landed: bool
    words: Mapping[str, str]
    name: str = ""

    @property
    def in_words(self) -> str:
        """Return it as one line."""
        return f"{self.source}: {'; '.join(self.words.values())}"


@dataclass(frozen=True)
class Taken:
    """What came of a look.

    Attributes:
        lacks: what partitions lack, the oldest first.
        problems: files that cannot be read, in words, of this look.
        left: how many files were not looked into yet: still being written, or left for next time.
    """

    lacks: tuple[Lack, ...]
    problems: tuple[str, ...] = ()
    left: int = 0


def take(
    product: Product,
    name: str,
    now: datetime,
    *,
    quiet: float = QUIET,
    seconds: float = 600.0,
    largest: int | None = None,
) -> Taken:
    """Look into the files of a source that came or changed, and return what partitions lack.

    A file is noted as known once it was looked into; what cannot be read is told once, and again
    when it has changed. What lay there when nobody had looked before counts as known: of it only
    what a landing lacks is told, and no partition that never landed.

    Args:
        quiet: see `Lying.is_whole`.
        seconds: after which files are left for the next look.
        largest: bytes above which a file of several partitions is left alone; none by default.

    Raises:
        ServiceError: the place cannot be looked at now, or a removal of the product is under way.
        ContractError: it cannot be looked at by us, or its files do not go together.
        UsageError: a removal of the product was cut off.
    """
    there = look(product, name)
    # what is read now and noted at the end would else outlive an erasure in between
    with working(product.name, f"look into files of {name}", believed=SHORT) as go_on:
        return _taken(product, name, there, now, quiet, seconds, largest, go_on)


def _taken(
    product: Product,
    name: str,
    there: Sequence[Lying],
    now: datetime,
    quiet: float,
    seconds: float,
    largest: int | None,
    go_on: Callable[[], None],
) -> Taken:
    known = read_known(product.name, name)
    before, was_first = as_told(known), known.is_first
    known.begin(each.address for each in there)
    new = [each for each in there if is_new(known, each)]
    whole = [each for each in new if each.is_whole(now, quiet)]
    if largest is not None:
        whole = [each for each in whole if each.key or each.file.size <= largest]
    old = {each.address: known.files.get(each.address) for each in whole}
    read, problems = _looked_into(product, name, there, whole, known, seconds, go_on)
    lying = {each.address for each in there}
    if there:  # a disk that is not mounted shows an empty folder, and what it has is known
        known.files = {address: file for address, file in known.files.items() if address in lying}
    _note(product, name, known, {each.address: old[each.address] for each in read}, now)
    known.before -= known.files.keys()
    lacks = _settled(product, name, known)
    if was_first or as_told(known) != before:
        go_on()
        write_known(product.name, name, known)
    return Taken(lacks, tuple(problems), len(new) - len(read) - len(problems))


def is_due(product: Product, lack: Lack, now: datetime) -> bool:
    """Tell whether a run is to be asked for; the own run of what never landed may be to come."""
    calendar = product.calendar
    if lack.landed or calendar.is_snapshot:
        return True
    return calendar.parse(lack.key) <= product.newest_due(now)


def noted(product: Product, name: str) -> Taken:
    """Return what partitions lack by what was noted, looking into nothing."""
    return Taken(_settled(product, name, read_known(product.name, name)))


def _looked_into(
    product: Product,
    name: str,
    there: Sequence[Lying],
    whole: Sequence[Lying],
    known: Known,
    seconds: float,
    go_on: Callable[[], None],
) -> tuple[list[Lying], list[str]]:
    began, read, problems = time.monotonic(), list[Lying](), list[str]()
    if not whole:
        return read, problems
    from mlfactory.arrivals.reading import Looker, some_partition  # it loads what reads files

    keys = [each.key for each in whole if each.key]
    looker = Looker(product, name, some_partition(product, keys), still_broken(known, there))
    broken = looker.list_all(there) if len(keys) < len(whole) else {}
    for each in whole:
        if time.monotonic() - began > seconds:
            break
        go_on()
        file = File(each.seen_as, each.read_as)
        try:
            if each.address in broken:
                raise broken[each.address]
            file.rows, file.told = looker.rows_of(each)
        except (ServiceError, LateSourceError):
            continue  # it changed or went away meanwhile: the next look tells
        except FactoryError as error:
            before = known.files.get(each.address)
            file.rows = before.rows if before else {}
            file.problem = str(error)
            problems.append(file.problem)
        else:
            read.append(each)
        known.files[each.address] = file
    return read, problems


def _note(
    product: Product, name: str, known: Known, before: Mapping[str, File | None], now: datetime
) -> None:
    """Note what partitions may lack of files that were looked into just now."""
    touched = dict[str, list[str]]()
    for address, old in before.items():
        rows, had = known.files[address].rows, old.rows if old else {}
        # a landing may have left it out meanwhile
        was_broken = old is not None and bool(old.problem)
        for key in {*rows, *had}:
            if was_broken or rows.get(key) != had.get(key):
                touched.setdefault(key, []).append(address)
    landings = read_manifests(product.name, "ingest", touched)
    for key, addresses in touched.items():
        partition = _partition(product, key)
        if partition is None:
            continue
        if key not in landings and not product.calendar.is_over(partition, now):
            continue
        for address in addresses:
            if key not in landings and address in known.before:
                continue
            was = known.pending.setdefault(key, {}).get(address, "")
            known.pending[key][address] = CHANGED if before[address] else was


def _settled(product: Product, name: str, known: Known) -> tuple[Lack, ...]:
    """Return what is still lacking of what was noted, and forget the rest."""
    landings = read_manifests(product.name, "ingest", known.pending)
    pending, lacks = dict[str, dict[str, str]](), list[Lack]()
    for key in sorted(known.pending):
        if _partition(product, key) is None:
            continue
        landed = landings.get(key, {})
        noted_as = known.pending[key]
        words = dict(_lacking(name, known, key, noted_as, landed))
        if words:
            pending[key] = {address: noted_as[address] for address in words}
            versions = "".join(sorted(known.files[address].seen_as for address in words))
            named = hashlib.sha256(versions.encode()).hexdigest()[:12]
            lacks.append(Lack(name, key, bool(landed), words, named))
    known.pending = pending
    return tuple(lacks)


def _partition(product: Product, key: str) -> Partition | None:
    """Return a partition by its key; none where partitions were others when it was noted."""
    try:
        return product.calendar.parse(key)
    except UsageError:
        return None


def _lacking(
    name: str, known: Known, key: str, noted_as: Mapping[str, str], landed: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    facts = landed.get("facts", {}).get("sources", {}).get(name, {})
    rows = landed.get("counts", {}).get(name, 0)
    for address, how in noted_as.items():
        file = known.files.get(address)
        if file is None or file.problem:
            continue
        count, mark = file.rows.get(key, (0, ""))
        version = Version(address, file.told, count, mark, changed=how == CHANGED)
        if not is_landed(version, facts, rows):
            yield address, brings(version, facts)
