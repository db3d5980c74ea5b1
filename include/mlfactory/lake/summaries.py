"""What the manifests of a stage say, without reading each of them again.

Of thousands of partitions a few change between two looks. What was read is kept beside the
manifests, in files that hold many summaries each, and every summary with the mark that the store
gives its manifest: listing the manifests tells which are still what they were, and only the others
are read. The files are no more than a memory: whoever finds one absent, damaged or old makes it
anew, and of two writers either may win.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

from mlfactory.lake.catalog import MANIFESTS, summaries_file
from mlfactory.lake.store import Store, parsed, product_store

_KEPT = ("id", "stage", "name", "started_at", "seconds", "code_hash", "reads", "counts")
"""What a summary has of its manifest."""

_CHANGED = 16
"""So many manifests of a file that had to be read make it worth writing anew."""

Summaries = dict[str, Mapping[str, Any]]
_File = dict[str, tuple[str, Mapping[str, Any]]]
"""Of each partition the mark of its manifest, and the summary."""


def summaries(product: str, stage: str) -> Summaries:
    """Return a summary of every manifest of a stage whose runs are named by partition, in order."""
    store = product_store(product)
    folder = f"{MANIFESTS}/{stage}/"
    marks = {
        name.removeprefix(folder).removesuffix(".json"): mark
        for name, mark in store.marks(folder.rstrip("/")).items()
    }
    files = {key: summaries_file(stage, era_of(key)) for key in marks}
    known = _known(store, set(files.values()))
    found, changed = Summaries(), dict[str, set[str]]()
    for key, mark in marks.items():
        known_mark, summary = known.get(files[key], {}).get(key, ("", {}))
        if known_mark == mark:
            found[key] = summary
        else:
            changed.setdefault(files[key], set()).add(key)
    unread = {f"{folder}{key}.json": key for keys in changed.values() for key in keys}
    for name, content in store.read_many(unread).items():
        manifest = parsed(content, store.address(name))
        found[unread[name]] = {each: manifest[each] for each in _KEPT if each in manifest}
    for file, keys in changed.items():
        if len(keys) >= _CHANGED:
            _write(
                store, file, {key: (marks[key], found[key]) for key in found if files[key] == file}
            )
    return dict(sorted(found.items()))


def era_of(key: str) -> str:
    """Return in which file a partition's summary is: that of its year, and of hours their month."""
    return key[:7] if "T" in key else key[:4]


def _known(store: Store, files: set[str]) -> dict[str, _File]:
    found = {}
    for file, content in store.read_many(sorted(files)).items():
        try:
            found[file] = json.loads(zlib.decompress(content))
        except (ValueError, zlib.error):
            continue  # damaged: what it had is read again
    return found


def _write(store: Store, file: str, content: _File) -> None:
    # of neighbours most of what they read is the same, and takes no room twice
    store.write(file, zlib.compress(json.dumps(content).encode(), 1))
