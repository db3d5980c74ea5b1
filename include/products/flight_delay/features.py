"""Features of a scheduled flight from what is known when it should leave, and whether it was late.

One row per scheduled flight, cancelled ones too: nobody knows at that moment that they will be.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from .._flights import columns

LATE = 15
"""Minutes after schedule from which the industry counts an arrival as late."""

WEATHER = {
    "temp": "temperature",
    "humid": "humidity",
    "wind_speed": "wind_speed",
    "wind_gust": "wind_gust",
    "precip": "precipitation",
    "visib": "visibility",
    "pressure": "pressure",
}


def build(sources: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return features and label of every scheduled flight in `sources["flights"]`."""
    flights = sources["flights"].reset_index(drop=True)
    built = columns.schedule(flights)
    late = (flights["arr_delay"] >= LATE).astype("float64").where(flights["arr_delay"].notna())
    weather = columns.weather_before(
        built["origin"], built["scheduled_departure"], sources["weather"], WEATHER
    )
    return pd.concat(
        [
            built.drop(columns="day"),
            columns.plane(flights, sources["planes"]),
            weather,
            # by these the windows of product.yaml know a plane and a number
            flights[["tailnum", "flight"]],
            late.rename("late"),
        ],
        axis=1,
    )
