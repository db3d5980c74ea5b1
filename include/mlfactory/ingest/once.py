"""Landing once: a file is read once, split by partition, and a partition takes its piece of it."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from mlfactory.ingest.index import LAYOUT, place_of
from mlfactory.ingest.kept import Damaged, Kept, find_kept, kept_within
from mlfactory.ingest.readers import Part, Reader
from mlfactory.ingest.split import Splitter
from mlfactory.ingest.widening import widest
from mlfactory.ingest.within import Within
from mlfactory.lake.catalog import received_folder
from mlfactory.lake.store import Store
from mlfactory.product.errors import ServiceError

_log = logging.getLogger(__name__)

_NOT_READ_BY = frozenset({"key", "types", "arrives_within", "path", "watch"})
"""What a spec says of a source that its rows, as they are read, do not depend on."""

_TRIES = 3


def received_once(
    reader: Reader[Any], parts: Sequence[Part], store: Store
) -> tuple[Within, Mapping[str, Any]]:
    """Return the rows of the request's partition, and what the manifest says of their files.

    Files that were split before are not opened. What is found of them is damaged, or taken away
    in this moment, is read again.

    Raises:
        ServiceError: what was read is taken away again and again.
    """
    for _ in range(_TRIES):
        kept = [kept_part(reader, part, store) for part in parts]
        try:
            return _found(reader, parts, kept)
        except Damaged as damage:
            _log.warning("%s: %s; it is read again", reader.request.where, damage.problem)
            for each in kept:
                each.forget()
    raise ServiceError(
        f"{reader.request.where}: what was read of its files does not stay in the lake",
        remedy="run it again; if it stays so, look at the lake's disk or bucket",
    )


def folder_of(reader: Reader[Any], part: Part) -> str:
    """Return the folder in which a part is kept, another one where it is read in another way."""
    request = reader.request
    read_by = reader.source.model_dump(mode="json", exclude=set(_NOT_READ_BY))
    read_by["formats"] = read_by["formats"].get(reader.source.event_time or "")
    calendar = request.product.calendar.every if reader.source.event_time else ""
    told = json.dumps([LAYOUT, part.name, part.fingerprint, read_by, calendar], sort_keys=True)
    return received_folder(request.name, hashlib.sha256(told.encode()).hexdigest()[:32])


def kept_part(reader: Reader[Any], part: Part, store: Store) -> Kept:
    """Return a part as it was split, now or before."""
    name = folder_of(reader, part)
    found = find_kept(store, name)
    if found is None:
        _split(reader, part, store, name)
        found = find_kept(store, name)
    if found is None:
        raise ServiceError(
            f"{reader.request.where}: what was read of {part.name} is gone from the lake",
            remedy="run it again",
        )
    return found


def _split(reader: Reader[Any], part: Part, store: Store, name: str) -> None:
    """Read a part, and put its rows down by partition; of two who do, one's stay."""
    source, request = reader.source, reader.request
    splitter = None
    try:
        with reader.opened(part) as given:
            splitter = Splitter(
                store,
                name,
                request.product.calendar,
                given.schema,
                source.event_time,
                source.formats.get(source.event_time or ""),
            )
            for table in given.tables:
                splitter.take(table)
            origin = {"part": part.name, **reader.told(part)}
        # only now is it known that the file was the same to the end
        if not splitter.finish(origin):
            splitter.give_up()
    except BaseException:
        with suppress(Exception):  # what stopped the reading may keep this from the lake as well
            if splitter is not None:
                splitter.give_up()
        raise


def _found(
    reader: Reader[Any], parts: Sequence[Part], kept: Sequence[Kept]
) -> tuple[Within, Mapping[str, Any]]:
    request, source = reader.request, reader.source
    request.check(widest([each.index.schema for each in kept]).names, reader.place(parts))
    found = kept_within(kept, request.product.calendar, request.partition, bool(source.event_time))
    if not found.seen:
        reader.refuse_empty(parts[0])
    return found, _origin(reader, kept)


def _origin(reader: Reader[Any], kept: Sequence[Kept]) -> Mapping[str, Any]:
    """Return what the manifest says: of each file with rows of the partition, how many and which.

    `mark` is another one where the file has other rows of the partition, see `marks`.
    """
    request = reader.request
    timed = bool(reader.source.event_time)
    place = place_of(request.product.calendar, request.partition) if timed else 0
    files = [
        {
            **{name: value for name, value in each.index.origin.items() if name != "part"},
            "rows": each.index.rows.get(place, 0),
            "mark": each.index.marks.get(place, ""),
        }
        for each in kept
    ]
    if len(files) == 1:
        return files[0]
    return {**reader.origin(), "read": [each for each in files if each["rows"]]}
