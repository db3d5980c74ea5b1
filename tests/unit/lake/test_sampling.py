from __future__ import annotations

from datetime import time, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from mlfactory.lake.hashes import row_hashes
from mlfactory.lake.sampling import Among, Sample, among, event_key, share_of

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
    rows, sample = events(), Sample(0.1, KEY, "monitor")
    found = sample.of(rows)
    assert found.num_rows == pytest.approx(2_000, abs=150)
    answers = rows.select(["at", "id"]).take(np.random.default_rng(1).permutation(20_000))
    assert sorted(sample.of(answers)["id"].to_pylist()) == found["id"].to_pylist()


def test_rows_are_chosen_alike_in_any_batches() -> None:
    rows, sample = events(), Sample(0.3, KEY, "monitor")
    whole = sample.of(rows)
    parts = [sample.of(rows.slice(at, 7_001)) for at in range(0, rows.num_rows, 7_001)]
    assert pa.concat_tables(parts).combine_chunks() == whole.combine_chunks()


def test_a_smaller_sample_is_part_of_a_larger_one() -> None:
    rows = events()
    small, large = (
        Sample(share, KEY, "monitor").of(rows)["id"].to_pylist() for share in (0.1, 0.4)
    )
    assert set(small) < set(large)
    thinned = Sample(0.1, KEY, "monitor").of(Sample(0.4, KEY, "monitor").of(rows))
    assert thinned["id"].to_pylist() == small


def test_samples_of_two_readers_have_nothing_to_do_with_one_another() -> None:
    """By one hash for both, the monitor of a snapshot looked at the rows that were fitted."""
    rows = events()
    one, other = Sample(0.1, KEY, "training"), Sample(0.1, KEY, "monitor")
    assert other.of(one.of(rows)).num_rows == pytest.approx(200, abs=45)
    assert other.of(rows).num_rows == pytest.approx(2_000, abs=150)
    by_one = pa.table({"n": range(20_000)})
    fitted = Sample(0.3, ("n",), "training").of(by_one)
    assert Sample(0.3, ("n",), "monitor").of(fitted).num_rows == pytest.approx(1_800, abs=120)


def test_other_tables_follow_the_rows_that_were_chosen() -> None:
    rows = events()
    labels = Sample(0.2, KEY, "monitor").of(rows).select(["at", "id"]).to_pandas()
    following = Among(labels, ["id"])
    parts = [following.of(rows.slice(at, 7_001)) for at in range(0, rows.num_rows, 7_001)]
    found = pa.concat_tables(parts)["id"].to_pylist()
    assert found == sorted(labels["id"])
    assert not Among(labels.iloc[:0], ["id"]).of(rows).num_rows


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pa.decimal128(9, 3), [Decimal("1.5"), Decimal("2.0"), None, Decimal("7.25")]),
        (pa.time32("s"), [time(1), time(2), time(3), None]),
        (pa.duration("s"), [timedelta(seconds=one) for one in range(4)]),
        (pa.int64(), [1, None, 3, 4]),
        (pa.string(), ["a", "b", None, "d"]),
    ],
)
def test_keys_are_found_again_though_pandas_held_them(
    kind: pa.DataType, values: list[object]
) -> None:
    rows = pa.table({"key": pa.array(values, kind), "place": range(4)})
    others = rows.to_pandas().iloc[[3, 1]]
    assert Among(others, ["key"]).of(rows)["place"].to_pylist() == [1, 3]


def test_the_whole_is_given_back_as_it_is() -> None:
    rows = events(100)
    assert Sample(1.0, KEY, "monitor").of(rows) is rows
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
