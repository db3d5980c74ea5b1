"""Small pictures within a table, as SVG in the page itself: a histogram, a series over time.

They are made of figures alone. What colours them is the page's style, so that they are light or
dark as the page is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from mlfactory.statistics.statistic import Floats

WIDTH, HEIGHT, STRIP = 132, 40, 8


def bars(now: Sequence[float], before: Sequence[float] | None, *, apart: int = 0) -> Markup:
    """Return bars of shares, and as a line what they were before.

    Args:
        apart: how many of the last bars stand apart from the others, which give the height: taller
            ones are cut off at the top.
    """
    count = len(now)
    if not count:
        return Markup("")
    own = slice(0, count - apart)
    top = max([*now[own], *(before or ())[own]], default=0.0) or max([*now, 1e-12])
    gap = 5 if apart and count > apart else 0
    step = (WIDTH - gap) / count
    drawn, line = [], []
    for place, share in enumerate(now):
        left = place * step + (gap if place >= count - apart else 0)
        height = min(share / top, 1) * HEIGHT
        if share > 0:
            drawn.append(_bar(left, HEIGHT - height, max(step - 0.6, 0.8), height))
        if before is not None:
            level = _figure(HEIGHT - min(before[place] / top, 1) * HEIGHT)
            line.append(f"M{_figure(left)} {level}h{_figure(step)}")
    past = f'<path class="past" d="{"".join(line)}"/>' if line else ""
    return _svg(HEIGHT, f'<path class="bar" d="{"".join(drawn)}"/>{past}')


def series(
    lines: Sequence[Sequence[float]], band: tuple[Sequence[float], Sequence[float]] | None
) -> str:
    """Return lines over partitions, the first drawn strongest, and a band behind them.

    Args:
        lines: (partitions,) figures each, nan where there is none.
        band: from where to where it reaches, (partitions,) each.
    """
    given = [*lines, *(band or ())]
    known = np.concatenate([np.asarray(each, dtype=np.float64) for each in given])
    known = known[np.isfinite(known)]
    if not len(known):
        return ""
    low, high = float(known.min()), float(known.max())
    ys = [_heights(each, low, high) for each in given]
    xs = _places(len(lines[0]))
    drawn = []
    if band is not None:
        drawn.append(_band(xs, ys[-2], ys[-1]))
    for place in reversed(range(len(lines))):
        kind = "line" if not place else "other"
        drawn.append(f'<path class="{kind}" d="{_line(xs, ys[place])}"/>')
    if np.isfinite(ys[0][-1]):
        end = f'cx="{_figure(xs[-1])}" cy="{_figure(ys[0][-1])}"'
        drawn.append(f'<circle class="end" r="2" {end}/>')
    return "".join(drawn)


def over_time(drawn: str, missing: Sequence[float]) -> Markup:
    """Return a series with the share that is missing in a strip below it, 5 % or more to its top.

    Args:
        missing: (partitions,) shares of rows.
    """
    shares = np.nan_to_num(np.asarray(missing, dtype=np.float64))
    top = max(0.05, float(shares.max(initial=0.0)))
    step = WIDTH / max(len(shares), 1)
    strip = "".join(
        _bar(
            place * step,
            HEIGHT + 3 + STRIP * (1 - share / top),
            max(step - 0.6, 0.8),
            share / top * STRIP,
        )
        for place, share in enumerate(shares)
        if share > 0
    )
    below = f'<path class="missing" d="{strip}"/>' if strip else ""
    return _svg(HEIGHT + 3 + STRIP, drawn + below)


def _svg(height: float, content: str) -> Markup:
    size = f'width="{WIDTH}" height="{_figure(height)}" viewBox="0 0 {WIDTH} {_figure(height)}"'
    # made of figures and of words of ours alone
    return Markup(f'<svg class="spark" aria-hidden="true" {size}>{content}</svg>')  # noqa: S704


def _bar(left: float, top: float, width: float, height: float) -> str:
    w, h = _figure(width), _figure(max(height, 0.5))
    return f"M{_figure(left)} {_figure(top)}h{w}v{h}h-{w}z"


def _places(count: int) -> Floats:
    return np.linspace(3, WIDTH - 3, count) if count > 1 else np.array([WIDTH / 2])


def _heights(figures: Sequence[float], low: float, high: float) -> Floats:
    values = np.asarray(figures, dtype=np.float64)
    values = np.where(np.isfinite(values), values, np.nan)
    if high <= low:
        return np.where(np.isnan(values), np.nan, HEIGHT / 2)
    with np.errstate(over="ignore", invalid="ignore"):
        share = (values / 2 - low / 2) / (high / 2 - low / 2)
    found: Floats = 3 + (1 - share) * (HEIGHT - 6)
    return found


def _line(xs: Floats, ys: Floats) -> str:
    found, pen = [], "M"
    for x, y in zip(xs, ys, strict=True):
        if not np.isfinite(y):
            pen = "M"
            continue
        found.append(f"{pen}{_figure(x)} {_figure(y)}")
        pen = "L"
    return "".join(found)


def _band(xs: Floats, lows: Floats, highs: Floats) -> str:
    known = np.isfinite(lows) & np.isfinite(highs)
    if known.sum() <= 1:
        return ""
    there = [f"{_figure(x)} {_figure(y)}" for x, y in zip(xs[known], highs[known], strict=True)]
    back = [f"{_figure(x)} {_figure(y)}" for x, y in zip(xs[known], lows[known], strict=True)]
    return f'<path class="band" d="M{"L".join([*there, *reversed(back)])}z"/>'


def _figure(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
