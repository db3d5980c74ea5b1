"""Since when a label is known, where an event was told of more than once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from mlfactory.lake.settled import settle
from mlfactory.product.metrics import LabelKind

SOURCE = "a hash"
COLUMNS = ["id", "label", "available_at", "_told_by", "_told_as", "_drawn"]

Row = tuple[str, object, int, str | None, str, str | None]


def told(rows: list[Row]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=COLUMNS)
    days = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(frame["available_at"], "D")
    return frame.assign(available_at=days.astype("datetime64[us, UTC]"))


def since(*rows: Row, kind: LabelKind = "binary") -> tuple[object, int] | None:
    """Return the label of the only event, and the day since which it has it."""
    rows = (*rows, ("another", 1.0, 0, None, SOURCE, None))
    found = settle(told(list(rows)), ["id"], kind).rows
    assert found["available_at"].dtype == "datetime64[us, UTC]"
    found = found[found["id"] == "e"]
    if found.empty:
        return None
    (row,) = found.to_dict("records")
    return row["label"], (row["available_at"] - pd.Timestamp("2026-01-01", tz="UTC")).days


def source(label: object, day: int) -> Row:
    return ("e", label, day, None, SOURCE, None)


def person(who: str, label: object, day: int) -> Row:
    return ("e", label, day, who, "people", "random")


def test_a_source_that_repeats_its_label_every_day_told_it_on_the_first() -> None:
    assert since(*(source(1.0, day) for day in range(30))) == (1.0, 0)


def test_a_correction_counts_from_itself_and_so_does_one_that_takes_it_back() -> None:
    assert since(source(0.0, 1), source(1.0, 5), source(1.0, 9)) == (1.0, 5)
    assert since(source(1.0, 1), source(0.0, 5), source(1.0, 9)) == (1.0, 9)


def test_a_voice_that_contradicted_itself_has_a_label_from_the_next_one_on() -> None:
    twice = (source(1.0, 5), source(0.0, 5))
    assert since(source(1.0, 1), *twice) is None
    assert since(source(1.0, 1), *twice, source(1.0, 7), source(1.0, 8)) == (1.0, 7)


def test_a_second_opinion_that_agrees_moves_nothing() -> None:
    assert since(person("ann", 1.0, 1), person("bob", 1.0, 5)) == (1.0, 1)
    assert since(person("ann", 1.0, 1), source(1.0, 5)) == (1.0, 1)
    assert since(person("ann", 0.0, 1), source(1.0, 5)) == (1.0, 5)
    assert since(person("ann", 2.0, 1), person("bob", 2.0, 5), kind="regression") == (2.0, 1)


def test_a_third_opinion_that_settles_it_is_the_moment_and_one_that_is_outvoted_is_not() -> None:
    ann, bob, cay = person("ann", 1.0, 1), person("bob", 0.0, 2), person("cay", 1.0, 3)
    assert since(ann, bob) is None
    assert since(ann, bob, cay) == (1.0, 3)
    assert since(ann, person("bob", 1.0, 2), person("cay", 0.0, 3)) == (1.0, 1)


def test_of_a_source_that_agrees_with_people_the_row_is_the_sources() -> None:
    (row,) = settle(
        told([("e", 1.0, 1, "ann", "people", "uncertainty"), source(1.0, 5)]), ["id"], "binary"
    ).rows.to_dict("records")
    assert row["_told_as"] == SOURCE and pd.isna(row["_drawn"])


@pytest.mark.parametrize("kind", ["binary", "regression", "multiclass"])
def test_the_moment_is_the_one_that_looking_at_every_day_tells(kind: LabelKind) -> None:
    random = np.random.default_rng(3)
    values = ["a", "b"] if kind == "multiclass" else [0.0, 1.0]
    who = [(None, SOURCE), ("ann", "people"), ("bob", "people"), ("cay", "people")]
    rows: list[Row] = []
    for event in range(120):
        voices = random.permutation(4)[: random.integers(1, 5)]
        for _ in range(random.integers(1, 9)):
            voice, told_as = who[random.choice(voices)]
            label = values[int(random.random() < 0.7)]
            rows.append((f"e{event}", label, int(random.integers(0, 12)), voice, told_as, None))
    every = told(rows)
    moments = sorted(every["available_at"].unique())
    as_of = []
    for moment in moments:
        found = settle(every[every["available_at"] <= moment], ["id"], kind).rows
        as_of.append(dict(zip(found["id"], found["label"], strict=True)))
    found = settle(every, ["id"], kind).rows
    assert len(found) > 60
    for row in found.to_dict("records"):
        first = 0
        for place, (before, now) in enumerate(pairwise(as_of), 1):
            if before.get(row["id"]) != now.get(row["id"]):
                first = place
        if as_of[0].get(row["id"]) is None and first == 0:
            raise AssertionError(row)
        assert row["available_at"] == moments[first]
