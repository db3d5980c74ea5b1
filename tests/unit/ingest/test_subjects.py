"""Rows of a subject are found by hashes, in whatever way the value stands there, and no others."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlfactory.ingest.subjects import Subjects, hashed_text, sought
from mlfactory.lake.erased import Erasure

KEY = b"of a test, and as long as it has to be"


def subjects(*keys: str, source: str | None = "people") -> Subjects:
    """Return who is known by some `source.column=value`."""
    found = []
    for each in keys:
        name, _, value = each.partition("=")
        of, _, column = name.rpartition(".")
        found.append(sought("shop", of, column, value, KEY))
    return Subjects("shop", source, [Erasure("id", "key", tuple(found), "", "")], KEY)


def places(who: Subjects, numbers: tuple[str, ...] = (), **columns: Any) -> list[int]:
    return np.flatnonzero(who.among(pa.table(columns), numbers)).tolist()


def test_a_text_is_found_with_blanks_around_it_and_in_no_other_case() -> None:
    emails = ["anna@x.org", "Anna@x.org", " anna@x.org ", None, "banna@x.org", "anna@x.orga"]
    assert places(subjects("email=anna@x.org "), email=emails) == [0, 2]


@pytest.mark.parametrize("given", ["7", "007", "7.0"])
def test_a_number_is_found_however_it_is_written(given: str) -> None:
    who = subjects(f"id={given}")
    assert places(who, id=pa.array([7, 70, -7, None], pa.int32())) == [0]
    assert places(who, id=[7.0, 7.5, None]) == [0]
    assert places(who, ("id",), id=["007", "7.0", "+7", "7.5", "77", ""]) == [0, 1, 2]


def test_leading_zeros_tell_texts_apart() -> None:
    assert places(subjects("id=007"), id=["7", "007", "0007"]) == [1]


def test_a_hashed_column_is_found_by_the_plain_value_or_by_its_hash() -> None:
    hashes = [hashed_text(each, KEY) for each in ("anna", "bert")]
    assert places(subjects("email=anna"), email=hashes) == [0]
    assert places(subjects(f"email={hashes[1]}"), email=hashes) == [1]
    # what is hashed at the door was a number there, or the text of one
    assert places(subjects("id=7"), id=[hashed_text("7", KEY), hashed_text("8", KEY)]) == [0]


def test_all_that_name_a_subject_must_hold_and_be_there() -> None:
    who = subjects("shop=north", "number=7")
    table = {"shop": ["north", "south", "north"], "number": [7, 7, 8]}
    assert places(who, **table) == [0]
    assert places(who, shop=["north"]) == []
    assert who.columns(["shop"]) == []


def test_what_is_said_of_one_source_is_not_sought_in_others() -> None:
    assert places(subjects("people.id=7"), id=[7]) == [0]
    assert not subjects("orders.id=7")
    assert not subjects("people.id=7", source=None)
    both = subjects("people.id=7", "orders.person=7", source="orders")
    assert places(both, id=[7, 8], person=[8, 7]) == [1]


def test_a_cell_that_could_not_be_read_is_found_by_its_text() -> None:
    rescued = [None, json.dumps({"id": "x7"}), json.dumps({"id": "x8"}), json.dumps({"a": "x7"})]
    assert places(subjects("id=x7"), id=pa.array([1, None, None, 2]), _rescued=rescued) == [1]


def test_records_are_compared_by_their_kind() -> None:
    who = subjects("id=7")
    records = [{"id": 7}, {"id": "7"}, {"id": 7.0}, {"id": True}, {"id": None}, {}, {"id": "07"}]
    assert np.flatnonzero(who.in_records(records)).tolist() == [0, 1, 2]
    assert who.in_records([]).tolist() == []


def test_of_many_values_none_is_taken_for_another() -> None:
    many = [f"p{number}@x.org" for number in range(200_000)]
    assert places(subjects("email=p77777@x.org"), email=many) == [77_777]


def test_nothing_of_a_value_is_in_what_is_kept() -> None:
    kept = repr(sought("shop", "", "email", "anna@x.org", KEY))
    assert "anna" not in kept and hashed_text("anna@x.org", KEY) not in kept
    assert sought("other", "", "email", "anna@x.org", KEY) != sought(
        "shop", "", "email", "anna@x.org", KEY
    )
