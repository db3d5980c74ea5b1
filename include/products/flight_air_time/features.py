"""Features of a flight from what is known when it should leave, and its minutes in the air."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from .._flights import columns

SCHEDULE = (
    "flight_id",
    "scheduled_departure",
    "departure_hour",
    "scheduled_minutes",
    "carrier",
    "origin",
)
WEATHER = {"temp": "temperature", "wind_dir": "wind_dir", "wind_speed": "wind_speed"}


def build(sources: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return features and label of every scheduled flight in `sources["flights"]`."""
    flights = sources["flights"].reset_index(drop=True)
    built = columns.schedule(flights)
    air_time = flights["air_time"].astype("float64")
    weather = columns.weather_before(
        built["origin"], built["scheduled_departure"], sources["weather"], WEATHER
    )
    return pd.concat(
        [
            built[list(SCHEDULE)],
            columns.plane(flights, sources["planes"]),
            _wind(weather),
            _recent_air_times(built, air_time),
            air_time.rename("air_time"),
        ],
        axis=1,
    )


def _wind(weather: pd.DataFrame) -> pd.DataFrame:
    """Return the wind as two components: as degrees, 359 and 1 would be far apart."""
    blows_from = np.deg2rad(weather["wind_dir"])
    return pd.DataFrame(
        {
            "temperature": weather["temperature"],
            "wind_from_west": -weather["wind_speed"] * np.sin(blows_from),
            "wind_from_south": -weather["wind_speed"] * np.cos(blows_from),
        }
    )


def _recent_air_times(built: pd.DataFrame, air_time: pd.Series) -> pd.DataFrame:
    """Return the route's mean air time lately, and how far the last days were from it.

    The day before is left out: a flight held overnight can still be in the air this morning.
    """
    route = built["origin"] + "-" + built["dest"]
    usual, latest = (
        columns.recent_mean(air_time, route, built["day"], first=2, last=last, weight=0)
        for last in (15, 4)
    )
    return pd.DataFrame({"route_air_time": usual, "route_air_time_change": latest - usual})
