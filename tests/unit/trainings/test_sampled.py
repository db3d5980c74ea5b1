"""A training of more rows than train.max_rows has a sample of them, fit and hold-out alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.left_rows import leave_days

from mlfactory.lake import batches
from mlfactory.lake.manifests import manifest
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.train.dataset import Rows, read_split
from mlfactory.trainings.split import Plan, plan

SPEC = """
apiVersion: mlfactory/v1
name: parcels
partition: {{every: {every}, start: 2026-01-01}}
sources: {{parcels: {{kind: csv, path: parcels.csv, event_time: at}}}}
features: {{key: [parcel], {time}numeric: [weight], categorical: [town], {group}}}
label: {{column: late, kind: binary}}
train: {{window: 3 partitions, holdout: 1 partition, max_rows: {most}}}
"""

A_DAY = 600


@pytest.fixture
def make(
    home: Path, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Product]:
    monkeypatch.setattr(batches, "BATCH", 97)

    def made(most: int = 1000, *, group: str = "", every: str = "day", **rows: Any) -> Product:
        text = SPEC.format(
            most=most,
            every=every,
            group=f"group: {group}" if group else "",
            time="event_time: at, " if every != "snapshot" else "",
        )
        if every == "snapshot":
            text = text.replace(", start: 2026-01-01", "").replace("1 partition", "25%")
            text = text.replace(", event_time: at", "").replace("window: 3 partitions, ", "")
        product = make_product(text)
        slots = [product.calendar.parse("snapshot")] if every == "snapshot" else days(product)
        sent = {
            slot.key: sent_in(product, slot, number, **rows) for number, slot in enumerate(slots)
        }
        leave_days(product, sent)
        return product

    return made


def days(product: Product) -> list[Partition]:
    return [product.calendar.parse(f"2026-01-0{number}") for number in (1, 2, 3, 4)]


def sent_in(
    product: Product,
    slot: Partition,
    seed: int,
    *,
    a_day: int = A_DAY,
    senders: int = 80,
    labelled: float = 1.0,
    null: bool = False,
    rate: float = 0.3,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give a day's features and labels; some rows have no label: a null, or no row."""
    random = np.random.default_rng(seed)
    start = datetime(2026, 1, 1, tzinfo=UTC) if product.calendar.is_snapshot else slot.start
    rows = a_day * (4 if product.calendar.is_snapshot else 1)
    at = pd.Timestamp(start) + pd.to_timedelta(np.arange(rows) * 24 * 3600 // rows, "s")
    sent_by = random.integers(senders, size=rows)
    frame = pd.DataFrame(
        {
            "parcel": [f"{slot.key}/{row}" for row in range(rows)],
            "at": at.astype("datetime64[us, UTC]"),
            "weight": random.normal(size=rows),
            "town": random.choice(["Ulm", "Bonn"], rows),
            "sender": [None if n % 9 == 0 else f"s{n}" for n in sent_by],
        }
    )
    late = frame[["parcel", "at"]].assign(
        label=(random.random(rows) < rate).astype(float), available_at=frame["at"]
    )
    known = np.arange(rows) % round(1 / labelled) == 0
    late = late.assign(label=late["label"].where(known)) if null else late[known]
    return frame, late


def cutoff(product: Product) -> Partition:
    return product.calendar.parse("snapshot") if product.calendar.is_snapshot else days(product)[3]


def keys(rows: Rows) -> set[str]:
    return set(rows.frame["parcel"])


def test_fit_and_hold_out_are_sampled_by_the_same_share(make: Callable[..., Product]) -> None:
    product = make()
    found = plan(product, cutoff(product))
    assert (found.problem, found.of_rows) == ("", 3 * A_DAY)
    assert found.share == pytest.approx(1000 / 1800)
    assert found.fit.rows == pytest.approx(2 * A_DAY * found.share, rel=0.1)
    assert found.holdout.rows == pytest.approx(A_DAY * found.share, rel=0.1)
    split = read_split(product, cutoff(product), found)
    assert (len(split.fit), len(split.holdout)) == (found.fit.rows, found.holdout.rows)
    assert split.fit.weights is None
    whole = read_split(product, cutoff(product), plan_of_all(product, found))
    assert keys(split.fit) < keys(whole.fit) and keys(split.holdout) < keys(whole.holdout)
    assert len(whole.fit) == 2 * A_DAY
    assert np.mean(split.fit.y) == pytest.approx(np.mean(whole.fit.y), abs=0.06)


def plan_of_all(product: Product, found: Plan) -> Plan:
    return Plan(
        found.features_version, found.labels_version, found.fit_partitions, found.holdout_partitions
    )


def test_what_was_pinned_is_read_again_row_by_row(make: Callable[..., Product]) -> None:
    product = make()
    found = plan(product, cutoff(product))
    first = read_split(product, cutoff(product), found)
    leave_days(product, {days(product)[2].key: sent_in(product, days(product)[2], 99)})
    again = read_split(product, cutoff(product), found)
    pd.testing.assert_frame_equal(first.fit.frame, again.fit.frame)
    assert (first.holdout.y == again.holdout.y).all()


def test_few_enough_rows_are_all_there(make: Callable[..., Product]) -> None:
    product = make(most=4 * A_DAY)
    found = plan(product, cutoff(product))
    assert (found.share, found.fit.rows, found.holdout.rows) == (1.0, 2 * A_DAY, A_DAY)
    assert set(found.labelled.values()) == {A_DAY}


def test_few_entities_give_a_plan_like_many(make: Callable[..., Product]) -> None:
    """By whole entities 14 of them gave no rows at all, or many times as many as were asked."""
    product = make(group="sender", senders=14)
    found = plan(product, cutoff(product))
    assert found.problem == ""
    assert found.fit.rows + found.holdout.rows == pytest.approx(1000, abs=80)
    split = read_split(product, cutoff(product), found)
    assert split.fit.groups is not None
    assert split.fit.frame["sender"].nunique() == 12  # two of them have no name


def test_where_few_rows_have_a_label_all_of_these_are_looked_at(
    make: Callable[..., Product],
) -> None:
    """The share was one of all rows: of 1,800 with 180 labels a training had 100."""
    product = make(labelled=0.1)
    found = plan(product, cutoff(product))
    assert (found.share, found.of_rows) == (1.0, 0)
    assert found.fit.rows + found.holdout.rows == 3 * A_DAY // 10
    split = read_split(product, cutoff(product), found)
    assert (len(split.fit), len(split.holdout)) == (found.fit.rows, found.holdout.rows)


def test_labels_that_are_null_or_not_known_yet_do_not_count(make: Callable[..., Product]) -> None:
    product = make(labelled=0.1, null=True)
    found = plan(product, cutoff(product))
    assert (found.share, found.fit.rows + found.holdout.rows) == (1.0, 3 * A_DAY // 10)


def test_the_share_is_one_of_the_labels_that_may_count(make: Callable[..., Product]) -> None:
    product = make(a_day=2 * A_DAY, labelled=0.5, null=True)
    found = plan(product, cutoff(product))
    assert (found.of_rows, found.share) == (3 * A_DAY, 1000 / (3 * A_DAY))
    assert found.fit.rows + found.holdout.rows == pytest.approx(1000, abs=80)


def test_partitions_left_out_do_not_count_into_the_share(make: Callable[..., Product]) -> None:
    product = make()
    last = days(product)[2].key
    with manifest(product, "prepare", last):
        pass  # without rows: those that are there are another run's
    found = plan(product, cutoff(product))
    assert list(found.left_out) == [last]
    assert (found.of_rows, found.share) == (3 * A_DAY, 1000 / (3 * A_DAY))


def test_a_snapshot_holds_out_the_same_share_of_a_sample(make: Callable[..., Product]) -> None:
    product = make(every="snapshot")
    found = plan(product, cutoff(product))
    assert found.share == pytest.approx(1000 / (4 * A_DAY))
    rows = found.fit.rows + found.holdout.rows
    assert rows == pytest.approx(1000, abs=80)
    assert found.holdout.rows / rows == pytest.approx(0.25, abs=0.05)


def test_a_class_that_the_sample_lost_is_looked_for_in_more_rows(
    make: Callable[..., Product],
) -> None:
    """It was blamed on what build returns."""
    product = make(rate=0.005)
    found = plan(product, cutoff(product))
    assert "have the label" in found.problem
    assert found.remedy.startswith(
        "raise train.max_rows: of 1,800 labelled rows only a sample was looked at; or "
    )


def test_labelled_rows_are_reckoned_for_all_of_them(make: Callable[..., Product]) -> None:
    product = make()
    labelled = plan(product, cutoff(product)).labelled
    assert sum(labelled.values()) == pytest.approx(4 * A_DAY, rel=0.1)
