"""What is fitted and what is held out where labels are told, one by one, and corrected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.left_rows import leave_history

from mlfactory.product.loader import Product
from mlfactory.train.dataset import Split, read_split
from mlfactory.trainings.split import Plan, plan

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources:
  orders: {kind: csv, path: orders.csv, event_time: at, key: [id]}
  outcomes: {kind: csv, path: outcomes.csv, event_time: told_at}
features: {key: [id], event_time: at, numeric: [price]}
label: {column: bad, kind: binary, arrives_after: 1 hour, from: {source: outcomes}}
labelling: {batch: 20}
train: {min_rows: 20, min_holdout: 20, window: 4 partitions, holdout: 1 partition}
"""
DAYS, EACH = 4, 48
START = pd.Timestamp("2026-01-04", tz="UTC")
"""When the hold-out begins."""

Make = Callable[[pd.DataFrame], Product]


@pytest.fixture
def shop(home: Path, make_product: Callable[..., Product]) -> Make:
    """Give a function that makes a shop of four days of which some rows were told."""

    def made(told: pd.DataFrame) -> Product:
        product = make_product(SPEC)
        of = told["available_at"].dt.strftime("%Y-%m-%d")
        labels = told.drop(columns="day").assign(_weight=1.0, partition=of)
        for name in ("_told_by", "_told_as", "_drawn"):
            labels[name] = labels[name].astype("str")
        events = orders().rename(columns={"day": "partition"}).assign(price=1.0)
        leave_history(product, "prepare", features=events, labels=labels)
        return product

    return made


def orders() -> pd.DataFrame:
    at = pd.date_range("2026-01-01", periods=DAYS * EACH, freq="30min", tz="UTC", unit="us")
    names = [f"o{row:03}" for row in range(len(at))]
    return pd.DataFrame({"id": names, "at": at, "day": at.strftime("%Y-%m-%d")})


def by_source(events: pd.DataFrame, after: str = "10min") -> pd.DataFrame:
    """Return that the source told of each event, every second one is bad."""
    return events.assign(
        label=events.index.to_numpy() % 2.0,
        available_at=events["at"] + pd.Timedelta(after),
        _told_by=None,
        _told_as="a hash",
        _drawn=None,
    )


def by_ann(events: pd.DataFrame, drawn: str) -> pd.DataFrame:
    return by_source(events).assign(_told_by="ann", _told_as="people", _drawn=drawn)


def planned(product: Product) -> tuple[Plan, Split]:
    cutoff = product.calendar.parse("2026-01-04")
    found = plan(product, cutoff)
    assert found.problem == "", found.problem
    split = read_split(product, cutoff, found)
    assert (found.fit.rows, found.holdout.rows) == (len(split.fit), len(split.holdout))
    assert found.holdout_partitions == ("2026-01-04",)
    return found, split


