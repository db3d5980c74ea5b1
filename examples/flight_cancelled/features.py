"""Features of a scheduled flight: what its timetable says. The weather is declared in product.yaml.

The timetable is fixed long before, so counting other flights of the day looks at nothing to come.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

ZONE = "America/New_York"
"""Airlines plan by the local day, and all three airports lie in this zone."""


def build(sources: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row per scheduled flight in `sources["timetable"]`; its label comes by itself."""
    flights = sources["timetable"].reset_index(drop=True)
    departure = pd.to_datetime(flights["scheduled_departure"], utc=True)
    local = departure.dt.tz_convert(ZONE)
    hour = departure.dt.floor("h")
    return pd.DataFrame(
        {
            "flight_id": flights["flight_id"],
            "scheduled_departure": departure,
            "carrier": flights["carrier"],
            "origin": flights["origin"],
            "dest": flights["dest"],
            "weekday": local.dt.day_name(),
            "departure_hour": local.dt.hour + local.dt.minute / 60,
            "distance": flights["distance"].astype("float64"),
            # who has another flight an hour later cancels more easily
            "flights_that_hour": _count(flights["origin"], hour),
            "flights_that_day": _count(
                flights["carrier"], flights["origin"], flights["dest"], flights["day"]
            ),
        }
    )


def _count(*columns: pd.Series) -> pd.Series:
    return columns[0].groupby(list(columns)).transform("size").astype("float64")
