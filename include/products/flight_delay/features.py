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
            _late_rates(flights, built, late),
            late.rename("late"),
        ],
        axis=1,
    )


def _late_rates(flights: pd.DataFrame, built: pd.DataFrame, late: pd.Series) -> pd.DataFrame:
    """Return how often carrier, route, origin and plane were late on the 14 days before.

    The day before is known: the last of its flights is due at 4:44 in the morning, so by 5:00, when
    the first of the next day leaves, each of them is in or 15 minutes overdue.
    """
    groups = {
        "carrier": built["carrier"],
        "route": built["origin"] + "-" + built["dest"],
        "origin": built["origin"],
        "plane": flights["tailnum"],
    }
    return pd.DataFrame(
        {
            f"late_rate_{name}": columns.recent_mean(
                late, group, built["day"], first=1, last=14, weight=20
            )
            for name, group in groups.items()
        }
    )