def test_rows_chosen_for_what_a_model_said_are_learned_from_and_held_out_never(shop: Make) -> None:
    """A gate would judge on rows chosen against the champion: an equal challenger beats it."""
    events = orders()
    unsure, costly, random = (events[events.index % 4 == part] for part in (0, 1, 2))
    also = events[events.index % 4 == 3]
    random = pd.concat([random, also[: len(also) // 2]])
    source = by_source(also[len(also) // 2 :])
    told = [by_ann(unsure, "uncertainty"), by_ann(costly, "value"), by_ann(random, "random")]
    found, split = planned(shop(pd.concat([*told, source], ignore_index=True)))
    assert set(split.fit.frame["id"]) == set(events.loc[events["day"] < "2026-01-04", "id"])
    may = pd.concat([random, source])
    assert set(split.holdout.frame["id"]) == set(may.loc[may["day"] == "2026-01-04", "id"])
    assert sum(found.labelled.values()) == len(events)


def test_too_few_rows_that_may_be_judged_by_are_no_hold_out(shop: Make) -> None:
    events = orders()
    random = events.index % 4 == 0
    told = [by_ann(events[~random], "uncertainty"), by_ann(events[random], "random")]
    product = shop(pd.concat(told, ignore_index=True))
    found = plan(product, product.calendar.parse("2026-01-04"))
    assert found.problem.startswith("12 rows would be held out, and train.min_holdout is 20")
    assert found.remedy.endswith("only those drawn at random are held out")


def test_a_day_of_which_only_chosen_rows_were_answered_is_not_held_out(shop: Make) -> None:
    events = orders()
    last = events["day"] == "2026-01-04"
    told = [by_source(events[~last]), by_ann(events[last], "uncertainty")]
    product = shop(pd.concat(told, ignore_index=True))
    found = plan(product, product.calendar.parse("2026-01-04"))
    assert (found.holdout_partitions, found.holdout.rows) == (("2026-01-03",), EACH)
    assert found.fit_partitions == ("2026-01-01", "2026-01-02")


def test_where_nothing_may_be_judged_by_there_is_no_training(shop: Make) -> None:
    product = shop(by_ann(orders(), "uncertainty"))
    found = plan(product, product.calendar.parse("2026-01-04"))
    assert found.problem and "drawn at random" in found.remedy


def test_what_is_fitted_does_not_hang_on_what_is_told_after_the_hold_out_began(shop: Make) -> None:
    """Labels are said again, agreed with, corrected, contradicted: later, each row is fitted."""
    events = orders()
    first = by_source(events)
    early = first[first["day"] < "2026-01-04"]
    later = early.assign(available_at=START + pd.Timedelta("6h"))
    kinds = early.index.to_numpy() % 5
    again, corrected = later[kinds == 0], later[kinds == 1]
    agreed = later[kinds == 2].assign(_told_by="ann", _told_as="people", _drawn="uncertainty")
    twice = later[kinds == 3]
    told = [first, again, corrected.assign(label=1 - corrected["label"]), agreed]
    told += [twice, twice.assign(label=1 - twice["label"])]
    held = first[first["day"] == "2026-01-04"]
    mended = held[held.index % 10 == 0]
    mended = mended.assign(label=1.0, available_at=mended["available_at"] + pd.Timedelta("5min"))
    _, split = planned(shop(pd.concat([*told, mended], ignore_index=True)))
    expected = early[early["available_at"] < START]
    assert split.fit.frame["id"].tolist() == expected["id"].tolist()
    assert split.fit.y.tolist() == expected["label"].tolist()
    assert len(split.fit) == 3 * EACH
    assert split.holdout.frame["id"].tolist() == held["id"].tolist()
    truth = np.where(held.index % 10 == 0, 1.0, held["label"])
    assert split.holdout.y.tolist() == truth.tolist()


def test_a_source_that_repeats_its_labels_every_day_leaves_as_much_to_fit(shop: Make) -> None:
    first = by_source(orders())
    told = [first]
    for days in range(1, DAYS):
        again = first.assign(available_at=first["available_at"] + pd.Timedelta(days=days))
        told.append(again[again["available_at"] < START + pd.Timedelta("1D")])
    _, split = planned(shop(pd.concat(told, ignore_index=True)))
    assert (len(split.fit), len(split.holdout)) == (3 * EACH, EACH)


def test_a_label_told_as_the_hold_out_begins_was_not_known_before_it(shop: Make) -> None:
    told = by_source(orders())
    last = told["id"] == "o000"
    told.loc[last, "available_at"] = START
    _, split = planned(shop(told))
    assert "o000" not in set(split.fit.frame["id"]) and len(split.fit) == 3 * EACH - 1


def test_the_share_that_is_read_is_of_events_not_of_what_was_told_of_them(shop: Make) -> None:
    first = by_source(orders())
    told = [first.assign(available_at=first["available_at"] + pd.Timedelta(n, "s")) for n in (0, 1)]
    product = shop(pd.concat(told, ignore_index=True))
    spec = product.spec
    train = spec.train.model_copy(update={"max_rows": DAYS * EACH})
    found, _ = planned(replace(product, spec=spec.model_copy(update={"train": train})))
    assert (found.share, found.of_rows) == (1.0, 0)
