"""What the build function is given beside the rows of the file: the lake, as it is known now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from mlfactory.lake.catalog import raw
from mlfactory.lake.rows import accepted_of, standings
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.product.mistakes import nearest


def driving_source(product: Product, name: str | None) -> str:
    """Return the source that the rows of a file are of: `name`, or the first that can be.

    That is the first source with event times, of a product that has such, else the first of all.

    Raises:
        UsageError: if there is no source `name`.
    """
    sources = product.spec.events_from
    if name is None:
        timed = [known for known, source in sources.items() if source.event_time]
        return (timed or list(sources))[0]
    if name not in sources:
        raise UsageError(
            f"product {product.name} has no source '{name}'{nearest(name, sources)}",
            remedy=f"there are {list(sources)}",
        )
    return name


@dataclass(frozen=True)
class Surroundings:
    """The accepted rows of the lake that belong to some events, by source.

    Attributes:
        gaps: partitions that the events' history needs and the lake does not have.
    """

    rows: Mapping[str, pd.DataFrame]
    gaps: tuple[str, ...]


def surroundings(product: Product, times: pd.Series | None) -> Surroundings:
    """Return what the lake knows about events at `times`.

    Of sources with event times these are the partitions of the events and `features.history`
    before them; of registers, and of a product without times, what was landed last.

    Args:
        times: in UTC; None where the events have none.
    """
    own, before = _keys(product, times)
    judged = standings(product, sorted({*own, *before}))
    found = {
        name: newest(product, name)
        if times is None or source.event_time is None
        else accepted_of(product, name, list(judged.values()))
        for name, source in product.spec.events_from.items()
    }
    gaps = tuple(key for key in before if judged[key].state != "accepted")
    return Surroundings(found, gaps)


def newest(product: Product, name: str) -> pd.DataFrame:
    """Return the rows of the newest partition of a source that passed its validation.

    Raises:
        UsageError: if none did, and some await it, as after a change of the steps of `clean`.
    """
    keys = Lake(product.name).partitions(raw(name))
    looked_at, waiting = 1, list[str]()
    while keys:
        # the newest mostly is; of thousands no more are looked at than need be
        chosen, keys = keys[-looked_at:], keys[:-looked_at]
        judged = standings(product, chosen)
        usable = [each for each in judged.values() if each.state == "accepted"]
        if usable:
            return accepted_of(product, name, usable[-1:])
        waiting += [key for key, each in judged.items() if each.state == "unvalidated"]
        looked_at *= 2
    if waiting:
        last = max(waiting)
        raise UsageError(
            f"{product.name}.{name}: no partition of it passed its validation, and {last} awaits "
            "it, since it was landed again or its steps of clean were changed",
            remedy=f"mlfactory run {product.name} {last} --stage validate --downstream",
        )
    return accepted_of(product, name, [])


def without_like(lake: pd.DataFrame, rows: pd.DataFrame, key: Sequence[str]) -> pd.DataFrame:
    """Return the rows of the lake less those whose key a row of the file has: it replaces them.

    Args:
        key: columns that both have; with none of them nothing is replaced.
    """
    key = list(key)
    if not key or lake.empty:
        return lake
    known = pd.MultiIndex.from_frame(rows[key])
    return lake[~pd.MultiIndex.from_frame(lake[key]).isin(known)]


def beside(lake: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the lake, and those of the file after them."""
    if lake.empty:
        return rows.reset_index(drop=True)
    return pd.concat([lake, rows[list(lake.columns)]], ignore_index=True)


def _keys(product: Product, times: pd.Series | None) -> tuple[list[str], list[str]]:
    """Return the partitions of the events, and those before them that their history lies in."""
    if times is None:
        return [], []
    calendar, history = product.calendar, product.spec.features.history
    hours = times.dt.floor("h").unique()
    own = {slot.key: slot for slot in (calendar.containing(hour.to_pydatetime()) for hour in hours)}
    before = {
        slot.key
        for last in own.values()
        for slot in calendar.span(calendar.containing(last.start - history), last)
        if slot.key not in own and (calendar.first is None or slot.start >= calendar.first)
    }
    return sorted(own), sorted(before)
