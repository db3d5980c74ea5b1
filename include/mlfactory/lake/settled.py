"""Which label of an event counts, where it was told more than once, by one or by several.

The rule, said here and nowhere else. Of one voice (a source, a person) the newest that was told
counts. One voice that told two different labels at one moment has contradicted itself, and has
said nothing until it tells again. What a source tells counts before what people answered. Of
several voices that differ most win (of numbers, the middle one); where no label has most of them,
the event has no label.

A label is known from the first moment since which it has stood unchanged: who says the same again,
or agrees, changes nothing. Otherwise what was known at a moment would hang on what came after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlfactory.lake.catalog import AVAILABLE_AT, LABEL, TOLD_AS, TOLD_BY
from mlfactory.product.metrics import LabelKind

PEOPLE = "people"
"""What `_told_as` says of labels that people answered; of a source's it has a hash."""

_EVENT, _VOICE, _OF_SOURCE, _VOTES = "\0event", "\0voice", "\0of_source", "\0votes"
_OF_VOICE = [_EVENT, _OF_SOURCE, _VOICE]


@dataclass(frozen=True)
class Settled:
    """The label of each event that has one.

    Attributes:
        rows: an event a row, as they were given, with the moment since which its label is this one.
        contradicted: events of which a voice told two labels at one moment, and none since.
        differing: events about which several voices differ, whether that was settled or not.
        open: events that were told of, and have no label because of that.
    """

    rows: pd.DataFrame
    contradicted: int = 0
    differing: int = 0
    open: int = 0


def settle(rows: pd.DataFrame, event: Sequence[str], kind: LabelKind) -> Settled:
    """Return the label of each event, of all that were told of it.

    Args:
        rows: with `event`, `label` (never null), `available_at`, `_told_by` and `_told_as`.
        event: the columns that name an event.
    """
    event = list(event)
    several = rows.duplicated(event, keep=False).to_numpy()
    if not several.any():
        return Settled(rows)
    told = rows[several].copy()
    told[_EVENT] = told.groupby(event, sort=False).ngroup()
    told[_OF_SOURCE] = (told[TOLD_AS] != PEOPLE).to_numpy()
    told[_VOICE] = told[TOLD_BY].astype(object).where(told[TOLD_BY].notna(), "")
    events = told[_EVENT].nunique()
    changes = _changes(told)
    found, contradicted, differing = _standing(changes, kind)
    together = rows[~several]
    if len(found):
        since = found[_EVENT].map(_since(changes, found, kind))
        found = found.assign(**{AVAILABLE_AT: since})
        together = pd.concat([together, found[list(rows.columns)]])
    together = together.sort_index(kind="stable")
    return Settled(together, contradicted, differing, events - len(found))


def _changes(told: pd.DataFrame) -> pd.DataFrame:
    """Return what was told without that by which a voice says what it said already."""
    told = told.drop_duplicates([*_OF_VOICE, AVAILABLE_AT, LABEL])
    told = told.sort_values([*_OF_VOICE, AVAILABLE_AT], kind="stable")
    at_once = told.duplicated([*_OF_VOICE, AVAILABLE_AT], keep=False).to_numpy()
    one = told[~told.duplicated([*_OF_VOICE, AVAILABLE_AT]).to_numpy()]
    # of a voice that contradicts itself the label is none
    said = one[LABEL].astype(object).mask(at_once[told.index.get_indexer(one.index)])
    before = said.groupby([one[name] for name in _OF_VOICE]).shift()
    again = one.duplicated(_OF_VOICE) & ((said == before) | (said.isna() & before.isna()))
    moments = pd.MultiIndex.from_frame(told[[*_OF_VOICE, AVAILABLE_AT]])
    repeated = pd.MultiIndex.from_frame(one.loc[again, [*_OF_VOICE, AVAILABLE_AT]])
    return told[~moments.isin(repeated)].sort_index(kind="stable")


def _since(changes: pd.DataFrame, found: pd.DataFrame, kind: LabelKind) -> pd.Series:
    """Return since when each event has had the label that was found, by its number.

    Change after change is taken back for as long as the label stays what it is.
    """
    label, rounds = found.set_index(_EVENT)[LABEL], []
    left = changes[changes[_EVENT].isin(label.index)]
    while len(left):
        newest = left.groupby(_EVENT)[AVAILABLE_AT].transform("max")
        rounds.append(newest.groupby(left[_EVENT]).first())
        # of one voice alone the label was another before its last change
        voices = left.groupby(_EVENT)[_VOICE].transform("nunique")
        of_source = left.groupby(_EVENT)[_OF_SOURCE].transform("nunique")
        earlier = left[(left[AVAILABLE_AT] < newest) & ((voices > 1) | (of_source > 1))]
        then, _, _ = _standing(earlier, kind)
        same = then[LABEL].to_numpy() == label.reindex(then[_EVENT]).to_numpy()
        left = earlier[earlier[_EVENT].isin(then.loc[same, _EVENT])]
    moments = pd.concat(rounds)
    since: pd.Series = moments[~moments.index.duplicated(keep="last")]
    return since


def _standing(told: pd.DataFrame, kind: LabelKind) -> tuple[pd.DataFrame, int, int]:
    """Return a row for each event that has a label, and of how many one contradicts itself.

    The third is about how many several differ.
    """
    newest, contradicted = _of_each_voice(told)
    first = newest[_OF_SOURCE] == newest.groupby(_EVENT)[_OF_SOURCE].transform("max")
    found, differing = _most(newest[first.to_numpy()], kind)
    return found, contradicted, differing


def _of_each_voice(told: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return what each voice told last of an event, and how many events one contradicts itself on.

    Of those nothing of that voice is there.
    """
    last = told[AVAILABLE_AT] == told.groupby(_OF_VOICE)[AVAILABLE_AT].transform("max")
    newest = told[last.to_numpy()].drop_duplicates([*_OF_VOICE, LABEL])
    twice = newest.duplicated(_OF_VOICE, keep=False).to_numpy()
    return newest[~twice], newest.loc[twice, _EVENT].nunique()


def _most(newest: pd.DataFrame, kind: LabelKind) -> tuple[pd.DataFrame, int]:
    """Return a row for each event whose label most voices tell, and how many differ."""
    if newest.empty:
        return newest, 0
    newest = newest.sort_values([_EVENT, AVAILABLE_AT], kind="stable")
    of_event = newest.groupby(_EVENT, sort=False)
    labels = of_event[LABEL].transform("nunique").to_numpy()
    differing = newest.loc[labels > 1, _EVENT].nunique()
    if kind == "regression":
        newest = newest.assign(**{LABEL: of_event[LABEL].transform("median")})
        return newest.drop_duplicates(_EVENT), differing
    votes = newest.groupby([_EVENT, LABEL], sort=False)[_VOICE].transform("size")
    newest = newest.assign(**{_VOTES: votes}).drop_duplicates([_EVENT, LABEL])
    most = newest[_VOTES] == newest.groupby(_EVENT, sort=False)[_VOTES].transform("max")
    newest = newest[most.to_numpy()]
    tied = newest.duplicated(_EVENT, keep=False).to_numpy()
    return newest[~np.asarray(tied)], differing
