"""Labels that come from a source of their own, each at the moment at which it was told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from tests.integration.prepare.conftest import through

from mlfactory.cycle.labels import read_due_again
from mlfactory.lake import manifests
from mlfactory.lake.known import count_known
from mlfactory.lake.labels import known_labels
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.trainings.labelled import labelled_rows
from mlfactory.trainings.split import plan

pytestmark = [pytest.mark.one_lake, pytest.mark.usefixtures("home")]

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01 SHARDS}
sources:
  orders: {kind: csv, path: orders.csv, event_time: at, key: [id]}
  outcomes: {kind: csv, path: outcomes.csv, event_time: told_at}
features: {key: [id], event_time: at, numeric: [price]}
label:
  column: bad
  kind: KIND
  arrives_after: 1 day
  from: {source: outcomes, key: {id: order}, value: was_bad, observed_at: told_at MORE}
train: {min_rows: 20, min_holdout: 20, window: 4 partitions, holdout: 1 partition}
"""
FEATURES = (
    'def build(sources):\n    assert set(sources) == {"orders"}\n    return sources["orders"]\n'
)
ORDERS = 24

Told = list[tuple[str, str, object]]
Make = Callable[..., Product]


@pytest.fixture
def make(make_product: Make) -> Make:
    """Give a function that makes a shop of days with so many orders, and what was told of them."""

    def made(
        told: Told, more: str = "", *, days: int = 4, kind: str = "binary", shards=""
    ) -> Product:
        spec = SPEC.replace("MORE", more).replace("KIND", kind).replace("SHARDS", shards)
        files = {"orders.csv": orders(days), "outcomes.csv": outcomes(told)}
        return make_product(spec, FEATURES, files)

    return made


def orders(days: int) -> str:
    lines = [
        f"o{day}-{hour},2026-01-{day:02}T{hour:02}:30:00Z,{hour}"
        for day in range(1, days + 1)
        for hour in range(ORDERS)
    ]
    return "\n".join(["id,at,price", *lines]) + "\n"


def outcomes(told: Told) -> str:
    lines = [f"{order},{at},{value}" for order, at, value in told]
    return "\n".join(["order,told_at,was_bad", *lines]) + "\n"


def say(product: Product, told: Told) -> None:
    (product.folder / "outcomes.csv").write_text(outcomes(told))


def days(product: Product, *numbers: int) -> None:
    for number in numbers:
        through(product, f"2026-01-{number:02}")


def known(product: Product, event_day: int, moment: str) -> dict[str, object]:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    found = known_labels(product, [f"2026-01-{event_day:02}"], at)
    return dict(zip(found["id"], found["label"], strict=True))


def facts(product: Product, day: int) -> dict[str, object]:
    return read_manifest(product.name, "prepare", f"2026-01-{day:02}")["facts"]["labels"]


def test_a_label_is_known_from_when_it_was_told_and_build_is_given_none(make: Make) -> None:
    shop = make(
        [
            ("o1-3", "2026-01-01T23:00:00Z", 1),  # on the day itself
            ("o1-4", "2026-01-03T12:00:00Z", 0),  # two days late; the others never
        ]
    )
    days(shop, 1, 2, 3)
    assert known(shop, 1, "2026-01-01T22:59:59") == {}
    assert known(shop, 1, "2026-01-02T00:00:00") == {"o1-3": 1.0}
    assert known(shop, 1, "2026-01-04T00:00:00") == {"o1-3": 1.0, "o1-4": 0.0}
    assert facts(shop, 3)["of"] == {"2026-01-01": 1}
    assert Lake("shop").read("labels", ["2026-01-03"])["id"].tolist() == ["o1-4"]


def test_a_corrected_label_counts_from_its_correction_on_and_the_old_one_stays(make: Make) -> None:
    shop = make(
        [
            ("o1-3", "2026-01-01T23:00:00Z", 1),
            ("o1-3", "2026-01-03T01:00:00Z", 0),
            ("o1-3", "2026-01-03T02:00:00Z", 1),
        ]
    )
    days(shop, 1, 2, 3)
    assert known(shop, 1, "2026-01-03T00:59:59") == {"o1-3": 1.0}
    assert known(shop, 1, "2026-01-03T01:30:00") == {"o1-3": 0.0}
    assert known(shop, 1, "2026-01-04T00:00:00") == {"o1-3": 1.0}
    assert len(Lake("shop").read("labels")) == 3


