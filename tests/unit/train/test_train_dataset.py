from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, InsufficientData
from mlfactory.train.dataset import (
    choose_partitions,
    held_out_by_key,
    label_values,
    model_inputs,
    pin,
    read_split,
)


def test_the_newest_partition_is_held_out_and_the_window_reaches_no_further_back(parcels):
    world = parcels()
    world.send(1, 2, 3, 4, 5, 6)
    pinned = pin(world.product, world.day(5))
    assert pinned.fit_partitions == ("2026-01-02", "2026-01-03", "2026-01-04")
    assert pinned.holdout_partitions == ("2026-01-05",)


def test_a_partition_with_the_first_few_labels_only_is_held_out_with_the_one_before(parcels):
    world = parcels(delay="20 hours")
    world.send(1, 2, 3)
    pinned = pin(world.product, world.day(3))
    assert pinned.fit_partitions == ("2026-01-01",)
    assert pinned.holdout_partitions == ("2026-01-02", "2026-01-03")


def test_where_two_partitions_have_labels_one_is_fitted_on_however_few_the_other_has(parcels):
    world = parcels(delay="20 hours")
    keys = [world.day(1).key, world.day(2).key]
    assert choose_partitions(world.product, world.day(2), keys) == ((keys[0],), (keys[1],))


def test_labels_that_arrive_after_the_cut_off_are_not_known(parcels):
    world = parcels(delay="6 hours")
    world.send(1, 2)
    split = read_split(world.product, world.day(2), pin(world.product, world.day(2)))
    # 24 hours, of which the last six have labels on the next day; one arrives exactly at the end
    assert len(split.holdout) == 19


def test_fit_rows_whose_label_came_after_the_hold_out_began_are_purged(parcels):
    world = parcels(delay="6 hours")
    world.send(1, 2)
    split = read_split(world.product, world.day(2), pin(world.product, world.day(2)))
    assert split.fit.frame["available_at"].max() == pd.Timestamp(world.day(2).start)
    assert len(split.fit) == 19


def test_pinned_versions_are_read_whatever_is_written_later(parcels):
    world = parcels()
    world.send(1, 2)
    pinned = pin(world.product, world.day(2))
    before = read_split(world.product, world.day(2), pinned)
    world.send(1, 2, hours=12, labels=[0.0, 0.0, 1.0] * 4)
    after = read_split(world.product, world.day(2), pinned)
    pd.testing.assert_frame_equal(before.fit.frame, after.fit.frame)
    assert np.array_equal(before.holdout.y, after.holdout.y)


def test_rows_come_in_the_order_of_time_whatever_order_they_were_written_in(parcels):
    world = parcels()
    world.send(1, 2, backwards=True)
    split = read_split(world.product, world.day(2), pin(world.product, world.day(2)))
    assert split.fit.times is not None
    assert split.fit.times.is_monotonic_increasing
    assert list(split.fit.inputs["weight"]) == list(range(24))
    assert list(split.fit.y) == [0, 1] * 12


def test_blocks_are_days_also_in_a_partition_of_a_day(parcels):
    world = parcels()
    world.send(1, 2)
    split = read_split(world.product, world.day(2), pin(world.product, world.day(2)))
    assert list(split.holdout.blocks - split.fit.blocks[-1]) == [1] * 24


def test_too_few_rows_are_told_with_both_figures(parcels):
    world = parcels()
    world.send(1, 2, hours=8)
    with pytest.raises(InsufficientData, match=r"16 labelled rows are known, .*min_rows is 20"):
        pin(world.product, world.day(2))


def test_a_single_partition_cannot_be_split(parcels):
    world = parcels()
    world.send(1)
    with pytest.raises(InsufficientData, match="2 partitions with labelled rows are needed"):
        pin(world.product, world.day(1))


def test_nothing_prepared_is_too_little_as_well(parcels):
    world = parcels()
    with pytest.raises(InsufficientData, match="nothing was prepared"):
        pin(world.product, world.day(1))


def test_a_hold_out_of_one_class_is_refused_with_the_count(parcels):
    world = parcels()
    world.send(1)
    world.send(2, labels=[0.0] * 24)
    with pytest.raises(InsufficientData, match="all 24 rows held out have the label 0"):
        read_split(world.product, world.day(2), pin(world.product, world.day(2)))


def test_a_purge_that_leaves_nothing_is_told(parcels):
    world = parcels(delay="2 days")
    world.send(1, 2, 3, 4)
    pinned = pin(world.product, world.day(4))
    with pytest.raises(InsufficientData, match="no rows to fit on whose label was known in time"):
        read_split(world.product, world.day(4), pinned)


def test_a_snapshot_holds_out_a_share_of_its_keys(snapshot_product):
    lake = Lake(snapshot_product.name)
    rows = pd.DataFrame(
        {
            "parcel": np.arange(400),
            "weight": np.arange(400.0),
            "town": "Ulm",
            "sex": "f",
        }
    )
    lake.replace("features", rows, "snapshot")
    truth = rows[["parcel"]].assign(
        label=rows["parcel"] % 2.0, available_at=pd.Timestamp("2026-01-01", tz="UTC")
    )
    lake.replace("labels", truth, "snapshot")
    slot = snapshot_product.calendar.parse("snapshot")
    split = read_split(snapshot_product, slot, pin(snapshot_product, slot))
    assert 70 <= len(split.holdout) <= 130
    assert len(split.fit) + len(split.holdout) == 400
    assert not set(split.fit.frame["parcel"]) & set(split.holdout.frame["parcel"])


def test_a_key_is_held_out_or_not_whatever_other_keys_there_are():
    keys = pd.DataFrame({"a": np.arange(1000), "b": "x"})
    held_out = held_out_by_key(keys, 0.25)
    assert np.array_equal(held_out_by_key(keys.iloc[500:], 0.25), held_out[500:])
    assert np.array_equal(held_out_by_key(keys[::-1], 0.25), held_out[::-1])
    assert 0.2 < held_out.mean() < 0.3


def test_a_share_held_out_does_not_change_with_the_version_of_pandas():
    held_out = held_out_by_key(pd.DataFrame({"wine": np.arange(12)}), 0.25)
    assert list(np.flatnonzero(held_out)) == [2, 4, 6, 10]


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
