"""Whether the places that hold what is kept can be used: the lake, artifacts, room on the disks."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from mlfactory.doctor.finding import Finding
from mlfactory.lake.store import Store, store_at
from mlfactory.settings import Settings

_LEAST_FREE = 2 * 2**30
"""Bytes: a training of a middling product takes some hundred MB, and writes before it removes."""

_GIB = 2**30


def place(what: str, address: str, setting: str) -> Finding:
    """Tell whether files can be listed, created only if absent, read and removed at an address."""
    if "://" not in address and not Path(address).exists():
        # it is not made here: of a disk that is not mounted the folder would do as well
        remedy = "the first write makes it; if there should be one, see whether its disk is there"
        return Finding(what, "absent", f"{address} is not there", f"{remedy}; {setting} names it")
    store = store_at(address)
    name = f"_doctor-{secrets.token_hex(8)}"
    try:
        told = _tried(store, name)
    except OSError as error:
        remedy = f"make the folder, or let this user write there; {setting} names it"
        return Finding(what, "wrong", f"{address}: {error.strerror or error}", remedy)
    finally:
        with suppress(Exception):
            store.delete(name)
    if told:
        remedy = f"use a store that can: machines agree by it; {setting} names this one"
        return Finding(what, "wrong", f"{address} {told}", remedy)
    return Finding(what, "ok", f"{address}: lists, creates if absent, reads, deletes")


def _tried(store: Store, name: str) -> str:
    """Return what a store cannot do, nothing if it can do all."""
    if not store.create(name, b"first"):
        return "refuses to create a file that is not there"
    if store.create(name, b"second") or store.read(name) != b"first":
        return "replaces a file that was to be created only if absent"
    # who may read need not be allowed to list; where nothing lies there is little to wait for
    store.list(f"{name}-none")
    store.delete(name)
    return "keeps a file that was deleted" if store.find(name) is not None else ""


def space(settings: Settings) -> list[Finding]:
    """Tell how much room each disk has that a folder of the settings lies on."""
    named = {"home": str(settings.home), "lake": settings.lake_uri}
    named |= {"artifacts": settings.artifacts_uri, "temporary": tempfile.gettempdir()}
    disks: dict[int, tuple[Path, list[str]]] = {}
    for name, address in named.items():
        if "://" not in address:
            folder = _nearest(Path(address))
            disks.setdefault(folder.stat().st_dev, (folder, []))[1].append(name)
    return [_room(folder, names) for folder, names in disks.values()]


def _room(folder: Path, names: list[str]) -> Finding:
    free = shutil.disk_usage(folder).free
    told = f"{free / _GIB:,.1f} GiB free for {', '.join(names)} ({folder})"
    if free < _LEAST_FREE:
        remedy = f"make room there: less than {_LEAST_FREE / _GIB:g} GiB fills up within a training"
        return Finding("free space", "wrong", told, remedy)
    return Finding("free space", "ok", told)


def _nearest(path: Path) -> Path:
    """Return the folder itself, or the nearest one above it that is there."""
    return next(one for one in (path, *path.parents) if one.exists())
