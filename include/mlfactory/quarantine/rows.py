"""The rows of a partition that are in quarantine, or were until somebody released them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import pandas as pd
import pyarrow as pa

from mlfactory.lake.catalog import PARTITION, QUARANTINE, RUN, raw
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.numbers import PLAIN, Numbers, numbers_of
from mlfactory.lake.row_decisions import Word, decisions_about, last_words, newest_heeded
from mlfactory.lake.tables import Lake
from mlfactory.lake.unsettled import kinds_of
from mlfactory.product.errors import ServiceError, UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

State = Literal["open", "released", "discarded"]

OLDER = "put there by an older revision"
"""The reason of rows that were quarantined before reasons were counted."""


@dataclass(frozen=True)
class QuarantinedRow:
    """A row that validation did not let through by itself.

    Attributes:
        digest: of its record, by which it is known in every landing.
        row: its place in its landing.
        state: `open` where nobody has decided, or it breaks rules as it was corrected.
        reasons: why it is, or was, in quarantine.
        kinds: the same without the values of the row.
        record: what was received, by column.
        only_corrected: why it cannot be accepted as it is, empty if it can.
        waits: it was released, and its partition has not run since.
        changes: of a row that was corrected the cells that became others, as the last word has it,
            and as its source writes numbers.
        numbers: how its source does that.
    """

    source: str
    digest: str
    row: int
    state: State
    reasons: tuple[str, ...]
    kinds: tuple[str, ...]
    record: Mapping[str, Any]
    only_corrected: str = ""
    waits: bool = False
    changes: Mapping[str, str | None] = field(default_factory=dict)
    numbers: Numbers = PLAIN


def rows_in_quarantine(
    product: Product, partition: Partition, source: str | None = None
) -> list[QuarantinedRow]:
    """Return the rows of a partition that are in quarantine or were released, by source and place.

    Raises:
        UsageError: if there is no such source, or the partition was not validated.
        ServiceError: if the partition is being validated anew at this moment.
    """
    if source is not None and source not in product.spec.sources:
        raise UsageError(
            f"product {product.name} has no source '{source}'",
            remedy=f"it has {list(product.spec.sources)}",
        )
    validation = validation_of(product, partition)
    words = last_words(decisions_about(product.name, partition.key))
    heeded = newest_heeded(validation)
    found = [
        _row(each, words.get(str(each["source"]), {}).get(str(each["digest"])), heeded)
        for each in _stored(product, partition, validation)
    ]
    there = {(each.source, each.digest) for each in found}
    gone = [
        _released(name, digest, word, heeded)
        for name, of_source in words.items()
        for digest, word in of_source.items()
        if (name, digest) not in there
        for _ in range(word.row.copies)
    ]
    chosen = [each for each in (*found, *gone) if source is None or each.source == source]
    written = _as_written(product, chosen)
    return sorted(written, key=lambda each: (each.source, each.row, each.digest))


def validation_of(product: Product, partition: Partition) -> Mapping[str, Any]:
    """Return the manifest of a partition's validation.

    Raises:
        UsageError: if there is none.
    """
    found = read_manifest(product.name, "validate", partition.key)
    if not found:
        raise UsageError(
            f"{product.name}, partition {partition}: it was not validated, or is being validated",
            remedy=f"mlfactory run {product.name} {partition} --stage ingest --stage validate",
        )
    return found


def _stored(
    product: Product, partition: Partition, validation: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the rows that a validation put into quarantine."""
    frame = Lake(product.name).read(QUARANTINE, [partition.key])
    wanted = int(validation["written"].get(QUARANTINE, 0))
    own = frame[frame[RUN] == validation["id"]] if RUN in frame else pd.DataFrame()
    if len(own) != wanted or len(own) != len(frame):
        raise ServiceError(
            f"{product.name}, partition {partition}: it is being validated anew",
            remedy="ask again when that has ended; if none is at work: mlfactory run "
            f"{product.name} {partition} --stage validate --downstream",
        )
    columns = [name for name in own.columns if name not in (PARTITION, RUN)]
    return [
        dict(zip(columns, cells, strict=True))
        for cells in own[columns].itertuples(index=False, name=None)
    ]


def _as_written(product: Product, rows: Sequence[QuarantinedRow]) -> Iterator[QuarantinedRow]:
    """Yield rows with their corrections as their source writes numbers; decisions have them plain.

    So a decision means the same whatever the spec says of the source's numbers later.
    """
    lake = Lake(product.name)
    for source in dict.fromkeys(row.source for row in rows):
        own = [row for row in rows if row.source == source]
        known = product.spec.sources.get(source)
        numbers = numbers_of(known) if known is not None else PLAIN
        kinds = kinds_of(lake.columns(raw(source))) if numbers != PLAIN else {}
        for row in own:
            changes = {
                name: numbers.written(text, kinds.get(name, pa.null()))
                for name, text in row.changes.items()
            }
            yield replace(row, changes=changes, numbers=numbers)


def _row(stored: Mapping[str, Any], word: Word | None, heeded: int) -> QuarantinedRow:
    reasons = _texts(stored["reasons"])
    row = QuarantinedRow(
        source=str(stored["source"]),
        digest=str(stored["digest"]),
        row=int(stored["row"]),
        state="open",
        reasons=reasons,
        kinds=_texts(stored.get("kinds")) or (OLDER,),
        record=json.loads(stored["record"]),
        only_corrected=_text(stored.get("only_corrected")),
    )
    if word is None:
        return row
    if word.kind == "discarded":
        return replace(row, state="discarded")
    row = replace(row, changes=word.row.changes)
    waits = word.decision.number > heeded
    # what was heeded and is here all the same breaks rules as it was corrected
    return replace(row, state="released", waits=True) if waits else row


def _released(source: str, digest: str, word: Word, heeded: int) -> QuarantinedRow:
    """Return a row that is in quarantine no more, as it was when somebody decided about it."""
    discarded = word.kind == "discarded"
    return QuarantinedRow(
        source=source,
        digest=digest,
        row=word.row.row,
        state="discarded" if discarded else "released",
        reasons=word.row.reasons,
        kinds=word.row.kinds,
        record=json.loads(word.row.record),
        only_corrected=word.row.only_corrected,
        waits=word.decision.number > heeded,
        changes=word.row.changes,
    )


def _texts(values: Any) -> tuple[str, ...]:
    return () if values is None or isinstance(values, float) else tuple(map(str, values))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def chosen_by_digest(
    rows: Sequence[QuarantinedRow], digests: Sequence[str]
) -> list[QuarantinedRow]:
    """Return the rows of some digests, each given in full or by its first letters.

    Rows that are the same in every cell have one digest, and are all meant.

    Raises:
        UsageError: if there is no such row, or a beginning is that of several.
    """
    found: set[tuple[str, str]] = set()
    for digest in digests:
        meant = [row for row in rows if digest and row.digest.startswith(digest)]
        if not meant:
            raise UsageError(
                f"no row of the quarantine has the digest '{digest}'",
                remedy="see them with: mlfactory quarantine show PRODUCT PARTITION",
            )
        if len({(row.source, row.digest) for row in meant}) > 1:
            raise UsageError(
                f"several rows of the quarantine have a digest that begins with '{digest}'",
                remedy="give more of it, or name the source with --source",
            )
        found |= {(row.source, row.digest) for row in meant}
    return [row for row in rows if (row.source, row.digest) in found]
