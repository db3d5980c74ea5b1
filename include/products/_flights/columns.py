"""Columns that the flight products share: schedule, plane, weather, and what happened lately.

Nothing here looks past the scheduled departure of the flight that a row is about.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

ZONE = "America/New_York"
"""Airlines plan by the local day, and all three airports lie in this zone."""

STALE_WEATHER = pd.Timedelta(hours=4)
"""An older observation says little; stations miss a few single hours and one night a year."""


def schedule(flights: pd.DataFrame) -> pd.DataFrame:
    """Return what the timetable says, one row per flight, in the order and index of `flights`.

    `scheduled_departure` is in UTC, `day` is the local day at midnight without a zone.
    """
    hour = as_utc(flights["time_hour"])
    departure = hour + pd.to_timedelta(flights["minute"].astype("int64"), unit="min").dt.as_unit(
        "us"
    )
    local = departure.dt.tz_convert(ZONE).dt.tz_localize(None)
    day = local.dt.normalize()
    number = flights["carrier"] + "-" + flights["flight"].astype("int64").astype("str")
    return pd.DataFrame(
        {
            # an airline uses a number once a day and airport, so this names the flight for good
            "flight_id": number + "-" + flights["origin"] + "-" + day.dt.strftime("%Y-%m-%d"),
            "scheduled_departure": departure,
            "day": day,
            "departure_hour": (local - day) / pd.Timedelta(hours=1),
            "weekday": local.dt.day_name(),
            "carrier": flights["carrier"],
            "origin": flights["origin"],
            "dest": flights["dest"],
            "distance": flights["distance"].astype("float64"),
            "scheduled_minutes": _clock_minutes(flights),
            "flights_that_hour": hour.groupby([flights["origin"], hour])
            .transform("size")
            .astype("float64"),
        }
    )


def plane(flights: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """Return age in years, seats and engine of each flight's plane; missing where unknown."""
    newest = planes.drop_duplicates("tailnum", keep="last").set_index("tailnum")
    known = newest.reindex(flights["tailnum"]).set_index(flights.index)
    return pd.DataFrame(
        {
            "plane_age": flights["year"].astype("float64") - known["year"].astype("float64"),
            "plane_seats": known["seats"].astype("float64"),
            "plane_engine": known["engine"],
        }
    )


def weather_before(
    origin: pd.Series, departure: pd.Series, weather: pd.DataFrame, names: dict[str, str]
) -> pd.DataFrame:
    """Return the newest weather at `origin` whose hour was over by `departure` (UTC).

    A row of `weather` is one reading taken some time within its hour, most often near its end; so
    it is known only when that hour is over. `names` maps columns of `weather` to names of features.
    """
    readings = weather[["origin", *names]].rename(columns=names)
    readings["known_at"] = as_utc(weather["time_hour"]) + pd.Timedelta(hours=1)
    wanted = pd.DataFrame({"origin": origin, "departure": departure}).sort_values("departure")
    found = pd.merge_asof(
        wanted,
        readings.sort_values("known_at"),
        left_on="departure",
        right_on="known_at",
        by="origin",
        tolerance=STALE_WEATHER,
    ).set_index(wanted.index)
    return found.loc[origin.index, list(names.values())].astype("float64")


def recent_mean(
    values: pd.Series, groups: pd.Series, day: pd.Series, *, first: int, last: int, weight: float
) -> pd.Series:
    """Return each row's mean of its group's `values` over the days `last` to `first` before it.

    The mean is drawn towards the mean of all groups over the same days as if `weight` more values
    had been equal to it (empirical Bayes), because a plane that flew twice tells little. Missing
    where the group has no value in those days. Days are added up once, so this costs the same
    whatever the span; `values` of the row's own day and later have no part in its figure.
    """
    codes, names = pd.factorize(groups)
    days = (day - day.min()).dt.days.to_numpy()
    known = values.notna().to_numpy() & (codes >= 0)
    cells = (codes[known], days[known])
    shape = (len(names), days.max() + 1)
    count = _running_sum(np.ones(known.sum()), cells, shape)
    total = _running_sum(values.to_numpy("float64")[known], cells, shape)

    start, end = np.clip(days - last, 0, None), np.clip(days - first + 1, 0, None)
    n = count[codes, end] - count[codes, start]
    everyones_count, everyones_total = count.sum(axis=0), total.sum(axis=0)
    with np.errstate(invalid="ignore"):  # 0/0 is no history, and the missing value we want
        overall = (everyones_total[end] - everyones_total[start]) / (
            everyones_count[end] - everyones_count[start]
        )
        mean = (total[codes, end] - total[codes, start] + weight * overall) / (n + weight)
    return pd.Series(np.where((n > 0) & (codes >= 0), mean, np.nan), index=values.index)


def as_utc(times: pd.Series) -> pd.Series:
    """Return `times`, text or timestamps, in UTC to the microsecond, so that they can be joined."""
    return pd.to_datetime(times, utc=True).dt.as_unit("us")


def _running_sum(
    values: np.ndarray, cells: tuple[np.ndarray, np.ndarray], shape: tuple[int, int]
) -> np.ndarray:
    """Return sums by group (rows) over all days before a day (columns; the first is all zero)."""
    groups, days = cells
    sums = np.bincount(groups * shape[1] + days, values, shape[0] * shape[1]).reshape(shape)
    return np.pad(sums.cumsum(axis=1), ((0, 0), (1, 0)))


def _clock_minutes(flights: pd.DataFrame) -> pd.Series:
    """Return minutes from scheduled departure to arrival by the clocks of the two airports.

    The time zone of the destination is in it: a constant of the route, so a model that also knows
    the destination or the distance reads the time the airline allows for the flight.
    """
    departure, arrival = (
        flights[column].astype("float64").pipe(lambda t: t // 100 * 60 + t % 100)
        for column in ("sched_dep_time", "sched_arr_time")
    )
    return (arrival - departure) % 1440
