from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.left_rows import leave_rows

from mlfactory.product.errors import ContractError
from mlfactory.train.dataset import (
    Split,
    constant_inputs,
    label_values,
    model_inputs,
    read_split,
)
from mlfactory.trainings.split import plan

CLASHING = """
apiVersion: mlfactory/v1
name: clashes
partition: {every: day, start: 2026-01-01}
sources: {rows: {kind: csv, path: rows.csv, event_time: at}}
features:
  key: [id]
  event_time: at
  numeric: [block, label, score, event_time, available_at]
  categorical: [candidate_scores, decision]
label: {column: target, kind: regression}
train: {window: 3 partitions, holdout: 1 partition, min_rows: 20, min_holdout: 20}
"""


def split_of(world, day: int) -> Split:
    return read_split(world.product, world.day(day), plan(world.product, world.day(day)))


def test_labels_that_arrive_after_the_cut_off_are_not_known(parcels):
    world = parcels(delay="6 hours")
    world.send(1, 2)
    # 24 hours, of which the last six have labels on the next day; one arrives exactly at the end
    assert len(split_of(world, 2).holdout) == 19


def test_fit_rows_whose_label_came_after_the_hold_out_began_are_purged(parcels):
    world = parcels(delay="6 hours")
    world.send(1, 2)
    fit = split_of(world, 2).fit
    assert fit.known_at is not None
    assert fit.known_at.max() == pd.Timestamp(world.day(2).start)
    assert len(fit) == 19


def test_pinned_versions_are_read_whatever_is_written_later(parcels):
    world = parcels()
    world.send(1, 2)
    chosen = plan(world.product, world.day(2))
    before = read_split(world.product, world.day(2), chosen)
    world.send(1, 2, hours=12, labels=[0.0, 0.0, 1.0] * 4)
    after = read_split(world.product, world.day(2), chosen)
    pd.testing.assert_frame_equal(before.fit.frame, after.fit.frame)
    assert np.array_equal(before.holdout.y, after.holdout.y)


def test_rows_come_in_the_order_of_time_whatever_order_they_were_written_in(parcels):
    world = parcels()
    world.send(1, 2, backwards=True)
    split = split_of(world, 2)
    assert split.fit.times is not None
    assert split.fit.times.is_monotonic_increasing
    assert list(split.fit.inputs["weight"]) == list(range(24))
    assert list(split.fit.y) == [0, 1] * 12


def test_blocks_are_days(parcels):
    world = parcels()
    world.send(1, 2, 3)
    fit = split_of(world, 3).fit
    assert list(np.diff(fit.blocks)) == [0] * 23 + [1] + [0] * 23


def test_features_may_have_the_names_of_our_own_columns(home, make_product):
    product = make_product(CLASHING)
    random = np.random.default_rng(1)
    for number in (1, 2, 3):
        slot = product.calendar.parse(f"2026-01-0{number}")
        rows = pd.DataFrame({"id": [f"{number}/{row:02d}" for row in range(40)]})
        rows["at"] = pd.Series([slot.start] * 40).astype("datetime64[us, UTC]")
        truth = rows.assign(label=random.normal(size=40), available_at=rows["at"])
        for name in product.spec.features.numeric:
            rows[name] = random.normal(size=40)
        for name in product.spec.features.categorical:
            rows[name] = "a"
        leave_rows(product, slot.key, features=rows, labels=truth)
        last = rows, truth
    split = read_split(product, slot, plan(product, slot))
    assert np.array_equal(split.holdout.y, last[1]["label"])
    assert np.array_equal(split.holdout.inputs["label"], last[0]["label"])
    assert not np.array_equal(split.holdout.inputs["label"], split.holdout.y)
    assert list(constant_inputs(split.fit)) == ["candidate_scores", "decision"]


def test_inputs_are_floats_and_text_with_what_is_missing_left_missing(parcels):
    features = parcels().product.spec.features
    frame = pd.DataFrame({"town": [None, None], "weight": pd.array([1, None], dtype="Int64")})
    inputs = model_inputs(frame, features)
    assert list(inputs.columns) == ["weight", "town"]
    assert inputs["weight"].dtype == "float64"
    assert inputs["town"].dtype == "str"
    assert inputs["town"].isna().all()
    assert list(inputs["weight"].isna()) == [False, True]


def test_a_binary_label_that_is_neither_0_nor_1_is_refused():
    with pytest.raises(ContractError, match=r"1 rows have another, such as .*2\.0"):
        label_values(pd.Series([0.0, 1.0, 2.0]), "binary")


def test_labels_are_integers_names_or_values():
    assert label_values(pd.Series([0.0, 1.0]), "binary").dtype == np.int64
    assert label_values(pd.Series(["b", "a"]), "multiclass").tolist() == ["b", "a"]
    assert label_values(pd.Series([1, 2]), "regression").dtype == np.float64


def test_the_rows_of_a_snapshot_are_no_days(snapshot_product):
    product, count = snapshot_product, 400
    labels = pd.DataFrame({"parcel": np.arange(count).astype(str)})
    frame = labels.assign(weight=np.arange(count, dtype=float), town="Ulm", sex="f")
    cutoff = product.calendar.parse("snapshot")
    known = pd.Timestamp("2026-01-01", tz="UTC")
    truth = labels.assign(label=np.arange(count) % 2.0, available_at=known)
    leave_rows(product, cutoff.key, features=frame, labels=truth)
    split = read_split(product, cutoff, plan(product, cutoff))
    assert split.fit.blocks is None and split.holdout.blocks is None
    assert split.holdout.take(np.arange(3)).blocks is None
