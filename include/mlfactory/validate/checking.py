"""A source of a partition checked: in one frame where its rows fit one batch, else batch by batch.

Both ways say the same; the second never holds all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult

from mlfactory.lake.catalog import RESCUED
from mlfactory.product.loader import Product
from mlfactory.validate.marks import Marks, Places
from mlfactory.validate.quarantine import (
    Bad,
    Unread,
    bad_rows,
    reasons_of,
    repeated_keys,
    undated_rows,
    unread_cells,
)
from mlfactory.validate.repeats import keys_repeated
from mlfactory.validate.rules import rules_for
from mlfactory.validate.shape import framed, shape_of, varying
from mlfactory.validate.spool import Spool
from mlfactory.validate.suite import Outcome, run_suite
from mlfactory.validate.survey import Batches, Survey
from mlfactory.validate.verdict import Count

PIECE = 50_000
"""Bad rows that are held at once, each with its record, where there are several batches."""

Kinds = Mapping[str, pa.DataType]


@dataclass(frozen=True)
class Checked:
    """A source after its rules were run; without a result there were no rows to run them on.

    Attributes:
        bad: gives the rows for quarantine in their order, a piece at a time, as often as called.
    """

    count: Count
    outcomes: tuple[Outcome, ...] = ()
    result: ExpectationSuiteValidationResult | None = None
    bad: Callable[[], Iterator[Sequence[Bad]]] = lambda: iter(())


def check(product: Product, source: str, batches: Batches, kinds: Kinds) -> Checked:
    """Run the rules of a source on its rows in a partition.

    Args:
        kinds: the types of the columns of the source's table.
    """
    begun = batches()
    first = next(begun)
    kinds = {**kinds, **{field.name: field.type for field in first.schema}}
    if next(begun, None) is None:
        return _check_frame(product, source, first, kinds)
    with ExitStack() as disk:
        return _Check(product, source, batches, kinds, disk).checked()


def _check_frame(product: Product, name: str, landed: pa.Table, kinds: Kinds) -> Checked:
    rescued, frame = _rescued(landed), framed(landed, {})
    # without rows, and perhaps without columns, only the rules about the table can be answered
    rules = [rule for rule in rules_for(product, name) if len(frame) or not rule.columns]
    done = run_suite(product, name, rules, frame)
    source = product.spec.sources[name]
    key = source.key if len(frame) else ()
    reasons = reasons_of(frame, rescued, kinds, done.outcomes, key, source.event_time)
    return Checked(
        count=Count(
            len(frame),
            len(reasons),
            # of rows without a time the count tells, and not the cells
            unread_cells(rescued, kinds, but=source.event_time),
            repeated_keys(reasons),
            tuple(key),
            len(undated_rows(frame, source.event_time)),
        ),
        outcomes=done.outcomes,
        result=done.result,
        bad=lambda: iter([bad_rows(name, frame, rescued, reasons, key)]),
    )


class _Check:
    """A check of a source batch by batch.

    Three times its rows are gone through: for the types that the columns have in one frame, for the
    rules, and, as `Checked.bad` is asked, for the rows that are bad.
    """

    def __init__(
        self, product: Product, name: str, batches: Batches, kinds: Kinds, disk: ExitStack
    ) -> None:
        self._name, self._batches, self._kinds, self._disk = name, batches, kinds, disk
        self._source = product.spec.sources[name]
        self._shape = shape_of(batches(columns=varying(pa.schema(list(kinds.items())))))
        self._spools: dict[tuple[str, ...], Spool] = {}
        rules = rules_for(product, name)
        nested = {each for each, kind in kinds.items() if pa.types.is_nested(kind)}
        self._survey = Survey(product, name, rules, self._shape, batches, self._spool, nested)
        self._rows = 0
        self._unread: list[Unread] = []
        self._undated, self._unreadable, self._repeated = Marks(), Marks(), Marks()
        self._critical: list[tuple[Outcome, Marks]] = []

    def checked(self) -> Checked:
        """Return what there is to say of the source."""
        key = self._source.key
        if key:
            self._spool(key)
        for rows in self._batches():
            self._look(rows)
        run = self._survey.found()
        self._critical = [(one, _marked(one.rows)) for one in run.outcomes if _is_critical(one)]
        bad = self._undated | self._unreadable
        for _, marks in self._critical:
            bad |= marks
        if key:
            self._repeated = keys_repeated(self._spool(key), self._shape, bad)
        bad |= self._repeated
        return Checked(
            count=Count(
                self._rows,
                len(bad),
                _together(self._unread),
                len(self._repeated),
                tuple(key),
                len(self._undated),
            ),
            outcomes=run.outcomes,
            result=run.result,
            bad=lambda: self._bad(bad),
        )

    def _look(self, rows: pa.Table) -> None:
        frame, rescued = framed(rows, self._shape), _rescued(rows)
        self._survey.look(frame, self._rows)
        places = np.arange(self._rows, self._rows + len(frame))
        for spool in self._spools.values():
            spool.add(rows, places)
        event_time = self._source.event_time
        self._unread += unread_cells(rescued, self._kinds, but=event_time)
        self._unreadable.add(places[rescued.notna().to_numpy()] if len(rescued) else places[:0])
        self._undated.add(places[undated_rows(frame, event_time)])
        self._rows += len(frame)

    def _bad(self, bad: Marks) -> Iterator[Sequence[Bad]]:
        start = 0
        for rows in self._batches() if len(bad) else ():
            places = bad.within(start, start + rows.num_rows)
            for at in range(0, len(places), PIECE):
                piece = places[at : at + PIECE]
                yield self._quarantined(rows.take(pa.array(piece - start)), piece)
            start += rows.num_rows

    def _quarantined(self, rows: pa.Table, places: Places) -> list[Bad]:
        """Return some bad rows, which lie at `places`, with every reason."""
        frame, rescued = framed(rows, self._shape), _rescued(rows)
        outcomes = [
            replace(outcome, rows=np.flatnonzero(marks.of(places)).tolist())
            for outcome, marks in self._critical
        ]
        again = np.flatnonzero(self._repeated.of(places)).tolist()
        key, event_time = self._source.key, self._source.event_time
        reasons = reasons_of(frame, rescued, self._kinds, outcomes, key, event_time, again)
        found = bad_rows(self._name, frame, rescued, reasons, key)
        return [replace(each, row=int(places[each.row])) for each in found]

    def _spool(self, columns: Sequence[str]) -> Spool:
        """Return the spool of some columns, a new one if there is none."""
        if tuple(columns) not in self._spools:
            self._spools[tuple(columns)] = self._disk.enter_context(Spool(columns))
        return self._spools[tuple(columns)]


def _is_critical(outcome: Outcome) -> bool:
    return outcome.state == "fail" and outcome.rule.severity == "critical"


def _marked(rows: Collection[int]) -> Marks:
    """Return marks of rows: a rule that was asked of the whole source has a list of them."""
    return rows if isinstance(rows, Marks) else Marks(rows)


def _rescued(rows: pa.Table) -> pd.Series:
    there = RESCUED in rows.column_names
    return rows.column(RESCUED).to_pandas() if there else pd.Series(dtype="str")


def _together(unread: Sequence[Unread]) -> tuple[Unread, ...]:
    """Return the columns of several batches with cells that cannot be read, as of one frame."""
    found: dict[str, Unread] = {}
    for each in unread:
        so_far = found.get(each.column)
        if so_far is None:
            found[each.column] = each
            continue
        numbers = so_far.readable_as == each.readable_as == "float"
        found[each.column] = replace(
            so_far,
            cells=so_far.cells + each.cells,
            readable_as="float" if numbers else "string",
        )
    return tuple(sorted(found.values(), key=lambda each: -each.cells))
