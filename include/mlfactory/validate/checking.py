"""A source of a partition checked: in one frame where its rows fit one batch, else batch by batch.

Both ways say the same; the second never holds all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult

from mlfactory.lake.catalog import LANDED_ROW, REFUSED, RESCUED
from mlfactory.lake.marks import Marks, Places
from mlfactory.lake.row_decisions import Word
from mlfactory.lake.spool import Spool
from mlfactory.product.conditions import Condition
from mlfactory.product.loader import Product
from mlfactory.profiles.kept import Profiling
from mlfactory.validate.conditions import ConditionError, rows_where
from mlfactory.validate.decided import NOTHING, Heeded, corrected_batches, heeded, let_through
from mlfactory.validate.origin import Landed, Origin
from mlfactory.validate.own import answers
from mlfactory.validate.own.asked import Asked, Beside
from mlfactory.validate.quarantine import (
    DISCARDED,
    Bad,
    bad_rows,
    is_needed,
    reasons_of,
    repeated_kind,
    takes_out,
    undated_kind,
    undated_rows,
    unread_kind,
)
from mlfactory.validate.repeats import keys_repeated, keys_repeated_in
from mlfactory.validate.rules import Rule, rules_for
from mlfactory.validate.shape import Shape, framed, shape_of, varying
from mlfactory.validate.suite import Outcome, SuiteRun
from mlfactory.validate.survey import Batches, Survey
from mlfactory.validate.unread import UnreadCells, note_refused
from mlfactory.validate.verdict import Count

PIECE = 50_000
"""Bad rows that are held at once, each with its record, where there are several batches."""

_READ_AS = {"float": "a number", "string": "text"}

Kinds = Mapping[str, pa.DataType]
Pieces = Iterator[Sequence[Bad]]


@dataclass(frozen=True)
class Checked:
    """A source after its rules were run; without a result there were no rows to run them on.

    Attributes:
        rows: those that are bad.
        reasons: of each reason for that, the rows that are bad for it.
        bad: gives bad rows in their order, a piece at a time, as often as called: all of them, or
            those of the places that it is given.
        corrected: the rows that were let through with the values that somebody gave them, each
            with its place; None if there are none, or they stand among the cleaned ones.
        batches: the rows that were checked, as somebody corrected them; None if there were none.
    """

    count: Count
    outcomes: tuple[Outcome, ...] = ()
    result: ExpectationSuiteValidationResult | None = None
    rows: Marks = field(default_factory=Marks)
    reasons: Mapping[str, Marks] = field(default_factory=dict)
    bad: Callable[..., Pieces] = lambda _=None: iter(())
    corrected: pa.Table | None = None
    batches: Batches | None = None


def check(
    product: Product,
    source: str,
    batches: Batches,
    kinds: Kinds,
    words: Mapping[str, Word] | None = None,
    origin: Origin | None = None,
    beside: Beside | None = None,
    profiling: Profiling | None = None,
) -> Checked:
    """Run the rules of a source on its rows in a partition.

    Where rows of it were decided about, it is gone through first for where these rows are now.

    Args:
        kinds: the types of the columns of the source's table.
        words: the last word about each row that was decided about, by the digest of its record.
        origin: of cleaned rows, what they were when they landed.
        beside: what rules of ours look at beside these rows; nothing by default.
        profiling: looks at the rows as they go by.
    """
    beside = beside or Beside()
    if not words:
        return _check(product, source, batches, kinds, NOTHING, beside, origin, profiling)
    if origin is None:
        decided = heeded(source, batches, product.spec.sources[source].key, words)
        as_decided = corrected_batches(batches, decided.changes)
    else:
        # what was corrected was so before it was cleaned
        decided, as_decided = origin.decided_of(batches), batches
    found = _check(product, source, as_decided, kinds, decided, beside, origin, profiling)
    through = decided.corrected - found.rows
    return replace(
        found,
        count=replace(
            found.count,
            accepted=len(decided.accepted - found.rows),
            corrected=len(through),
            broken=len(decided.corrected & found.rows),
        ),
        corrected=let_through(as_decided, through) if origin is None else None,
        batches=as_decided,
    )


def _check(
    product: Product,
    source: str,
    batches: Batches,
    kinds: Kinds,
    decided: Heeded,
    beside: Beside,
    origin: Origin | None = None,
    profiling: Profiling | None = None,
) -> Checked:
    begun = batches()
    first = next(begun)
    kinds = {**kinds, **{field.name: field.type for field in first.schema}}
    check = _Check(product, source, batches, kinds, decided, beside, origin, profiling)
    if next(begun, None) is None:
        return check.of_one(first)
    with ExitStack() as disk:
        return check.of_many(disk)


class _Check:
    """A check of a source.

    Of several batches its rows are gone through three times: for the types that the columns have
    in one frame, for the rules, and, as `Checked.bad` is asked, for the rows that are bad.
    """

    def __init__(
        self,
        product: Product,
        name: str,
        batches: Batches,
        kinds: Kinds,
        decided: Heeded,
        beside: Beside,
        origin: Origin | None = None,
        profiling: Profiling | None = None,
    ) -> None:
        self._product, self._name, self._kinds = product, name, kinds
        self._batches, self._decided, self._origin = batches, decided, origin
        self._beside, self._profiling = beside, profiling
        self._source = product.spec.sources[name]
        self._shape: Shape = {}
        self._rows = 0
        self._undated, self._unread = Marks(), UnreadCells(kinds)
        self._refused: dict[str, Marks] = {}
        self._critical: list[tuple[Outcome, Marks]] = []
        self._spools: dict[tuple[tuple[str, ...], Condition | None], Spool] = {}

    def of_one(self, landed: pa.Table) -> Checked:
        """Return what there is to say of rows that are all there."""
        frame, self._shape = framed(landed, {}), shape_of([landed])
        self._batches = partial(_only, landed)
        # without rows, and perhaps without columns, only the rules about the table can be answered
        rules = [
            rule for rule in rules_for(self._product, self._name) if len(frame) or not rule.needs
        ]
        survey = self._survey(_not_own(rules), None)
        self._profile(landed)
        survey.look(frame, 0)
        run = survey.found()
        self._look(landed, frame)
        run = self._with_own(run, rules)
        key = self._source.key if len(frame) else ()
        return self._said(run, key, partial(keys_repeated_in, frame, key))

    def of_many(self, disk: ExitStack) -> Checked:
        """Return what there is to say of the batches.

        Args:
            disk: keeps what is spooled.
        """
        self._shape = shape_of(self._batches(columns=varying(pa.schema(list(self._kinds.items())))))
        spool = partial(self._spool, disk)
        rules = rules_for(self._product, self._name)
        survey = self._survey(_not_own(rules), spool)
        key = self._source.key
        if key:
            spool(key)
        for rows in self._batches():
            frame, start = framed(rows, self._shape), self._rows
            self._profile(rows)
            survey.look(frame, start)
            self._look(rows, frame)
            self._add_to_spools(rows, frame, start)
        run = self._with_own(survey.found(), rules)

        def repeated(bad: Marks, released: Marks, discarded: Marks) -> Marks:
            if not key:
                return Marks()
            return keys_repeated(spool(key), self._shape, bad, released, discarded)

        return self._said(run, key, repeated)

    def _survey(
        self,
        rules: Sequence[Rule],
        spool: Callable[[Sequence[str], Condition | None], Spool] | None,
    ) -> Survey:
        nested = {each for each, kind in self._kinds.items() if pa.types.is_nested(kind)}
        return Survey(self._product, self._name, rules, self._shape, self._batches, spool, nested)

    def _with_own(self, run: SuiteRun, rules: Sequence[Rule]) -> SuiteRun:
        """Return what rules found, with what those of ours do, which look at more than a batch."""
        unread = {
            each.column: (each.expected, _READ_AS.get(each.readable_as, each.readable_as))
            for each in self._unread.told()
            if 2 * each.cells > self._rows
        }
        asked = Asked(
            self._name,
            self._batches,
            self._shape,
            self._rows,
            self._kinds,
            self._beside,
            unread,
        )
        own = answers([rule for rule in rules if rule.is_own], asked)
        return replace(run, outcomes=(*run.outcomes, *own))

    def _add_to_spools(self, rows: pa.Table, frame: pd.DataFrame, start: int) -> None:
        places = np.arange(start, start + len(frame))
        for (_, condition), spool in self._spools.items():
            if condition is None:
                spool.add(rows, places)
                continue
            with suppress(ConditionError):  # the rule says so itself
                kept = rows_where(condition, frame)
                spool.add(rows.filter(pa.array(kept)), places[kept])

    def _look(self, rows: pa.Table, frame: pd.DataFrame) -> None:
        undated = np.asarray(undated_rows(frame, self._source.event_time), dtype=np.int64)
        self._undated.add(undated + self._rows)
        if RESCUED in rows.column_names:
            self._unread.look(rows.column(RESCUED), self._rows)
        if REFUSED in rows.column_names:
            note_refused(rows.column(REFUSED), self._rows, self._refused)
        self._rows += len(frame)

    def _profile(self, rows: pa.Table) -> None:
        if self._profiling is not None:
            self._profiling.begin(rows)

    def _said(
        self, run: SuiteRun, key: Sequence[str], repeated: Callable[[Marks, Marks, Marks], Marks]
    ) -> Checked:
        self._critical = [(one, _marked(one.rows)) for one in run.outcomes if takes_out(one)]
        reasons = self._reasons()
        # of rows that were accepted as they are, what nothing can do without is asked all the same
        stays = self._undated
        for outcome, marks in self._critical:
            stays = stays | marks if is_needed(outcome, key) else stays
        bad = Marks()
        for marks in reasons.values():
            bad |= marks
        # what was accepted and is good by itself by now has its key as good rows have theirs
        released = (self._decided.accepted & bad) | self._decided.corrected
        bad = (bad - self._decided.accepted) | stays
        again = repeated(bad, released, self._decided.discarded)
        bad |= again
        only_discarded = self._decided.discarded - bad
        bad |= only_discarded
        if len(only_discarded):
            reasons[DISCARDED.kind] = only_discarded
        if len(again):
            reasons[repeated_kind(key)] = again
        return Checked(
            count=Count(
                self._rows,
                len(bad),
                # of rows without a time the count tells, and not the cells
                self._unread.told(but=self._source.event_time),
                len(again),
                tuple(key),
                len(self._undated),
            ),
            outcomes=run.outcomes,
            result=run.result,
            rows=bad,
            reasons={kind: marks & bad for kind, marks in reasons.items()},
            bad=lambda chosen=None: self._bad(
                bad if chosen is None else chosen, again, only_discarded
            ),
        )

    def _reasons(self) -> dict[str, Marks]:
        """Return the rows that are bad for each reason, but for the keys of others."""
        found: dict[str, Marks] = {}
        for name, marks in self._unread.by_column().items():
            found[unread_kind(name, self._kinds[name])] = marks
        found |= self._refused
        for outcome, marks in self._critical:
            kind = str(outcome.rule)
            found[kind] = found[kind] | marks if kind in found else marks
        if len(self._undated):
            found[undated_kind(self._source.event_time)] = self._undated
        return found

    def _bad(self, bad: Marks, again: Marks, discarded: Marks) -> Pieces:
        start = 0
        landed = Landed(self._origin.landed) if self._origin is not None and len(bad) else None
        for rows in self._batches() if len(bad) else ():
            places = bad.within(start, start + rows.num_rows)
            for at in range(0, len(places), PIECE):
                piece = places[at : at + PIECE]
                own = rows.take(pa.array(piece - start))
                received = landed.at(own.column(LANDED_ROW).to_numpy()) if landed else own
                yield self._quarantined(own, received, piece, again, discarded)
            start += rows.num_rows

    def _quarantined(
        self, rows: pa.Table, received: pa.Table, places: Places, again: Marks, discarded: Marks
    ) -> list[Bad]:
        """Return some bad rows, which lie at `places`, with every reason.

        Args:
            received: the same rows as they landed.
        """
        frame = framed(rows, self._shape)
        rescued = _noted(rows, RESCUED)
        outcomes = [
            replace(outcome, rows=np.flatnonzero(marks.of(places)).tolist())
            for outcome, marks in self._critical
        ]
        repeated = np.flatnonzero(again.of(places)).tolist()
        key, event_time = self._source.key, self._source.event_time
        refused = _noted(rows, REFUSED)
        reasons = reasons_of(
            frame, rescued, self._kinds, outcomes, key, event_time, repeated, refused
        )
        reasons |= {int(row): [DISCARDED] for row in np.flatnonzero(discarded.of(places))}
        if received is not rows:
            frame, rescued = framed(received, {}), _noted(received, RESCUED)
        reasons = dict(sorted(reasons.items()))
        found = bad_rows(self._name, frame, rescued, reasons, key, places.tolist())
        return [self._decided.as_received(each) for each in found]

    def _spool(
        self, disk: ExitStack, columns: Sequence[str], condition: Condition | None = None
    ) -> Spool:
        """Return the spool of some columns of the rows that meet a condition, or a new one."""
        about = tuple(columns), condition
        if about not in self._spools:
            self._spools[about] = disk.enter_context(Spool(columns))
        return self._spools[about]


def _not_own(rules: Sequence[Rule]) -> list[Rule]:
    """Return the rules that Great Expectations is asked."""
    return [rule for rule in rules if not rule.is_own]


def _only(rows: pa.Table, *, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield rows that are all there, as batches are asked for; a column that lacks is of nulls."""
    for name in columns or ():
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.nulls(rows.num_rows))
    yield rows if columns is None else rows.select(list(columns))


def _noted(rows: pa.Table, column: str) -> pd.Series:
    """Return what is noted of rows in a column, null where nothing is."""
    there = column in rows.column_names
    noted = rows.column(column).to_pandas() if there else pd.Series(dtype="str")
    return noted.reindex(pd.RangeIndex(rows.num_rows))


def _marked(rows: Collection[int]) -> Marks:
    """Return marks of rows: a rule that was asked of the whole source has a list of them."""
    return rows if isinstance(rows, Marks) else Marks(rows)
