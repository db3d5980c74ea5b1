"""What people were asked to label, and what they answered: files that are written once, for good.

A batch is drawn once for a partition. Each time that somebody answers, that is a file of its own,
named for its content, in the folder of the partition in which it was answered; so two people who
answer at once lose nothing, and nobody's answer is ever taken away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from mlfactory.lake.catalog import answers_file, answers_folder, batch_file, batches_folder
from mlfactory.lake.store import as_json, find_json, parsed, product_store
from mlfactory.product.loader import Product

Drawn = Literal["uncertainty", "value", "random"]
UNCERTAINTY: Drawn = "uncertainty"
VALUE: Drawn = "value"
RANDOM: Drawn = "random"

Value = float | str
"""A label: a number, or of several classes the name of one."""

_NAME = 24
"""Hexadecimal digits of the name of an answer."""


@dataclass(frozen=True)
class Asked:
    """A row that people are asked to label.

    Attributes:
        row: what it is called.
        key: the values that name the event, in the order of `features.key`.
        at: its event time, as ISO 8601 in UTC.
        drawn: why it was chosen; one that was drawn at random is that, whatever else it is.
        weight: how many rows of the partition it stands for: one over its chance to be chosen.
        score: what the model said of it, and what it decided.
        shows: what people are shown of it.
    """

    row: str
    key: tuple[Any, ...]
    at: str
    drawn: Drawn
    weight: float
    score: float | None
    prediction: Value | None
    shows: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """The rows of a partition that people are asked to label.

    Attributes:
        model_version: of the model that predicted them.
        of_rows: how many rows of the partition it was drawn from.
        drawn_at: when, in UTC.
    """

    partition: str
    model_version: str
    of_rows: int
    drawn_at: str
    rows: tuple[Asked, ...]


@dataclass(frozen=True)
class Answer:
    """The label that somebody gave a row of a batch."""

    row: str
    partition: str
    label: Value


@dataclass(frozen=True)
class Answers:
    """What somebody answered at once.

    Attributes:
        at: when they knew it, as ISO 8601 in UTC: from then on it is a label.
        stored_at: when it was written down.
    """

    who: str
    why: str
    at: str
    stored_at: str
    answers: tuple[Answer, ...]


def read_batch(product: str, key: str) -> Batch | None:
    """Return what people are asked to label of a partition, None if nothing was drawn."""
    found = find_json(product_store(product), batch_file(key))
    return None if found is None else _batch(found)


def read_batches(product: str, keys: Sequence[str] | None = None) -> dict[str, Batch]:
    """Return what was drawn of partitions, or of all of them, by their key."""
    store = product_store(product)
    if keys is None:
        names = list(store.list(batches_folder()))
    else:
        names = [batch_file(key) for key in keys]
    found = store.read_many(names)
    batches = [_batch(parsed(found[name], store.address(name))) for name in sorted(found)]
    return {batch.partition: batch for batch in batches}


def leave_batch(product: str, batch: Batch) -> Batch:
    """Write a batch down unless one was drawn before, and return the one that stands."""
    product_store(product).create(batch_file(batch.partition), as_json(asdict(batch)))
    return read_batch(product, batch.partition) or batch


def leave_answers(product: Product, answers: Answers) -> bool:
    """Write answers down for good; tell whether they were not there before."""
    landing = product.calendar.containing(datetime.fromisoformat(answers.at)).key
    said = as_json({name: value for name, value in asdict(answers).items() if name != "stored_at"})
    name = hashlib.sha256(said).hexdigest()[:_NAME]
    content = as_json(asdict(answers))
    return product_store(product.name).create(answers_file(landing, name), content)


def read_answers(product: str, landing: str = "") -> list[Answers]:
    """Return what was answered within a partition, or ever, in the order in which it was known."""
    store = product_store(product)
    names = list(store.list(answers_folder(landing)))
    found = store.read_many(names)
    given = [_answers(parsed(found[name], store.address(name))) for name in sorted(found)]
    return sorted(given, key=lambda one: (one.at, one.stored_at))


def landings_with_answers(product: str) -> dict[str, int]:
    """Return in which partitions somebody answered, and how often."""
    folder = f"{answers_folder()}/"
    found: dict[str, int] = {}
    for name in product_store(product).list(answers_folder()):
        landing = name.removeprefix(folder).split("/")[0]
        found[landing] = found.get(landing, 0) + 1
    return found


def _batch(found: Mapping[str, Any]) -> Batch:
    rows = tuple(Asked(**{**row, "key": tuple(row["key"])}) for row in found["rows"])
    return Batch(**{**found, "rows": rows})


def _answers(found: Mapping[str, Any]) -> Answers:
    return Answers(**{**found, "answers": tuple(Answer(**one) for one in found["answers"])})
