"""A shop whose trips are cleaned before they are judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from mlfactory.lake.row_batches import accepted_batches
from mlfactory.lake.rows import accepted, standings
from mlfactory.product.loader import Product

KEY = "2026-01-01"
STEPS = """
      - {do: trim}
      - {do: map, columns: city, values: {N.Y.: NY, n.y.: NY}}
      - {do: number, columns: price, decimal: ",", thousands: "."}
      - {do: unit, columns: miles, factor: 1.6}
      - {do: outliers, columns: price, at_most: 5000, then: quarantine}
      - {do: fill, columns: city, value: nowhere}
      - {do: duplicates, keep: last, by: price}"""
SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources:
  trips:
    kind: csv
    path: trips.csv
    event_time: at
    key: [id]
    clean:STEPS
expect:
  quarantine_budget: 20%
  trips: [{type: expect_column_values_to_be_in_set, column: city, value_set: [NY, LA, nowhere]}]
features: {build: "features:build", key: [id], event_time: at, numeric: [price, miles],
  categorical: [city]}
label: {column: bad, kind: binary}
"""
FEATURES = """
def build(sources):
    trips = sources["trips"]
    return trips.assign(bad=(trips["price"] > 5).astype("int64"))
"""
TRIPS = [
    *(f'T{i},{KEY}T10:00:00Z,NY,"1.00{i % 10},5",{i}' for i in range(20)),
    f' A ,{KEY}T11:00:00Z,N.Y.,"1,5",10',
    f'A,{KEY}T11:00:00Z,LA,"2,5",20',  # the same key, once it is trimmed
    f'B,{KEY}T11:00:00Z,,"3,5",30',
    f"C,{KEY}T11:00:00Z,LA,free,40",  # no number
    f'D,{KEY}T11:00:00Z,LA,"9.999,0",50',  # an outlier
    f'E,{KEY}T11:00:00Z,Paris,"4,5",60',  # breaks the rule
]

Shop = Callable[..., Product]


def of_key(rows: pd.DataFrame, key: str) -> dict[str, Any]:
    [found] = rows[rows["id"] == key].to_dict("records")
    return dict(found)


def usable(product: Product) -> pd.DataFrame:
    frame = accepted(product, "trips", [KEY])
    judged = list(standings(product, [KEY]).values())
    parts = pd.concat([each.to_pandas() for each in accepted_batches(product, "trips", judged)])
    pd.testing.assert_frame_equal(frame, parts.reset_index(drop=True), check_dtype=False)
    return frame
