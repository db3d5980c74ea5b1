"""What a profile page shows of each column: pictures and figures, and no value of a person."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from markupsafe import Markup

from mlfactory.report.numbers import NOTHING, written
from mlfactory.report.sparks import bars, over_time, series
from mlfactory.statistics.statistic import Floats
from mlfactory.statistics.summary.association import Paired
from mlfactory.statistics.summary.change import Change, Shares, change_of
from mlfactory.statistics.summary.columns import Column

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LONGEST_NAME = 80

_BARS = 24
_LEVELS_DRAWN, _LEVELS_NAMED, _LEVELS_FOLLOWED = 12, 4, 3
_EXACT = 0.001
"""Part of the rows below which it is of no account that a value may be more frequent."""

_LEAST_SHARE = 0.0005
"""Below it a share is no longer told in tenths of a percent."""

_CHANCE = 2.0
"""A correlation of less than this by the root of the rows may be chance."""


@dataclass(frozen=True, eq=False)
class Looked:
    """A column of a table in a partition, beside those before.

    Attributes:
        series: by partition, oldest first, the one that the page is about last; None where the
            column was not there.
    """

    name: str
    series: Sequence[Column | None]
    change: Change
    shares: Shares | None

    @property
    def now(self) -> Column | None:
        """Return the column in the partition that the page is about."""
        return self.series[-1]

    @property
    def order(self) -> tuple[int, float, str]:
        """Return by what columns are sorted: what changed first, the most changed before others."""
        rank = {"gone": 0, "new": 0, "retyped": 0, "changed": 1}.get(self.change.state, 2)
        effect = self.change.effect
        return rank, 1.0 if math.isnan(effect) else -effect, self.name


def looked_at(name: str, columns: Sequence[Column | None]) -> Looked:
    """Return a column compared with what it was before."""
    return Looked(name, columns, *change_of(columns))


def shown_name(name: str) -> str:
    """Return the name of a column in one line of bounded length."""
    line = " ".join(name.split()) or "(no name)"
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 1]}…"


def histogram(looked: Looked) -> Markup:
    """Return how the values of the newest partition lie, and as a line those before."""
    shares = looked.shares
    if shares is None or looked.now is None or not looked.now.present:
        return Markup("")
    table = _numbers_drawn(shares, looked.now) if shares.ordered else _levels_drawn(shares)
    before = np.median(table[:-1], axis=0).tolist() if len(table) > 1 else None
    return bars(table[-1].tolist(), before, apart=1 if shares.ordered else 2)


def history(looked: Looked) -> Markup:
    """Return the column over the partitions: quartiles or shares, and below what is missing."""
    missing = [_missing(each) for each in looked.series]
    if looked.shares is None or looked.now is None:
        return over_time("", missing)
    if looked.shares.ordered:
        quartiles = np.array([_quantiles(each, (0.25, 0.5, 0.75)) for each in looked.series]).T
        low, middle, high = quartiles.tolist()
        if len({each for each in middle if not math.isnan(each)}) == 1:
            return over_time(series([[_mean(each) for each in looked.series]], None), missing)
        return over_time(series([middle], (low, high)), missing)
    names = looked.shares.names[:_LEVELS_FOLLOWED]
    lines = [[_share(each, name) for each in looked.series] for name in names]
    return over_time(series(lines, None) if lines else "", missing)


def figures(looked: Looked) -> tuple[str, ...]:
    """Return lines of figures about the newest partition."""
    column = looked.now
    if column is None:
        return ("not there",)
    lines = [_counts(column)]
    if column.hidden:
        lines.append("personal data: no value is shown")
    elif column.kind == "number" and column.present:
        lines += _of_numbers(column)
    elif column.kind == "time" and column.present:
        lines.append(f"{_moment(column.low)} to {_moment(column.high)}")
    elif column.frequent is not None and column.present:
        lines += _of_text(column)
    return tuple(lines)


def difference(looked: Looked) -> tuple[str, ...]:
    """Return how far the column is from what it was, and from what to what it went."""
    change = looked.change
    if math.isnan(change.effect):
        return ()
    lines = [f"effect {change.effect:.3f}, before up to {change.usual:.3f}"]
    told = _from_to(looked)
    return (*lines, told) if told else tuple(lines)


def with_label(column: Column | None) -> tuple[str, ...]:
    """Return how the column goes with the label, and of how many rows that is known."""
    if column is None or column.label is None or math.isnan(column.label.strength):
        return ()
    association = column.label
    strength, rows = association.strength, association.rows
    if isinstance(association, Paired):
        within = abs(strength) < _CHANCE / math.sqrt(rows)
        # the true minus sign, as is wide as +
        told = f"{strength:+.3f}".replace("-", "\N{MINUS SIGN}")
    else:
        within, told = strength == 0, f"{strength:.3f}"
    return (told, "may be chance" if within else f"{rows:,} rows")


def _counts(column: Column) -> str:
    share = column.missing / max(column.rows, 1)
    told = "missing < 0.1%" if 0 < share < _LEAST_SHARE else f"missing {share:.1%}"
    if column.infinite:
        told += f" · infinite {column.infinite:,}"
    if column.distinct is not None:
        about = "" if column.distinct.exact else "about "
        told += f" · distinct {about}{min(column.distinct.number, column.present):,}"
    return told


def _of_numbers(column: Column) -> list[str]:
    if column.spread is None or column.moments is None or not column.moments.rows:
        return []
    low, first, middle, third, high = map(written, _quantiles(column, QUANTILES))
    return [
        f"min {written(column.low)} · 5 % {low} · 25 % {first} · median {middle}",
        f"75 % {third} · 95 % {high} · max {written(column.high)}",
        f"mean {written(column.moments.mean)} · deviation {written(column.moments.deviation)}",
    ]


def _of_text(column: Column) -> list[str]:
    assert column.frequent is not None  # of text there always is one
    counts = column.frequent.counts
    named = list(counts.items())[:_LEVELS_NAMED]
    if not named:
        return ["no value is frequent enough to be shown"]
    least = "≥ " if column.frequent.lost > _EXACT * column.rows else ""
    lines = [f"{name}  {least}{count / column.rows:.1%}" for name, count in named]
    more = column.present - sum(count for _, count in named)
    if more > 0:
        lines.append(f"others {more / column.rows:.1%}")
    return lines


def _from_to(looked: Looked) -> str:
    """Return in words what changed most: what is missing, the median, or a value's share."""
    before = [each for each in looked.series[:-1] if each is not None and each.rows]
    now, shares = looked.now, looked.shares
    if now is None or shares is None or not before or looked.change.effect == 0:
        return ""
    if looked.change.missing:
        usual = float(np.median([_missing(each) for each in before]))
        return f"missing {usual:.1%} → {_missing(now):.1%}"
    if shares.ordered:
        middles = [_quantiles(each, (0.5,))[0] for each in before if each.present]
        if not middles or not now.present:
            return ""
        was, found = float(np.median(middles)), float(_quantiles(now, (0.5,))[0])
        return f"median {written(was)} → {written(found)}"
    typical = np.median(shares.table[:-1], axis=0)
    most = int(np.argmax(np.abs(shares.table[-1] - typical)[:-1]))
    name = shares.names[most] if most < len(shares.names) else "others"
    return f"{name} {typical[most]:.1%} → {shares.table[-1][most]:.1%}"


