from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_series_equal

from mlfactory.product.loader import load_product

PRODUCTS = Path(__file__).parents[3] / "include" / "products"
FLIGHTS = ["flight_delay", "flight_air_time"]
KNOWN_LATER = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
LATE_RATES = {
    1: 0.235, 2: 0.238, 3: 0.236, 4: 0.288, 5: 0.227, 6: 0.315,
    7: 0.322, 8: 0.246, 9: 0.137, 10: 0.176, 11: 0.181, 12: 0.335,
}  # fmt: skip


def inputs(name: str, built: pd.DataFrame) -> pd.DataFrame:
    features = load_product(name, PRODUCTS).spec.features
    return built.set_index("flight_id")[[features.event_time, *features.inputs]]


def local_day(built: pd.DataFrame) -> pd.Series:
    return built["scheduled_departure"].dt.tz_convert("America/New_York").dt.strftime("%Y-%m-%d")


@pytest.mark.parametrize("name", FLIGHTS)
def test_features_of_a_day_need_nothing_that_is_known_after_it_began(name, between, build):
    day, start = "2013-02-20", "2013-02-04T05:00:00Z"
    everything = build(name, between(start, "2013-02-25T00:00:00Z"))
    # February in New York is five hours behind UTC
    cut = between(start, "2013-02-21T05:00:00Z")
    flights = cut["flights"].copy()
    flights.loc[flights["time_hour"] >= "2013-02-20T05:00:00Z", KNOWN_LATER] = float("nan")
    blind = build(name, cut | {"flights": flights})

    seen = inputs(name, everything[local_day(everything) == day])
    unseen = inputs(name, blind[local_day(blind) == day])
    assert len(seen) > 800
    assert_frame_equal(unseen, seen)


@pytest.mark.parametrize("name", FLIGHTS)
def test_weather_of_the_hour_of_departure_and_later_is_not_used(name, between, build):
    moment = "2013-02-20T15:00:00Z"
    sources = between("2013-02-18T00:00:00Z", "2013-02-21T00:00:00Z")
    weather = sources["weather"].copy()
    measured = ["temp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "visib"]
    weather.loc[weather["time_hour"] >= moment, measured] = -999.0

    before = build(name, sources)
    after = build(name, sources | {"weather": weather})

    leaves_within = before["scheduled_departure"] < pd.Timestamp(moment) + pd.Timedelta(hours=1)
    assert_frame_equal(inputs(name, after[leaves_within]), inputs(name, before[leaves_within]))
    assert (after.loc[~leaves_within, "temperature"] == -999.0).mean() > 0.99


@pytest.mark.parametrize("name", FLIGHTS)
def test_the_history_asked_for_is_all_that_is_needed(name, year, between, build):
    spec = load_product(name, PRODUCTS).spec
    start = pd.Timestamp("2013-03-01", tz="UTC")
    first = (start - spec.features.history).strftime("%Y-%m-%dT%H:%M:%SZ")
    short = build(name, between(first, "2013-03-04T00:00:00Z"))
    long = build(name, between("2013-01-01", "2013-03-04T00:00:00Z"))

    short, long = (frame[frame["scheduled_departure"] >= start] for frame in (short, long))
    assert len(short) > 2000
    assert_frame_equal(inputs(name, short), inputs(name, long))


def test_a_year_of_delays_has_unique_keys_and_the_known_late_rates(year, build):
    built = build("flight_delay", year)
    assert len(built) == len(year["flights"])
    assert built["flight_id"].is_unique
    month = built["scheduled_departure"].dt.tz_convert("America/New_York").dt.month
    rates = built.groupby(month)["late"].mean()
    assert rates.to_dict() == pytest.approx(LATE_RATES, abs=0.001)
    assert built["late"].notna().sum() == 327_346
    # the airline's rate of the days before is what it says: it goes with the month's lateness
    assert built["late_rate_origin"].corr(built["late"]) > 0.1


def test_late_rates_are_those_of_fifteen_days_as_far_as_they_were_known(between, build):
    sources = between("2013-02-01", "2013-02-21T05:00:00Z")
    built = build("flight_delay", sources)
    flights = sources["flights"].reset_index(drop=True)
    left = pd.to_datetime(flights["time_hour"], utc=True)
    keys = {
        "carrier": ["carrier"],
        "origin": ["origin"],
        "flight": ["carrier", "flight"],
        "plane": ["tailnum"],
    }
    chosen = built[(local_day(built) == "2013-02-20") & built["tailnum"].notna()].sample(
        20, random_state=1
    )
    for place, event in chosen.iterrows():
        age = event["scheduled_departure"] - left
        inside = (age <= pd.Timedelta("15D")) & (age > pd.Timedelta("25h"))
        window = flights[inside & flights["arr_delay"].notna()]
        late = window["arr_delay"] >= 15
        for name, columns in keys.items():
            own = late[(window[columns] == flights.loc[place, columns]).all(axis=1)]
            expected = (own.sum() + 20 * late.mean()) / (len(own) + 20)
            assert event[f"late_rate_{name}"] == pytest.approx(expected, rel=1e-12), (place, name)


def test_a_flight_without_history_or_known_plane_has_missing_features(between, build):
    built = build("flight_delay", between("2013-01-01", "2013-01-02T05:00:00Z"))
    assert built.filter(like="late_rate").isna().all(axis=None)
    assert built["plane_seats"].isna().any()
    assert built["plane_seats"].notna().any()


def test_a_second_snapshot_of_the_planes_changes_nothing(between, build):
    sources = between("2013-01-01", "2013-01-02")
    twice = sources | {"planes": pd.concat([sources["planes"]] * 2)}
    assert_frame_equal(build("flight_delay", twice), build("flight_delay", sources))


def test_air_time_is_labelled_where_a_flight_landed(between, build):
    sources = between("2013-02-01", "2013-02-21")
    built = build("flight_air_time", sources)
    expected = sources["flights"]["air_time"].reset_index(drop=True)
    assert_series_equal(built["air_time"], expected)
    landed = built[built["air_time"].notna() & (local_day(built) >= "2013-02-17")]
    error = (landed["route_air_time"] - landed["air_time"]).abs()
    assert error.median() < 10
    assert landed["air_time"].between(15, 800).all()
