"""`expect_rows_to_be_new`: no row whose values stood in an earlier partition already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from mlfactory.lake.hashes import Hashes, row_hashes
from mlfactory.lake.key_hashes import key_hashes, rows_with
from mlfactory.lake.marks import Marks
from mlfactory.lake.rows import Standing
from mlfactory.lake.spool import PLACE, Spool
from mlfactory.product.own_rules import BeNew
from mlfactory.validate.own.asked import EXAMPLES, Asked, chosen, told
from mlfactory.validate.own.matching import complete, distinct, first_of, keys_in, paired
from mlfactory.validate.rules import Rule
from mlfactory.validate.suite import Outcome, State

_NAMED = 3
"""Partitions that are named, of those in which values stood already."""


def answer(rule: Rule, asked: Asked) -> Outcome:
    """Return the rows that were let through in an earlier partition; one without a value is new.

    Of an earlier partition that landed and is not validated nobody can tell which rows it lets
    through: without it no row is known to be new, so that the answer is never a plain `pass`, and
    the partition is looked at again when that one was validated.

    Hashes tell which rows may be; of these the values are compared, so that a collision harms
    nobody. Eight bytes a row are held, of the partition and of one earlier one at a time.
    """
    own, before, columns = rule.own, asked.beside.before, list(rule.columns)
    assert isinstance(own, BeNew)
    if before is None:
        return Outcome(rule, "insufficient", "these rows are not of a partition yet")
    keys = before.keys(own.within)
    standing, missed = before.let_through(keys), before.missed(keys)
    hashes, among = _hashes(rule, asked)
    broken, first = Marks(), list[tuple[int, str]]()
    with Spool(columns) as here, Spool(columns) as known:
        again = _spool_earlier(asked, columns, standing, hashes, known)
        if len(again.hashes):
            _spool_those(rule, asked, again.hashes, here)
        for ours, earlier in paired(here, known):
            if earlier is not None:
                old = ours.join(earlier, columns, join_type="left semi")
                broken.add(old.column(PLACE).to_numpy())
                first = sorted([*first, *first_of(old, columns)])[: EXAMPLES + 1]
    found = told(rule, broken, among, [each for _, each in first])
    looked = f"compared with {len(standing)} of {len(keys)} partitions before"
    if len(broken):
        named = ", ".join(again.keys[:_NAMED]) + (", …" if len(again.keys) > _NAMED else "")
        looked = f"{found.observed} (in {named}; {looked})"
    if not missed:
        return replace(found, observed=looked)
    looked = f"{looked}; {_unknown(missed)}"
    state: State = "insufficient" if found.state == "pass" else found.state
    return replace(found, state=state, observed=looked, unsettled=_unknown(missed))


def _unknown(missed: Sequence[str]) -> str:
    """Return in words how many partitions could not be looked at."""
    several = len(missed) > 1
    named = ", ".join(missed[:_NAMED]) + (", …" if len(missed) > _NAMED else "")
    return (
        f"{len(missed)} earlier partition{'s' if several else ''} ({named}) "
        f"{'have' if several else 'has'} landed and {'are' if several else 'is'} not validated: "
        "these rows are held against what is let through there when that has happened"
    )


class _Again:
    """What stood in earlier partitions: the hashes, and in which."""

    def __init__(self) -> None:
        self.hashes: Hashes = np.zeros(0, np.uint64)
        self.keys: list[str] = []


def _hashes(rule: Rule, asked: Asked) -> tuple[Hashes, int]:
    """Return the hashes of the rows that a rule is about, each once, and how many rows."""
    parts, among = [np.zeros(0, np.uint64)], 0
    for batch, _, _ in chosen(rule, asked):
        rows = batch.select(list(rule.columns))
        rows = rows.filter(pa.array(complete(rows)))
        among += rows.num_rows
        parts.append(np.unique(row_hashes(rows, rule.columns)))
    return np.unique(np.concatenate(parts)), among


def _spool_earlier(
    asked: Asked,
    columns: Sequence[str],
    standing: Sequence[Standing],
    hashes: Hashes,
    known: Spool,
) -> _Again:
    """Spool the rows of earlier partitions that may be among some, by their hashes."""
    again, before = _Again(), asked.beside.before
    assert before is not None
    for each in standing:
        earlier = key_hashes(before.product, asked.source, columns, each)
        both = np.intersect1d(hashes, earlier, assume_unique=True)
        if len(both):
            again.keys.append(each.key)
            again.hashes = np.union1d(again.hashes, both)
            rows = rows_with(before.product, asked.source, columns, each, both).select(columns)
            rows = distinct(keys_in(rows, columns, [asked.kinds[name] for name in columns]))
            known.add(rows, np.zeros(rows.num_rows, np.int64))
    return again


def _spool_those(rule: Rule, asked: Asked, hashes: Hashes, here: Spool) -> None:
    """Spool the rows of the partition that have some hashes."""
    columns = list(rule.columns)
    for batch, _, places in chosen(rule, asked):
        rows = batch.select(columns)
        there = complete(rows) & np.isin(row_hashes(rows, columns), hashes)
        rows = keys_in(rows, columns, [asked.kinds[name] for name in columns])
        here.add(rows.filter(pa.array(there)), places[there])
