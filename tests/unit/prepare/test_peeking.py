"""Features that look ahead are found, each kind of it by itself, and honest ones are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlfactory.prepare.peeking import find_peeks
from mlfactory.prepare.peeks import Peek
from mlfactory.product.errors import BuildError
from mlfactory.product.spec import ProductSpec

LATER, EARLY_LABEL = "rows that came later", "labels that were not known yet"
OWN = "the label of its own event"
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
    "its own label": (OWN, lambda rides, cars: rides["arrived"] * 3 + 1),
    "labels of an hour ago": (EARLY_LABEL, lambda rides, cars: rate_of(rides, timedelta(hours=1))),
    "labels of the day before": (
        EARLY_LABEL,
        lambda rides, cars: rate_of(rides, timedelta(days=1)),
    ),
}
EARLY = (EARLY_LABEL, OWN, SAID)


def peeks(feature: Any, sources: Frames, **features: Any) -> list[Peek]:
    return list(find_peeks(spec(**features), sources, built(feature)).peeks)


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
    assert (found.by, found.is_sure) == (OWN, True)


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

    (found,) = find_peeks(spec(), sources, build).peeks
    assert found.by == OWN and "rides.distance" in found.columns
    assert find_peeks(spec(known_at_event=["distance"]), sources, build).peeks == ()


def test_without_times_a_feature_may_not_have_its_own_label(
    sources: dict[str, pd.DataFrame],
) -> None:
    timeless = {"event_time": None}
    assert peeks(HONEST["its own row"], sources, **timeless) == []
    (found,) = peeks(PEEKING["its own label"][1], sources, **timeless)
    assert found.by == OWN


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_are_no_error(sources: dict[str, pd.DataFrame], rows: int) -> None:
    few = {**sources, "rides": sources["rides"].head(rows)}
    assert peeks(HONEST["the past"], few) == []


def test_what_is_said_names_feature_reason_and_an_event(sources: dict[str, pd.DataFrame]) -> None:
    (found,) = peeks(PEEKING["its own label"][1], sources)
    said = str(found)
    assert said.startswith("'f' is made of the label of its own event (rides.arrived)")
    assert " events, such as id=" in said


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.01, 0.002])
@pytest.mark.parametrize("wait", ["0 days", "1 hour", "2 days"])
def test_however_rare_a_label_is_its_copy_is_found(
    sources: dict[str, pd.DataFrame], rate: float, wait: str
) -> None:
    rare = sources["rides"].assign(arrived=1.0)
    rare.loc[rare.index[: max(1, int(rate * len(rare)))], "arrived"] = 0.0
    mixed = rare.assign(arrived=rare["arrived"].sample(frac=1, random_state=3).to_numpy())
    given = spec().model_dump(mode="json", exclude_none=True)
    given["label"]["arrives_after"] = wait
    found = find_peeks(
        ProductSpec.model_validate(given),
        {**sources, "rides": mixed},
        built(lambda rides, cars: rides["arrived"] * 2),
    )
    assert [(peek.feature, peek.by) for peek in found.peeks] == [("f", OWN)]


def test_a_label_in_a_register_is_looked_for_as_well(sources: dict[str, pd.DataFrame]) -> None:
    register = pd.DataFrame({"car": sources["rides"]["id"], "seats": sources["rides"]["arrived"]})

    def build(given: Frames) -> pd.DataFrame:
        rides = given["rides"]
        seats = rides["id"].map(given["cars"].set_index("car")["seats"])
        return rides[["id", "at"]].assign(late=1 - seats, f=seats * 5)

    (found,) = find_peeks(spec(), {**sources, "cars": register}, build).peeks
    assert (found.by, found.columns) == (OWN, ("cars.seats",))


def test_what_is_never_the_same_is_told_and_is_no_looking_ahead(
    sources: dict[str, pd.DataFrame],
) -> None:
    noise = np.random.default_rng(0)
    found = find_peeks(spec(), sources, built(lambda rides, cars: noise.normal(size=len(rides))))
    assert found.peeks == ()
    assert "['f']: build gives other values each time it is called" in found.untried


def test_rows_of_a_timetable_are_known_before(sources: dict[str, pd.DataFrame]) -> None:
    def that_day(rides: pd.DataFrame, cars: pd.DataFrame) -> Any:
        return rides.groupby(rides["at"].dt.date)["id"].transform("size")

    assert peeks(that_day, sources)[0].by == LATER
    assert peeks(that_day, sources, known_at_event=["rides"]) == []


def test_events_that_come_and_go_with_the_labels_are_told(
    sources: dict[str, pd.DataFrame],
) -> None:
    def build(given: Frames) -> pd.DataFrame:
        rides = given["rides"]
        kept = rides[rides.groupby("car")["arrived"].transform("mean") > 0.5]
        return built(lambda rides, cars: rides["distance"])({**given, "rides": kept})

    told = find_peeks(spec(), sources, build).peeks
    assert "(which events there are)" in {peek.feature for peek in told}