def _numbers_drawn(shares: Shares, now: Column) -> Floats:
    """Return (partitions, bars) shares: of few values each, else of bars of one width; missing."""
    lows, highs = shares.lows, shares.highs
    assert lows is not None and highs is not None  # of numbers there are both
    table, missing = shares.table[:, :-1], shares.table[:, -1:]
    if len(lows) <= _BARS and bool((lows == highs).all()):
        return np.hstack([table, missing])
    weights = table.sum(axis=0)
    summed = np.cumsum(weights) / max(weights.sum(), 1e-300)
    # the ends hold all that is beyond them, or a single number far out would leave one bar
    low = float(lows[min(int(np.searchsorted(summed, 0.005)), len(lows) - 1)])
    high = float(highs[min(int(np.searchsorted(summed, 0.995)), len(highs) - 1)])
    edges = np.linspace(low, high, _BARS + 1)[1:-1]
    with np.errstate(all="ignore"):
        width = highs - lows
        part = (edges[:, None] - lows) / np.where(width > 0, width, 1)
    part = np.where(width > 0, np.clip(part, 0, 1), edges[:, None] >= lows)
    below = table @ part.T
    whole = table.sum(axis=1, keepdims=True)
    drawn = np.diff(np.hstack([np.zeros_like(whole), below, whole]), axis=1)
    return np.hstack([np.maximum(drawn, 0), missing])


def _levels_drawn(shares: Shares) -> Floats:
    """Return (partitions, bars) shares of the most frequent values, of all others, and missing."""
    kept = min(_LEVELS_DRAWN, len(shares.names))
    others = shares.table[:, kept:-1].sum(axis=1, keepdims=True)
    return np.hstack([shares.table[:, :kept], others, shares.table[:, -1:]])


def _quantiles(column: Column | None, shares: Sequence[float]) -> Floats:
    if column is None or column.spread is None:
        return np.full(len(shares), np.nan)
    return column.spread.quantiles(shares, column.low, column.high)


def _mean(column: Column | None) -> float:
    if column is None or column.moments is None or not column.moments.rows:
        return math.nan
    return column.moments.mean


def _missing(column: Column | None) -> float:
    return column.missing / column.rows if column is not None and column.rows else math.nan


def _share(column: Column | None, name: str) -> float:
    if column is None or column.frequent is None or not column.rows:
        return math.nan
    return column.frequent.counts.get(name, 0) / column.rows


def _moment(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
    except (OverflowError, OSError, ValueError):
        return NOTHING