def test_a_source_that_overwrites_its_rows_takes_nothing_away(make: Make) -> None:
    """A table whose rows are updated in place: told_at moves on, and the old answer is gone."""
    shop = make([("o1-3", "2026-01-01T23:00:00Z", 1), ("o1-4", "2026-01-01T23:00:00Z", 0)])
    days(shop, 1)
    say(shop, [("o1-3", "2026-01-02T10:00:00Z", 0), ("o1-4", "2026-01-01T23:00:00Z", 0)])
    days(shop, 1, 2, 2, 1)
    assert known(shop, 1, "2026-01-02T00:00:00") == {"o1-3": 1.0, "o1-4": 0.0}
    assert known(shop, 1, "2026-01-03T00:00:00") == {"o1-3": 0.0, "o1-4": 0.0}
    assert len(Lake("shop").read("labels")) == 3


def test_two_labels_of_one_moment_are_told_and_count_for_nothing_until_a_newer_one(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    shop = make(
        [
            ("o1-3", "2026-01-01T23:00:00Z", 1),
            ("o1-3", "2026-01-01T23:00:00Z", 0),
            ("o1-4", "2026-01-01T23:00:00Z", 0),
            ("o1-4", "2026-01-01T23:00:00Z", 0),
            ("o1-3", "2026-01-03T00:00:01Z", 0),
        ]
    )
    with caplog.at_level(logging.WARNING):
        days(shop, 1, 2)
    assert "of 1 events two different labels were told at one moment" in caplog.text
    counts = read_manifest("shop", "prepare", "2026-01-01")["counts"]
    assert (counts["labels_contradicted"], counts["labelled"]) == (1, 1)
    assert known(shop, 1, "2026-01-03T00:00:00") == {"o1-4": 0.0}
    days(shop, 3)
    assert known(shop, 1, "2026-01-04T00:00:00") == {"o1-3": 0.0, "o1-4": 0.0}


def test_rows_that_name_no_event_or_no_label_are_counted_and_the_rest_flows(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    at = "2026-01-01T23:00:00Z"
    shop = make([("o1-3", at, 1), ("o9-9", at, 1), ("o1-5", at, ""), ("o1-6", at, 2), ("", at, 1)])
    with caplog.at_level(logging.WARNING):
        days(shop, 1)
    assert known(shop, 1, "2026-01-02T00:00:00") == {"o1-3": 1.0}
    left_out = {"of_no_event": 1, "without_value": 1, "not_a_label": 1, "without_key": 1}
    assert facts(shop, 1)["left_out"] == left_out
    assert "1 rows of outcomes have a label that is none of its kind" in caplog.text


def test_an_event_that_comes_after_its_label_gets_it_when_a_later_partition_runs(
    make: Make,
) -> None:
    shop = make([("o1-23", "2026-01-02T10:00:00Z", 1)])
    whole = (shop.folder / "orders.csv").read_text()
    lacking = "\n".join(line for line in whole.splitlines() if not line.startswith("o1-23"))
    (shop.folder / "orders.csv").write_text(lacking + "\n")
    days(shop, 1, 2)
    assert facts(shop, 2)["left_out"] == {"of_no_event": 1}
    (shop.folder / "orders.csv").write_text(whole)
    third = shop.calendar.parse("2026-01-03")
    assert read_due_again(shop, third)["again"] == []
    days(shop, 1)
    assert read_due_again(shop, third)["again"] == ["2026-01-02"]
    assert known(shop, 1, "2026-01-03T00:00:00") == {"o1-23": 1.0}
    assert read_due_again(shop, third)["again"] == []


def test_with_the_events_time_in_the_source_nothing_is_looked_up(make_product: Make) -> None:
    spec = SPEC.replace("SHARDS", "").replace("KIND", "multiclass")
    spec = spec.replace("MORE", ", event_time: ordered, by: who")
    lines = [
        "order,ordered,told_at,was_bad,who",
        "o1-3,2026-01-01T03:30:00Z,2026-01-02T10:00:00Z,torn,ann",
        "o1-3,2026-01-01T03:30:00Z,2026-01-02T11:00:00Z,late,bob",
        "o1-4,2026-01-01T04:30:00Z,2026-01-02T10:00:00Z,late,ann",
        "o3-4,2026-01-03T04:30:00Z,2026-01-02T10:00:00Z,late,ann",
        "o1-5,sometime,2026-01-02T10:00:00Z,late,ann",
    ]
    files = {"orders.csv": orders(3), "outcomes.csv": "\n".join(lines) + "\n"}
    shop = make_product(spec, FEATURES, files)
    days(shop, 2, 1)  # the events come after
    # two people differ about the first
    assert known(shop, 1, "2026-01-03T00:00:00") == {"o1-4": "late"}
    assert known(shop, 1, "2026-01-02T10:30:00") == {"o1-3": "torn", "o1-4": "late"}
    assert facts(shop, 2)["left_out"] == {"of_later_events": 1, "without_event_time": 1}


@pytest.mark.parametrize("shards", ["", ", shards: 3, by: id"])
def test_a_partition_without_events_still_takes_its_labels(make: Make, shards: str) -> None:
    at = "2026-01-05T10:00:00Z"
    shop = make([("o1-3", at, 1), ("o2-4", at, 0)], days=2, shards=shards)
    days(shop, 1, 2, 5)
    assert known(shop, 1, "2026-01-06T00:00:00") == {"o1-3": 1.0}
    assert known(shop, 2, "2026-01-06T00:00:00") == {"o2-4": 0.0}


def test_a_kill_after_the_old_labels_lost_their_manifest_loses_none_of_them(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = make([("o1-3", "2026-01-01T23:00:00Z", 1)])
    days(shop, 1)
    say(shop, [])
    kept = manifests.Manifest.write

    def dies(record: manifests.Manifest, lake: Lake, table: str, rows: object) -> None:
        if table == "labels":
            raise KeyboardInterrupt
        kept(record, lake, table, rows)

    monkeypatch.setattr(manifests.Manifest, "write", dies)
    with pytest.raises(KeyboardInterrupt):
        days(shop, 1)
    monkeypatch.undo()
    say(shop, [("o1-4", "2026-01-01T23:00:00Z", 0)])
    days(shop, 1)
    assert known(shop, 1, "2026-01-02T00:00:00") == {"o1-3": 1.0, "o1-4": 0.0}


def test_what_is_counted_is_what_is_read(make: Make) -> None:
    random = np.random.default_rng(5)
    told = [
        (f"o1-{order}", f"2026-01-0{day}T{hour:02}:00:00Z", int(value))
        for order, day, hour, value in zip(
            random.integers(0, ORDERS, 60),
            random.integers(1, 4, 60),
            random.integers(0, 3, 60),
            random.integers(0, 2, 60),
            strict=True,
        )
    ]
    shop = make(told)
    days(shop, 1, 2, 3)
    slot = shop.calendar.parse("2026-01-01")
    counts = []
    for hours in range(0, 72, 1):
        moment = slot.start + timedelta(hours=hours)
        found = known_labels(shop, [slot.key], moment)
        assert count_known(shop, slot, moment) == len(found)
        assert dict(zip(found["id"], found["label"], strict=True)) == _by_hand(told, moment)
        counts.append(len(found))
    assert min(counts) == 0 and max(counts) > 15


def _by_hand(told: Told, moment: datetime) -> dict[str, float]:
    """Return the label of each order, told one row after the other."""
    of: dict[str, dict[datetime, set[float]]] = {}
    for order, at, value in told:
        when = datetime.fromisoformat(at)
        if when < moment:
            of.setdefault(order, {}).setdefault(when, set()).add(float(str(value)))
    newest = {order: answers[max(answers)] for order, answers in of.items()}
    return {
        order: next(iter(values)) for order, values in sorted(newest.items()) if len(values) == 1
    }


def test_a_training_learns_what_was_known_in_time_and_is_judged_by_corrections(make: Make) -> None:
    """The truth is known: half of the labels are told wrongly first and corrected on day 4.

    Day 1 is fitted, as it was known when day 2 began; this is held out, as known at the cut-off.
    """
    truth = {f"o{day}-{hour}": hour % 2 for day in (1, 2) for hour in range(ORDERS)}
    told: Told = []
    for number, (order, value) in enumerate(truth.items()):
        day = int(order[1])
        wrong = number % 2 == 0
        told.append((order, f"2026-01-0{day}T23:50:00Z", 1 - value if wrong else value))
        if wrong:
            told.append((order, "2026-01-04T12:00:00Z", value))
    shop = make(told)
    days(shop, 1, 2, 3, 4)
    keys = ["2026-01-01", "2026-01-02"]
    for cutoff, right in (("2026-01-03", (0.5, 0.5)), ("2026-01-04", (0.5, 1.0))):
        slot = shop.calendar.parse(cutoff)
        chosen = plan(shop, slot)
        rows = labelled_rows(shop, slot, keys, chosen)
        labels = dict(zip(rows["id"], rows["label"], strict=True))
        assert len(labels) == len(truth)
        assert (chosen.fit_partitions, chosen.holdout_partitions) == ((keys[0],), (keys[1],))
        agree = np.reshape([labels[order] == value for order, value in truth.items()], (2, ORDERS))
        assert tuple(agree.mean(axis=1)) == right
        assert (rows["available_at"] <= pd.Timestamp(slot.end)).all()
