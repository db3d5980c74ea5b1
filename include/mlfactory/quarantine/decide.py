"""What people decide about rows in quarantine: release, as they are or corrected, or discard."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypedDict, Unpack

from mlfactory.lake.catalog import raw
from mlfactory.lake.cells import cell
from mlfactory.lake.ledger import Entry
from mlfactory.lake.row_decisions import DecidedRow, Kind, RowDecision, decide, decided_for
from mlfactory.lake.tables import Lake
from mlfactory.lake.unsettled import kinds_of
from mlfactory.lake.working import SHORT, working
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.quarantine.rows import (
    QuarantinedRow,
    chosen_by_digest,
    rows_in_quarantine,
    validation_of,
)
from mlfactory.quarantine.spreadsheet import Changes, changed_rows

_SHOWN = 5


class _Said(TypedDict):
    """What a decision says beside which rows it is about; see `release`."""

    why: str
    who: str
    asked_by: str


@dataclass(frozen=True)
class Choice:
    """Which rows of a partition are meant; exactly one of the first three, or a CSV of them.

    Attributes:
        digests: of the rows, in full or their first letters.
        everything: all that are open.
        reason: those open ones of which a reason has this text.
        source: only rows of this source.
    """

    digests: Sequence[str] = ()
    everything: bool = False
    reason: str = ""
    source: str | None = None

    @property
    def ways(self) -> int:
        """Return in how many ways it says which rows are meant."""
        return bool(self.digests) + self.everything + bool(self.reason)


@dataclass(frozen=True)
class Decided:
    """What was decided, and what makes it so.

    Attributes:
        entries: those of the ledger, one for each source.
        rows: about how many rows.
        unchanged: lines of the CSV that are as they were, about which nothing was decided.
        command: which runs the partition with what was decided.
    """

    entries: tuple[Entry, ...]
    rows: int
    command: str
    unchanged: int = 0


def release(
    product: Product,
    partition: Partition,
    choice: Choice,
    *,
    why: str,
    who: str = "",
    corrected: str | None = None,
    asked_by: str = "",
) -> Decided:
    """Let rows through when their partition is validated next.

    Accepted as they are, the rules they break do not take them out, and cells that cannot be read
    stay without a value. Corrected, they are judged anew by all rules.

    Args:
        asked_by: see `discard`.
        corrected: the CSV that `spreadsheet.as_csv` made of them, edited; then `choice` names no
            rows, for these are the ones that were changed in it.
        who: the user of this process by default.

    Raises:
        UsageError: if nothing is chosen, no reason is given, or rows cannot be accepted as they
            are; or a removal of the product was cut off.
        ServiceError: if the partition is being validated at this moment, or a removal is under way.
    """
    _refuse_without_reason(why)
    said: _Said = {"why": why.strip(), "who": who, "asked_by": asked_by}
    with _at_work(product, partition):
        if corrected is not None:
            return _correct(product, partition, choice, corrected, **said)
        return _accept(product, partition, choice, **said)


def _accept(
    product: Product, partition: Partition, choice: Choice, **said: Unpack[_Said]
) -> Decided:
    rows = _chosen(product, partition, choice)
    stuck = [row for row in rows if row.only_corrected]
    if stuck:
        told = "; ".join(f"{row.digest}: {row.only_corrected}" for row in stuck[:_SHOWN])
        more = f"; and {len(stuck) - _SHOWN:,} more" if len(stuck) > _SHOWN else ""
        raise UsageError(
            f"{len(stuck):,} of these {len(rows):,} rows cannot be accepted as they are: "
            f"{told}{more}",
            remedy="correct them: mlfactory quarantine show … --out rows.csv, then release … "
            "--corrected rows.csv; or name other rows",
        )
    return _decide(product, partition, "accepted", rows, lambda _: {}, **said)


def discard(
    product: Product,
    partition: Partition,
    choice: Choice,
    *,
    why: str,
    who: str = "",
    asked_by: str = "",
) -> Decided:
    """Leave rows out for good; one that was released before goes back with the next validation.

    Args:
        asked_by: what asks for it and may ask again, see `decided_before`.

    Raises:
        UsageError: if nothing is chosen, or no reason is given; or a removal of the product was
            cut off.
        ServiceError: if the partition is being validated at this moment, or a removal is under way.
    """
    _refuse_without_reason(why)
    said: _Said = {"why": why.strip(), "who": who, "asked_by": asked_by}
    with _at_work(product, partition):
        rows = _chosen(product, partition, choice)
        return _decide(product, partition, "discarded", rows, lambda _: {}, **said)


def decided_before(product: Product, partition: Partition, asked_by: str) -> Decided | None:
    """Return what something that asks a second time had decided, None if that is nothing yet."""
    made = tuple(decided_for(product.name, partition.key, asked_by))
    if not made or len(made) < int(made[0].details["sources"]):
        # nothing yet, or it was killed between two sources: what is written is not written twice
        return None
    rows = sum(int(entry.details["rows"]) for entry in made)
    return Decided(made, rows, _then(product, partition))


def _at_work(product: Product, partition: Partition) -> AbstractContextManager[object]:
    return working(product.name, f"decision about rows of {partition}", believed=SHORT)


def _then(product: Product, partition: Partition) -> str:
    return f"mlfactory run {product.name} {partition} --stage validate --downstream"


def _correct(
    product: Product,
    partition: Partition,
    choice: Choice,
    text: str,
    **said: Unpack[_Said],
) -> Decided:
    if choice.ways:
        raise UsageError(
            "the CSV of corrected rows says which rows are meant",
            remedy="leave out --rows, --all and --reason; lines that are not to be released can be "
            "taken out of the CSV",
        )
    lake, rows = Lake(product.name), rows_in_quarantine(product, partition, choice.source)
    kinds = {name: kinds_of(lake.columns(raw(name))) for name in product.spec.sources}
    changes, unchanged = changed_rows(text, rows, kinds)
    if not changes:
        raise UsageError(
            "nothing is changed in the CSV of corrected rows",
            remedy="change the cells that are wrong; or accept rows as they are: --rows DIGEST",
        )
    for (source, digest), change in changes.items():
        _refuse_guarded(product, source, change)
        _refuse_other_time(product, partition, source, digest, change, kinds[source])
    meant = [row for row in rows if (row.source, row.digest) in changes]
    return _decide(
        product,
        partition,
        "corrected",
        meant,
        lambda row: {
            name: row.numbers.plain_cell(text, kinds[row.source][name])
            for name, text in changes[row.source, row.digest].items()
        },
        unchanged=unchanged,
        **said,
    )


def _refuse_guarded(product: Product, source: str, change: Mapping[str, object]) -> None:
    """Refuse to write personal data by hand into a column that never lands as it is."""
    guarded = sorted(set(change) & set(product.spec.sources[source].pii))
    if guarded:
        raise UsageError(
            f"the column {guarded} of {source} holds personal data, which comes in by the door of "
            "its source alone",
            remedy="correct it at the source and land the partition again, or leave it as it is "
            "in the CSV",
        )


def _chosen(product: Product, partition: Partition, choice: Choice) -> list[QuarantinedRow]:
    if choice.ways != 1:
        raise UsageError(
            "it is not said which rows are meant" if not choice.ways else "rows are named twice",
            remedy="give one of --rows DIGEST, --reason TEXT, or --all",
        )
    rows = rows_in_quarantine(product, partition, choice.source)
    if choice.digests:
        return chosen_by_digest(rows, choice.digests)
    sampled = validation_of(product, partition)["facts"].get("sampled", {})
    cut = [name for name in sampled if choice.source in (None, name)]
    if cut:
        raise UsageError(
            f"of {', '.join(cut)} more rows are bad than quarantine_budget allows, and only a "
            "sample of them is kept",
            remedy="mend the source, or the rules in product.yaml, and run the partition again; "
            "single rows can be named with --rows",
        )
    found = [
        row
        for row in rows
        if row.state == "open"
        and (choice.everything or any(choice.reason in each for each in row.reasons))
    ]
    if not found:
        of = f" with the reason '{choice.reason}'" if choice.reason else ""
        raise UsageError(
            f"{product.name}, partition {partition}: no row{of} is open in quarantine",
            remedy=f"see what there is: mlfactory quarantine show {product.name} {partition}",
        )
    return found


def _decide(
    product: Product,
    partition: Partition,
    kind: Kind,
    rows: Sequence[QuarantinedRow],
    changes: Callable[[QuarantinedRow], Changes],
    *,
    unchanged: int = 0,
    **said: Unpack[_Said],
) -> Decided:
    by_source: dict[str, dict[str, DecidedRow]] = {}
    copies = Counter((row.source, row.digest) for row in rows)
    for row in rows:
        by_source.setdefault(row.source, {})[row.digest] = DecidedRow(
            row=row.row,
            record=json.dumps(row.record, ensure_ascii=False),
            reasons=row.reasons,
            kinds=row.kinds,
            only_corrected=row.only_corrected,
            changes=dict(changes(row)),
            copies=copies[row.source, row.digest],
        )
    entries = tuple(
        decide(
            product.name,
            RowDecision(partition.key, source, kind, of_source, **said),
            sources=len(by_source),
        )
        for source, of_source in by_source.items()
    )
    return Decided(
        entries=entries,
        rows=len(rows),
        command=_then(product, partition),
        unchanged=unchanged,
    )


def _refuse_without_reason(why: str) -> None:
    if not why.strip():
        raise UsageError(
            "a decision about rows needs a reason, which goes into the ledger",
            remedy="give it with --why",
        )


def _refuse_other_time(
    product: Product,
    partition: Partition,
    source: str,
    digest: str,
    change: Changes,
    kinds: Mapping[str, object],
) -> None:
    """Make sure that a row is not corrected into another partition."""
    name = product.spec.sources[source].event_time
    given = change.get(name) if name else None
    if name is None or given is None or product.calendar.is_snapshot:
        return
    moment = cell(given, kinds[name])
    if not partition.start <= moment < partition.end:
        raise UsageError(
            f"the row {digest} is corrected to {name}={given}, which is not in partition "
            f"{partition}",
            remedy=f"a row stays in its partition, {partition.start:%Y-%m-%d %H:%M} to "
            f"{partition.end:%Y-%m-%d %H:%M} UTC; discard it here, and let its source send it anew",
        )
