"""Files with rows of a subject that are no tables: what was read, was decided, was asked for."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq

from mlfactory.arrivals.known import read_known, write_known
from mlfactory.erase.asked import count_asked
from mlfactory.ingest.kept import find_kept
from mlfactory.ingest.subjects import Subjects
from mlfactory.lake.catalog import (
    DATA_DOCS,
    INBOX,
    KEY_HASHES,
    LABELLING,
    ON_DEMAND,
    RECEIVED,
    ROW_DECISIONS,
    STAGING,
    raw,
    validation_page,
)
from mlfactory.lake.erased import Erasure
from mlfactory.lake.ledger import ABOUT_ROWS, entries
from mlfactory.lake.pii_key import pii_key
from mlfactory.lake.store import Store, as_json, parsed, product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product

_UNREADABLE = "it could not be read; why was forgotten when a subject was erased"


def count(product: Product, erasure: Erasure) -> dict[str, int]:
    """Return of how many files each kind has rows of the subject; of decisions, how many rows."""
    found = {
        RECEIVED: sum(1 for _ in readings_with(product, erasure)),
        ROW_DECISIONS: sum(gone for _, _, gone in decided_without(product, erasure)),
        **Counter(name.partition("/")[0] for name in asked_with(product, erasure)),
        LABELLING: count_asked(product, erasure),
    }
    return {name: many for name, many in found.items() if many}


def remove(product: Product, erasure: Erasure) -> None:
    """Remove what has rows of the subject; done again, it does the rest.

    What was read of a file that has one goes whole, and is read again from there when it is wanted.
    What shards left goes too: nobody is at work now, and whoever comes back to it begins anew.
    """
    store = product_store(product.name)
    for folder in [*readings_with(product, erasure), *_with_examples(product, erasure)]:
        # without its index nothing of it is there
        store.delete(f"{folder}/index.json")
        store.delete_all(folder)
    for file, content, _ in list(decided_without(product, erasure)):
        store.write(file, as_json(content))
    for name in list(asked_with(product, erasure)):
        store.delete(name)
    store.delete_all(STAGING)
    # a memory of what names rows, which is made anew where it is wanted
    store.delete_all(KEY_HASHES)
    for source in product.spec.sources:
        _forget_problems(product, source, erasure)


def remove_pages(product: Product, keys: list[str]) -> None:
    """Remove the pages that show rows of partitions; validation writes them anew."""
    store = product_store(product.name)
    for key in keys:
        store.delete(validation_page(key))
    for name in store.list(f"{DATA_DOCS}/validations"):
        if set(name.split("/")) & set(keys):
            store.delete(name)


def _forget_problems(product: Product, source: str, erasure: Erasure) -> None:
    """Leave of what is told of files that cannot be read no more than that it is so.

    A message may show a cell, and nobody can tell whose.
    """
    known = read_known(product.name, source)
    told = [file for file in known.files.values() if file.problem not in ("", _UNREADABLE)]
    if told and erasure.sought_in(source):
        for file in told:
            file.problem = _UNREADABLE
        write_known(product.name, source, known)


def readings_with(product: Product, erasure: Erasure) -> Iterator[str]:
    """Yield the folders of what was read of a source's files that have rows of the subject.

    One that was not ended, or is damaged, may have any.
    """
    store, key = product_store(product.name), pii_key(product.name)
    folders = {name.rpartition("/")[0] for name in store.list(RECEIVED)}
    for folder in sorted(folders):
        source = folder.split("/")[1]
        subjects = Subjects(product.name, source, [erasure], key)
        if subjects and _has(store, folder, subjects, _numbers(product, source)):
            yield folder


def _with_examples(product: Product, erasure: Erasure) -> Iterator[str]:
    """Yield the folders of what was read that show a cell which is no time: it may be anything."""
    store = product_store(product.name)
    for folder in sorted({name.rpartition("/")[0] for name in store.list(RECEIVED)}):
        kept = find_kept(store, folder) if erasure.sought_in(folder.split("/")[1]) else None
        if kept is not None and kept.index.example:
            yield folder


def _has(store: Store, folder: str, subjects: Subjects, numbers: list[str]) -> bool:
    kept = find_kept(store, folder)
    if kept is None:
        return True
    if not subjects.columns(kept.index.schema.names):
        return False
    for block in (*kept.index.dated, *kept.index.undated):
        try:
            content = store.part(f"{folder}/{block.file}", block.start, block.length)
            rows = pa.ipc.open_stream(content).read_all()
        except Exception:  # whatever it is that cannot be read cannot be searched either
            return True
        if subjects.among(rows, numbers).any():
            return True
    return False


def _numbers(product: Product, source: str) -> list[str]:
    kinds = Lake(product.name).columns(raw(source))
    return [
        n for n, kind in kinds.items() if pa.types.is_integer(kind) or pa.types.is_floating(kind)
    ]


def decided_without(
    product: Product, erasure: Erasure
) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Yield files of decisions about rows, without those of the subject, and how many these are.

    The name of a file stays, by which the ledger knows it.
    """
    store, key = product_store(product.name), pii_key(product.name)
    made = entries(product.name, *ABOUT_ROWS)
    sources = {str(entry.details["file"]): str(entry.details["source"]) for entry in made}
    for name in store.list(ROW_DECISIONS):
        source = sources.get(name.rpartition("/")[2].removesuffix(".json"))
        content = parsed(store.read(name), store.address(name))
        every = [source] if source is not None else list(product.spec.sources)
        gone = set[str]()
        for each in every:
            gone |= _decided(Subjects(product.name, each, [erasure], key), content)
        if gone:
            left = {digest: row for digest, row in content.items() if digest not in gone}
            yield name, left, sum(int(content[each].get("copies", 1)) for each in gone)


