"""From a file with rows of a source to a prediction, or the reason of none, for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mlfactory.ingest.given import Given, read_given
from mlfactory.predict.asked import Asked
from mlfactory.predict.context import driving_source
from mlfactory.predict.table import table_of
from mlfactory.predict.usable import usable
from mlfactory.product.loader import Product
from mlfactory.score import answers, model_for, other_code


@dataclass(frozen=True)
class Predicted:
    """What was answered.

    Attributes:
        table: a line for each row of the file, in its order (see `predict.table`).
        source: the source that the rows are of.
        version: the version that answered.
        rows: how many rows the file has.
        scored: how many of its lines have a score.
        notes: what whoever asked should know, a sentence each.
    """

    table: pd.DataFrame
    source: str
    version: str
    rows: int
    scored: int
    notes: tuple[str, ...]


def run(
    product: Product, file: Path, *, source: str | None = None, version: str | None = None
) -> Predicted:
    """Predict the rows of `file` with the champion, or with `version`.

    The rows are read as the source's own are, and built by the product's function together with
    what the lake knows now; nothing is written.

    Raises:
        UsageError: if there is no champion, version or source, or nothing was landed yet.
        ContractError: if the file cannot be read, or lacks a column that features are made of.
        BuildError: if the product's function fails.
        IntegrityError: if the model's files are not those that were registered.
    """
    model = model_for(product, version)
    told = other_code(product, model.version, product.code_hash)
    name = driving_source(product, source)
    given = read_given(product, name, file)
    fit = usable(product, name, given)
    asked = Asked(product, name, given, fit.rows)
    events = asked.events() if fit.rows else None
    reasons, built, answered = fit.reasons, None, None
    places: dict[int, list[int]] = {}
    if events is not None:
        built = events.built
        reasons |= {fit.rows[place]: why for place, why in events.reasons.items()}
        places = dict(zip(fit.rows, events.places, strict=True))
        good = [place for place in range(len(built.features)) if place not in built.reasons]
        answered = answers(product, built.features.iloc[good], model).set_axis(good)
    table = table_of(product.spec, given.rows, built, places, answered, reasons, model.version)
    return Predicted(
        table=table,
        source=name,
        version=model.version,
        rows=len(given.rows),
        scored=int(table["score"].notna().sum()),
        notes=tuple(_notes(given, asked, fit.not_asked, told)),
    )


def _notes(given: Given, asked: Asked, not_asked: Sequence[str], of_code: str) -> list[str]:
    notes = [of_code] if of_code else []
    if given.absent:
        notes.append(f"the file lacks {', '.join(given.absent)}: no feature is made of them")
    if given.ignored:
        notes.append(f"not known to the source, and ignored: {', '.join(given.ignored)}")
    if asked.gaps:
        notes.append(
            f"the history of {', '.join(asked.gaps)} is not in the lake: features that look back "
            "lack it"
        )
    if asked.replaced:
        notes.append(
            f"{asked.replaced:,} rows of the lake name the same events, and were left out: the "
            "file's stand instead of them"
        )
    if not_asked:
        notes.append(
            "rules about a partition as a whole, or about what the file lacks, were not asked of "
            f"its rows: {'; '.join(not_asked)}"
        )
    return notes
