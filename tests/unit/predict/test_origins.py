from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from mlfactory.predict.origins import keys_of, origins_by_halves, origins_by_key
from mlfactory.product.errors import BuildError


def keys(*names: str) -> pd.MultiIndex:
    return keys_of(pd.DataFrame({"key": list(names)}), ["key"])


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 100])
def test_events_are_told_to_their_rows_whatever_build_does_with_them(count: int) -> None:
    """Rows are shuffled, every third is left out, every fifth gives two; the lake has its own."""
    random = np.random.default_rng(count)

    def events_of(chosen: Sequence[int]) -> pd.MultiIndex:
        names = [f"row{row}" for row in chosen if row % 3 != 2]
        names += [f"twin of row{row}" for row in chosen if row % 5 == 0]
        return keys(*random.permutation(names).tolist()) if names else keys("from the lake")

    events = keys(*events_of(range(count)).get_level_values(0), "from the lake")
    found = origins_by_halves(events, count, events_of, "shop")
    names = events.get_level_values(0)
    for row, places in enumerate(found):
        expected = {f"row{row}"} if row % 3 != 2 else set()
        expected |= {f"twin of row{row}"} if row % 5 == 0 else set()
        assert {names[place] for place in places} == expected


def test_an_event_of_several_rows_is_nobodys_and_said_so() -> None:
    def pairs(chosen: Sequence[int]) -> pd.MultiIndex:
        return keys(*dict.fromkeys(f"pair{row // 2}" for row in chosen))

    with pytest.raises(BuildError, match="which row of the file an event comes from"):
        origins_by_halves(pairs(range(20)), 20, pairs, "shop")


def test_a_key_of_the_source_tells_also_where_types_differ() -> None:
    rows = keys_of(pd.DataFrame({"id": [3.0, 1.0, 2.0]}), ["id"])
    events = keys_of(pd.DataFrame({"id": [1, 3, 9]}), ["id"])
    assert origins_by_key(events, rows) == [[1], [0], []]