def _decided(subjects: Subjects, content: Mapping[str, Any]) -> set[str]:
    """Return the digests of rows that are the subject's, as received or as corrected."""
    digests = list(content)
    received = [json.loads(content[digest]["record"]) for digest in digests]
    changes = [content[digest].get("changes", {}) for digest in digests]
    corrected = [{**record, **change} for record, change in zip(received, changes, strict=True)]
    found = subjects.in_records(received) | subjects.in_records(corrected)
    return {digest for digest, is_one in zip(digests, found, strict=True) if is_one}


def asked_with(product: Product, erasure: Erasure) -> Iterator[str]:
    """Yield the files that people put there to be predicted which have rows of the subject.

    And what was answered: pages and answers that name such a file, or have such rows themselves.
    """
    store = product_store(product.name)
    of = [
        Subjects(product.name, source, [erasure], pii_key(product.name))
        for source in (*product.spec.sources, None)
    ]
    named = [name for name in store.list(INBOX) if _asks(store, name, of)]
    yield from named
    words = [name.removeprefix(f"{INBOX}/").encode() for name in named]
    for name in store.list(ON_DEMAND):
        if name.endswith(".html"):
            continue
        page = f"{name}.html"
        about = store.find(page) or b""
        if any(word in about for word in words) or _asks(store, name, of):
            yield name
            if about:
                yield page


def _asks(store: Store, name: str, of: list[Subjects]) -> bool:
    content = store.find(name) or b""
    try:
        if name.lower().endswith(".parquet"):
            rows = pq.read_table(io.BytesIO(content))
        else:
            names = pyarrow.csv.open_csv(io.BytesIO(content)).schema.names
            as_text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
            rows = pyarrow.csv.read_csv(io.BytesIO(content), convert_options=as_text)
    except (pa.ArrowException, OSError, ValueError):
        return False  # nor could it be predicted
    return any(
        subjects.among(rows, numbers).any()
        for subjects in of
        for numbers in ((), rows.column_names)
    )
