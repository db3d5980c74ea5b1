"""Features that look ahead are found, each kind of it by itself, and honest ones are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlfactory.prepare.peeking import Peek, find_peeks
from mlfactory.product.errors import BuildError
from mlfactory.product.spec import ProductSpec

LATER, EARLY_LABEL = "rows that came later", "labels that were not known yet"
SAID = "labels that label.arrives_after says were not known yet"
Frames = Mapping[str, pd.DataFrame]


def spec(**features: Any) -> ProductSpec:
    return ProductSpec.model_validate(
        {
            "apiVersion": "mlfactory/v1",
            "name": "rides",
            "partition": {"every": "month", "start": "2026-01-01"},
            "sources": {
                "rides": {"kind": "csv", "path": "rides.csv", "event_time": "at", "key": ["id"]},
                "cars": {"kind": "csv", "path": "cars.csv", "key": ["car"]},
            },
            "features": {"key": ["id"], "event_time": "at", "numeric": ["f"], **features},
            "label": {"column": "late", "kind": "binary", "arrives_after": "2 days"},
        }
    )


@pytest.fixture
def sources() -> dict[str, pd.DataFrame]:
    draw = np.random.default_rng(5)
    rows = 600
    rides = pd.DataFrame(
        {
            "id": np.arange(rows),
            "at": pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(rows), "h"),
            "car": draw.integers(0, 9, rows),
            "distance": draw.gamma(2, 3, rows),
            "minutes": draw.gamma(2, 10, rows),
            "arrived": draw.integers(0, 2, rows).astype(float),
        }
    )
    return {"rides": rides, "cars": pd.DataFrame({"car": range(9), "seats": range(9)})}


def built(feature: Callable[[pd.DataFrame, pd.DataFrame], Any]) -> Callable[[Frames], pd.DataFrame]:
    """Return a build function with one feature; a ride is late that has not arrived."""

    def build(sources: Frames) -> pd.DataFrame:
        rides = sources["rides"]
        made = rides[["id", "at"]].copy()
        made["late"] = 1 - rides["arrived"]
        made["f"] = feature(rides, sources["cars"])
        return made

    return build


def rate_of(rides: pd.DataFrame, wait: timedelta) -> pd.Series:
    """Return how often rides were late of which that was known `wait` after they began."""
    late = pd.Series((1 - rides["arrived"]).to_numpy(), index=rides["at"] + wait)
    so_far = late.expanding().mean()
    places = so_far.index.searchsorted(rides["at"], side="right") - 1
    values = np.where(places >= 0, so_far.to_numpy()[np.maximum(places, 0)], np.nan)
    return pd.Series(values, index=rides.index)


HONEST = {
    "its own row": lambda rides, cars: np.log1p(rides["distance"]),
    "a register": lambda rides, cars: rides["car"].map(cars.set_index("car")["seats"]),
    "the past": lambda rides, cars: rides["distance"].rolling(30, min_periods=1).mean(),
    "sums in another order": lambda rides, cars: rides["distance"].cumsum() / (rides["id"] + 1),
    "labels once they are known": lambda rides, cars: rate_of(rides, timedelta(days=2)),
}
PEEKING = {
    "the next row": (LATER, lambda rides, cars: rides["distance"].shift(-1)),
    "a mean of all rows": (
        LATER,
        lambda rides, cars: rides["distance"] - rides["distance"].mean(),
    ),
    "a rank": (LATER, lambda rides, cars: rides["distance"].rank()),
    "how often the car came": (
        LATER,
        lambda rides, cars: rides.groupby("car")["id"].transform("size"),
    ),
    "its own label": (EARLY_LABEL, lambda rides, cars: rides["arrived"] * 3 + 1),
    "labels of an hour ago": (EARLY_LABEL, lambda rides, cars: rate_of(rides, timedelta(hours=1))),
    "labels of the day before": (
        EARLY_LABEL,
        lambda rides, cars: rate_of(rides, timedelta(days=1)),
    ),
}
EARLY = (EARLY_LABEL, SAID)


def peeks(feature: Any, sources: Frames, **features: Any) -> list[Peek]:
    return find_peeks(spec(**features), sources, built(feature))


@pytest.mark.parametrize("name", HONEST)
def test_what_is_known_at_the_event_is_no_looking_ahead(
    sources: dict[str, pd.DataFrame], name: str
) -> None:
    assert peeks(HONEST[name], sources) == []


@pytest.mark.parametrize("name", PEEKING)
def test_what_is_not_known_yet_is_told_by_what_it_is_made_of(
    sources: dict[str, pd.DataFrame], name: str
) -> None:
    by, feature = PEEKING[name]
    found = {peek.by: peek for peek in peeks(feature, sources)}
    assert by in found
    assert found[by].feature == "f" and found[by].events > 0
    assert found[by].columns == (("rides.arrived",) if by in EARLY else ())
    assert set(found[by].example) == {"id"}


def test_labels_that_come_sooner_than_the_spec_says_are_told_and_are_no_proof(
    sources: dict[str, pd.DataFrame],
) -> None:
    # of a hundred rides in 17 hours nobody had a label within a day, whatever the spec says
    rides = sources["rides"]
    quick = rides.assign(at=rides["at"].iloc[0] + (rides["at"] - rides["at"].iloc[0]) / 6)
    (found,) = peeks(PEEKING["labels of the day before"][1], {**sources, "rides": quick})
    assert (found.by, found.is_sure) == (SAID, False)
    (found,) = peeks(PEEKING["its own label"][1], {**sources, "rides": quick})
    assert (found.by, found.is_sure) == (EARLY_LABEL, True)


def test_the_order_of_the_rows_does_not_matter(sources: dict[str, pd.DataFrame]) -> None:
    mixed = sources["rides"].sample(frac=1, random_state=1).reset_index(drop=True)

    def past(rides: pd.DataFrame, cars: pd.DataFrame) -> Any:
        return rides.sort_values("at")["distance"].expanding().max().reindex(rides.index)

    assert peeks(past, {**sources, "rides": mixed}) == []
    (found,) = peeks(lambda rides, cars: rides["distance"].max(), {**sources, "rides": mixed})
    assert found.by == LATER


def test_a_build_that_needs_all_rows_is_given_others_in_their_place(
    sources: dict[str, pd.DataFrame],
) -> None:
    def next_distance(rides: pd.DataFrame, cars: pd.DataFrame) -> Any:
        if len(rides) < 600:
            raise BuildError("rides: too few", remedy="more")
        return rides["distance"].shift(-1)

    (found,) = peeks(next_distance, sources)
    assert found.by == LATER


def test_a_column_that_is_known_with_the_event_may_be_looked_at(
    sources: dict[str, pd.DataFrame],
) -> None:
    def build(given: Frames) -> pd.DataFrame:
        rides = given["rides"]
        late = (rides["minutes"] > 3 * rides["distance"]).astype(float)
        return rides[["id", "at"]].assign(f=rides["distance"], late=late)

    (found,) = find_peeks(spec(), sources, build)
    assert found.by == EARLY_LABEL and "rides.distance" in found.columns
    assert find_peeks(spec(known_at_event=["distance"]), sources, build) == []


def test_without_times_a_feature_may_not_have_its_own_label(
    sources: dict[str, pd.DataFrame],
) -> None:
    timeless = {"event_time": None}
    assert peeks(HONEST["its own row"], sources, **timeless) == []
    (found,) = peeks(PEEKING["its own label"][1], sources, **timeless)
    assert found.by == EARLY_LABEL


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_are_no_error(sources: dict[str, pd.DataFrame], rows: int) -> None:
    few = {**sources, "rides": sources["rides"].head(rows)}
    assert peeks(HONEST["the past"], few) == []


def test_what_is_said_names_feature_reason_and_an_event(sources: dict[str, pd.DataFrame]) -> None:
    (found,) = peeks(PEEKING["its own label"][1], sources)
    said = str(found)
    assert said.startswith("'f' is made of labels that were not known yet (rides.arrived)")
    assert " events, such as id=" in said
