from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from tests.left_rows import leave_days, leave_history, leave_rows
from tests.unit.train.conftest import Parcels, snapshot_spec

from mlfactory.lake.catalog import manifest_file
from mlfactory.lake.manifests import manifest, read_manifest
from mlfactory.lake.store import product_store, write_json
from mlfactory.product.loader import Product, load_folder
from mlfactory.product.partitions import Partition
from mlfactory.train.dataset import read_split
from mlfactory.trainings.blocks import entities
from mlfactory.trainings.split import held_out_by_key, plan

DEFAULTS = """
apiVersion: mlfactory/v1
name: parcels
partition: {{every: day, start: 2026-01-01}}
sources: {{parcels: {{kind: csv, path: parcels.csv, event_time: at}}}}
features: {{key: [parcel], event_time: at, numeric: [weight]}}
label: {{column: late, kind: binary, arrives_after: {delay}}}
"""


def chosen(world: Parcels, day: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = plan(world.product, world.day(day))
    return found.fit_partitions, found.holdout_partitions


def days(*numbers: int) -> tuple[str, ...]:
    return tuple(f"2026-01-{number:02d}" for number in numbers)


def test_the_newest_partition_is_held_out_and_the_window_reaches_no_further_back(parcels):
    world = parcels()
    world.send(*range(1, 7))
    assert chosen(world, 5) == (days(2, 3, 4), days(5))


def test_a_window_counts_partitions_that_have_labels_not_those_between(parcels):
    world = parcels()
    world.send(1, 2, 5, 6, 9)
    assert chosen(world, 9) == (days(2, 5, 6), days(9))


@pytest.mark.parametrize("delay", ["30 minutes", "3 days", "7 days"])
def test_late_labels_move_the_window_back_and_do_not_empty_it(parcels, delay):
    world = parcels(delay)
    world.send(*range(1, 31))
    found = plan(world.product, world.day(30))
    assert found.problem == ""
    late = {"30 minutes": 0, "3 days": 3, "7 days": 7}[delay]
    assert len(found.fit_partitions) == 3
    newest = 30 - late
    assert found.holdout_partitions[0] == world.day(newest).key
    assert found.fit_partitions[-1] == world.day(newest - max(late, 1)).key
    split = read_split(world.product, world.day(30), found)
    assert (len(split.fit), len(split.holdout)) == (found.fit.rows, found.holdout.rows)
    assert split.fit.known_at is not None
    assert split.fit.known_at.max() <= pd.Timestamp(world.day(newest).start)


@pytest.mark.parametrize("delay", ["30 minutes", "3 days", "7 days"])
def test_days_with_late_labels_can_be_trained_with_the_defaults(home, make_product, delay):
    product = make_product(DEFAULTS.format(delay=delay))
    calendar = product.calendar
    first = calendar.parse("2026-01-01")
    day = calendar.shift(first, 91)
    times = pd.date_range(first.start, day.end, freq="h", unit="us", inclusive="left")
    keys = times.strftime("%Y-%m-%d")
    rows = pd.DataFrame({"parcel": times.strftime("%Y-%m-%d/%H"), "at": times, "partition": keys})
    truth = pd.DataFrame({"label": np.arange(len(rows)) % 2.0})
    truth["available_at"] = times + product.spec.label.arrives_after
    leave_history(
        product,
        "prepare",
        features=rows.assign(weight=1.0),
        labels=pd.concat([rows, truth], axis=1),
    )
    found = plan(product, day)
    assert found.problem == ""
    # of two weeks held out hardly a better model is told from a lucky one
    assert 28 * 24 <= found.holdout.rows <= 29 * 24
    assert 48 <= len(found.fit_partitions) <= 56
    # while the window fills, the hold-out is the same share of what there is
    early = plan(product, calendar.shift(first, 39))
    assert early.problem == ""
    assert 10 <= len(early.holdout_partitions) <= 14
    assert len(early.holdout_partitions) < len(early.fit_partitions)


def few_rows(make_product, every: str, slots: int, more: str = "") -> Product:
    """Make a product with so many partitions of 24 rows."""
    text = DEFAULTS.format(delay="0 minutes").replace(
        "every: day, start: 2026-01-01", f"every: {every}, start: 2025-12-29"
    )
    product = make_product(f"{text}train: {{min_rows: 20, min_holdout: 20}}\n{more}")
    made = {}
    for slot in product.calendar.span(at(product, 1), at(product, slots)):
        rows = pd.DataFrame({"parcel": range(24), "at": [pd.Timestamp(slot.start)] * 24})
        truth = rows.assign(label=[0.0, 1.0] * 12, available_at=rows["at"])
        made[slot.key] = (rows.assign(weight=1.0), truth)
    leave_days(product, made)
    return product


def at(product: Product, number: int) -> Partition:
    first = product.calendar.containing(datetime(2025, 12, 29, tzinfo=UTC))
    return product.calendar.shift(first, number - 1)


def test_the_first_hold_out_is_a_week_where_a_gate_compares(home, make_product):
    product = few_rows(make_product, "day", 14)
    early, enough = (plan(product, at(product, number)) for number in (13, 14))
    assert early.problem.startswith("6 of 13 days could be held out: too few to tell")
    assert early.remedy == "wait for more data"
    assert enough.problem == ""
    assert (len(enough.fit_partitions), len(enough.holdout_partitions)) == (7, 7)


def test_of_hours_it_is_a_week_as_well(home, make_product):
    hourly = few_rows(make_product, "hour", 2)
    assert plan(hourly, at(hourly, 2)).problem.endswith("for which 168 are needed")


def test_of_weeks_one_is_enough(home, make_product):
    weekly = few_rows(make_product, "week", 2)
    assert plan(weekly, at(weekly, 2)).problem == ""


def test_where_no_gate_compares_a_day_can_be_held_out(home, make_product):
    free = few_rows(make_product, "day", 2, "promote: {gates: []}\n")
    assert plan(free, at(free, 2)).problem == ""


def test_a_partition_with_the_first_few_labels_only_is_held_out_with_the_one_before(parcels):
    world = parcels(delay="20 hours")
    world.send(1, 2, 3)
    assert chosen(world, 3) == (days(1), days(2, 3))


def test_where_two_partitions_have_labels_one_is_fitted_on_however_few_the_other_has(parcels):
    world = parcels(delay="20 hours")
    world.send(1, 2)
    assert chosen(world, 2) == (days(1), days(2))


def test_rows_without_features_are_not_counted(parcels):
    world = parcels()
    world.send(1, 2)
    whole = plan(world.product, world.day(2))
    built = world.lake.read("features", [world.day(2).key])
    leave_rows(world.product, world.day(2).key, features=built.head(21))
    assert plan(world.product, world.day(2)).holdout.rows == 21
    assert whole.holdout.rows == 24
    assert whole.holdout.classes == {"0": 12, "1": 12}


def test_too_few_rows_to_fit_on_are_told_with_the_count_that_the_fit_would_have(parcels):
    world = parcels(delay="20 hours")
    world.send(1, 2)
    problem = plan(world.product, world.day(2)).problem
    # the day before has 24 labels, of which 5 were known when the hold-out began
    assert problem.startswith("5 rows could be fitted on, of 29 labelled ones")
    assert "train.min_rows is 20" in problem


def test_too_few_held_out_rows_are_told(parcels):
    world = parcels()
    world.send(1)
    world.send(2, hours=10)
    assert plan(world.product, world.day(2)).problem.startswith("10 rows would be held out")


def test_too_few_of_the_rarer_class_are_told(parcels):
    world = parcels()
    world.send(1)
    world.send(2, labels=[1.0, 1.0, 1.0] + [0.0] * 21)
    problem = plan(world.product, world.day(2)).problem
    assert problem.startswith("of 24 rows held out 3 have the label 1, and 4 are needed")


@pytest.mark.parametrize(("constant", "what"), [(1, "to fit on"), (2, "held out")])
def test_a_constant_label_is_said_in_these_words(parcels, constant, what):
    world = parcels()
    world.send(1, 2)
    world.send(constant, labels=[0.0] * 24)
    problem = plan(world.product, world.day(2)).problem
    assert problem == f"all 24 rows {what} have the label 0: 'late' is constant there"


def test_a_single_partition_cannot_be_split(parcels):
    world = parcels()
    world.send(1)
    assert "2 partitions with labelled rows are needed" in plan(world.product, world.day(1)).problem


def test_nothing_prepared_is_too_little_as_well(parcels):
    world = parcels()
    assert plan(world.product, world.day(1)).problem == "nothing was prepared yet"


def stand_on(world: Parcels, day: int, verdict: str = "pass") -> None:
    """Let the day's rows be landed, validated and prepared, each from the one before."""
    key = world.day(day).key
    with manifest(world.product, "ingest", key):
        pass
    with manifest(world.product, "validate", key) as judged:
        judged.has_read(read_manifest("parcels", "ingest", key))
        judged.facts = {"verdict": verdict}


def prepared_from(world: Parcels, day: int) -> None:
    key = world.day(day).key
    with manifest(world.product, "prepare", key) as record:
        record.has_read(read_manifest("parcels", "validate", key))
        for table in ("features", "labels"):
            record.write(world.lake, table, world.lake.read(table, [key]))


@pytest.mark.parametrize("verdict", ["pass", "stop"])
def test_a_partition_that_was_landed_again_since_is_left_out_counted_and_told(
    parcels, caplog, verdict
):
    world = parcels()
    world.send(*range(1, 7))
    for day in range(1, 7):
        stand_on(world, day)
        prepared_from(world, day)
    assert chosen(world, 5) == (days(2, 3, 4), days(5))
    stand_on(world, 4, verdict)
    found = plan(world.product, world.day(5))
    assert (found.fit_partitions, found.holdout_partitions) == (days(1, 2, 3), days(5))
    stopped = "it was landed again, and its validation stopped"
    why = stopped if verdict == "stop" else "what it was made from was replaced since"
    assert found.left_out == {"2026-01-04": why}
    assert f"partition 2026-01-04 cannot be learned from: {why}" in caplog.text
    split = read_split(world.product, world.day(5), found)
    assert (len(split.fit), len(split.holdout)) == (found.fit.rows, found.holdout.rows) == (72, 24)


def test_a_partition_whose_prepare_is_gone_or_whose_rows_are_of_another_run_is_left_out(parcels):
    world = parcels()
    world.send(*range(1, 6))
    product_store("parcels").delete(manifest_file("prepare", world.day(2).key))
    rows = world.lake.read("labels", [world.day(3).key])
    world.lake.replace("labels", rows, world.day(3).key, run="a run that was killed")
    found = plan(world.product, world.day(5))
    assert (found.fit_partitions, found.holdout_partitions) == (days(1, 4), days(5))
    assert list(found.left_out) == [world.day(2).key, world.day(3).key]


def test_a_partition_that_an_older_revision_prepared_is_left_out_and_told_as_such(parcels):
    world = parcels()
    world.send(*range(1, 6))
    key = world.day(3).key
    rows = world.lake.read("features", [key]).drop(columns="_run")
    world.lake.replace("features", rows, key)
    # nor did it name what it read
    old = {**read_manifest("parcels", "prepare", key)}
    del old["reads"]
    write_json(product_store("parcels"), manifest_file("prepare", key), old)
    found = plan(world.product, world.day(5))
    assert list(found.left_out) == [key]
    assert "an older revision prepared it" in found.left_out[key]


def test_a_partition_that_was_built_with_other_code_is_left_out_counted_and_told(parcels):
    world = parcels()
    world.send(*range(1, 5))
    with (world.product.folder / "features.py").open("a") as file:
        file.write("\nHEAVY = 20\n")
    world = replace(world, product=load_folder(world.product.folder))
    world.send(5, 6)
    found = plan(world.product, world.day(6))
    assert (found.fit_partitions, found.holdout_partitions) == (days(5), days(6))
    why = "it was built with other code of the product than there is now"
    assert set(found.left_out.values()) == {why}
    assert set(days(2, 3, 4)) <= set(found.left_out)


def test_a_plan_that_fails_for_what_is_left_out_says_so_and_how_to_mend_it(parcels):
    world = parcels()
    world.send(1, 2)
    product_store("parcels").delete(manifest_file("prepare", world.day(1).key))
    found = plan(world.product, world.day(2))
    assert "1 partitions are left out (2026-01-01: another run of prepare" in found.problem
    assert found.remedy.startswith(
        "mlfactory run parcels 2026-01-02 --stage prepare --downstream; or "
    )


def snapshot(product: Product, **columns: object) -> pd.DataFrame:
    rows = pd.DataFrame({"parcel": np.arange(400), "weight": np.arange(400.0)})
    rows = rows.assign(**{"town": "Ulm", "sex": "f", **columns})
    truth = rows[["parcel"]].assign(label=rows["parcel"] % 2.0, available_at=pd.NaT)
    leave_rows(product, "snapshot", features=rows, labels=truth)
    return rows


def test_a_snapshot_holds_out_a_share_of_its_keys(snapshot_product):
    snapshot(snapshot_product)
    slot = snapshot_product.calendar.parse("snapshot")
    split = read_split(snapshot_product, slot, plan(snapshot_product, slot))
    assert 70 <= len(split.holdout) <= 130
    assert len(split.fit) + len(split.holdout) == 400
    assert not set(split.fit.frame["parcel"]) & set(split.holdout.frame["parcel"])


def test_a_customer_is_never_on_both_sides_of_a_snapshots_hold_out(
    home, make_product: Callable[..., Product]
):
    product = make_product(snapshot_spec().replace("key: [parcel]", "key: [parcel], group: town"))
    snapshot(product, town=[f"town {row // 5}" for row in range(400)])
    slot = product.calendar.parse("snapshot")
    split = read_split(product, slot, plan(product, slot))
    towns = [set(rows.frame["town"]) for rows in (split.fit, split.holdout)]
    assert towns[0] and towns[1] and not towns[0] & towns[1]
    assert split.holdout.groups is not None
    assert len(np.unique(split.holdout.groups)) == len(towns[1])


def test_a_key_is_held_out_or_not_whatever_other_keys_there_are():
    keys = pd.DataFrame({"a": np.arange(1000), "b": "x"})
    held_out = held_out_by_key(keys, 0.25)
    assert np.array_equal(held_out_by_key(keys.iloc[500:], 0.25), held_out[500:])
    assert np.array_equal(held_out_by_key(keys[::-1], 0.25), held_out[::-1])
    assert 0.2 < held_out.mean() < 0.3


def test_a_share_held_out_does_not_change_with_the_version_of_pandas():
    held_out = held_out_by_key(pd.DataFrame({"wine": np.arange(12)}), 0.25)
    assert list(np.flatnonzero(held_out)) == [2, 4, 6, 10]


@pytest.mark.parametrize("kind", ["float64", "Int64", "str", "object"])
def test_a_share_held_out_does_not_change_with_the_type_of_the_key(kind: str):
    numbers = pd.Series(range(200))
    expected = held_out_by_key(pd.DataFrame({"wine": numbers}), 0.25)
    assert np.array_equal(held_out_by_key(numbers.astype(kind).to_frame(), 0.25), expected)
    other = pd.DataFrame({"row": range(200, 400)})
    by_group = held_out_by_key(other, 0.25, numbers.astype(kind))
    assert np.array_equal(by_group, expected)
    with_a_gap = pd.concat([numbers, pd.Series([None])], ignore_index=True).astype("float64")
    assert np.array_equal(held_out_by_key(with_a_gap.to_frame(), 0.25)[:-1], expected)


def test_rows_that_name_no_customer_are_each_a_customer_of_its_own(
    home, make_product: Callable[..., Product]
):
    product = make_product(snapshot_spec().replace("key: [parcel]", "key: [parcel], group: town"))
    snapshot(product, town=[None if row % 2 else f"town {row // 10}" for row in range(400)])
    slot = product.calendar.parse("snapshot")
    split = read_split(product, slot, plan(product, slot))
    held_out = split.holdout.frame["town"].isna()
    # a quarter of them, and not all or none
    assert 30 <= held_out.sum() <= 70
    assert split.holdout.groups is not None
    assert len(np.unique(split.holdout.groups[held_out])) == held_out.sum()
    named = split.holdout.frame["town"].dropna()
    assert len(np.unique(split.holdout.groups[~held_out])) == named.nunique()


def test_a_row_without_customer_is_not_the_customer_of_its_name():
    named = pd.DataFrame({"row": ["a", "b", "c"]})
    numbers = entities(pd.Series(["b", None, "c"]), named)
    assert len(set(numbers)) == 3 and numbers[0] == entities(pd.Series(["b"]), named[:1])[0]
