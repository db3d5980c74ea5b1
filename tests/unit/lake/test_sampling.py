from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from mlfactory.lake.hashes import row_hashes
from mlfactory.lake.sampling import Sample, among, event_key, share_of

KEY = ("id", "at")


def events(rows: int = 20_000, people: int = 2_000) -> pa.Table:
    generator = np.random.default_rng(3)
    who = [None if n % 10 == 0 else f"p{n}" for n in generator.integers(people, size=rows)]
    return pa.table(
        {
            "id": np.arange(rows),
            "at": pa.array(np.arange(rows) * 1_000_000, pa.timestamp("us", "UTC")),
            "who": pa.array(who, pa.string()),
            "value": generator.normal(size=rows),
        }
    )


def test_about_the_share_is_chosen_and_the_same_of_every_table() -> None:
    rows, sample = events(), Sample(0.1, KEY)
    found = sample.of(rows)
    assert found.num_rows == pytest.approx(2_000, abs=150)
    answers = rows.select(["at", "id"]).take(np.random.default_rng(1).permutation(20_000))
    assert sorted(sample.of(answers)["id"].to_pylist()) == found["id"].to_pylist()


def test_rows_are_chosen_alike_in_any_batches() -> None:
    rows, sample = events(), Sample(0.3, KEY, group="who")
    whole = sample.of(rows)
    parts = [sample.of(rows.slice(at, 7_001)) for at in range(0, rows.num_rows, 7_001)]
    assert pa.concat_tables(parts).combine_chunks() == whole.combine_chunks()


def test_a_smaller_sample_is_part_of_a_larger_one() -> None:
    rows = events()
    small, large = (Sample(share, KEY).of(rows)["id"].to_pylist() for share in (0.1, 0.4))
    assert set(small) < set(large)
    thinned = Sample(0.1, KEY).of(Sample(0.4, KEY).of(rows))
    assert thinned["id"].to_pylist() == small


def test_an_entity_is_in_it_with_all_its_rows_or_none() -> None:
    rows = events()
    found = Sample(0.2, KEY, group="who").of(rows).to_pandas()
    people = rows.to_pandas()
    inside = set(found["who"].dropna())
    assert len(found[found["who"].notna()]) == people["who"].isin(inside).sum()
    assert len(inside) / people["who"].nunique() == pytest.approx(0.2, abs=0.03)


def test_rows_without_an_entity_are_entities_of_their_own() -> None:
    rows = events()
    found = Sample(0.2, KEY, group="who").of(rows).to_pandas()
    alone = rows.to_pandas()["who"].isna().sum()
    assert found["who"].isna().sum() / alone == pytest.approx(0.2, abs=0.03)


def test_a_table_without_the_entity_follows_the_one_that_has_it() -> None:
    rows, sample = events(), Sample(0.2, KEY, group="who")
    members = sample.keys_of([rows.slice(0, 11_000), rows.slice(11_000)])
    following = Sample(0.2, KEY, group="who", members=members)
    assert (
        following.of(rows.drop_columns("who"))["id"].to_pylist()
        == sample.of(rows)["id"].to_pylist()
    )
    assert following.of(rows) == sample.of(rows)


def test_the_whole_is_given_back_as_it_is() -> None:
    rows = events(100)
    assert Sample(1.0, KEY).of(rows) is rows
    assert share_of(100, 100) == 1.0
    assert share_of(400, 100) == 0.25


def test_members_are_found_wherever_they_are() -> None:
    hashed = row_hashes(events(500), ["id"])
    members = np.sort(hashed[::3])
    assert (among(hashed, members) == np.isin(hashed, members)).all()
    assert not among(hashed, members[:0]).any()
    assert not len(among(hashed[:0], members))


def test_an_event_is_named_by_key_and_time_each_once() -> None:
    assert event_key(["id"], "at") == ("id", "at")
    assert event_key(["id", "at"], "at") == ("id", "at")
    assert event_key(["id"], None) == ("id",)
