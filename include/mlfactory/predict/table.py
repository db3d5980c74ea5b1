"""The answer to a file: a line for each of its rows, in their order.

Columns: `row` (counted from 1, without the header), the key and time of the event, `score`,
`decision`, for several classes `probability_<class>`, `version`, and `reason` where there is no
score. A key that is called like one of these is written as `key_<name>`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from mlfactory.lake.kinds import words
from mlfactory.prepare.given import Built
from mlfactory.product.spec import ProductSpec

_OURS = frozenset({"row", "score", "decision", "version", "reason"})


def table_of(
    spec: ProductSpec,
    rows: pd.DataFrame,
    events: Built | None,
    places: Mapping[int, Sequence[int]],
    answered: pd.DataFrame | None,
    reasons: Mapping[int, str],
    version: str,
) -> pd.DataFrame:
    """Return the table for `rows`.

    Args:
        events: what build made of the usable rows.
        places: for each usable row the places of its events.
        answered: the model's answers, by the place of the event.
        reasons: why a row has none.
    """
    lines = [(row, place) for row in range(len(rows)) for place in places.get(row, ()) or (None,)]
    numbers = pd.Index([row for row, _ in lines])
    of_events = pd.Index([-1 if place is None else place for _, place in lines])
    named = _named(spec, rows, events, numbers, of_events)
    found = {f"key_{name}" if name in _OURS else name: column for name, column in named.items()}
    table = pd.DataFrame({"row": numbers + 1, **found})
    if answered is None:
        answered = pd.DataFrame({"score": [], "decision": []}, dtype="float64")
    table = pd.concat([table, answered.reindex(of_events).reset_index(drop=True)], axis=1)
    if spec.label.kind == "binary":
        table["decision"] = table["decision"].astype("Int64")
    table["version"] = version
    why = {} if events is None else events.reasons
    table["reason"] = pd.Series(
        [reasons.get(row) if place is None else why.get(place) for row, place in lines],
        dtype="str",
    )
    return table


def _named(
    spec: ProductSpec,
    rows: pd.DataFrame,
    events: Built | None,
    numbers: pd.Index,
    of_events: pd.Index,
) -> dict[str, pd.Series]:
    """Return what names each line's event; of a row without one, what the file says of it."""
    time = [spec.features.event_time] if spec.features.event_time else []
    found: dict[str, pd.Series] = {}
    for name in dict.fromkeys([*spec.features.key, *time]):
        own = rows[name] if name in rows else pd.Series(index=rows.index, dtype="object")
        column = own.reindex(numbers).reset_index(drop=True)
        if events is not None:
            made = events.events[name].reindex(of_events).reset_index(drop=True)
            column = made.astype("object").where(made.notna(), column.astype("object"))
        column = column.infer_objects()
        found[name] = words(column) if column.dtype == "object" else column
    return found
