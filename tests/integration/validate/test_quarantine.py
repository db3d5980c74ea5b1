"""Bad rows go to quarantine, with every reason and their record."""

from __future__ import annotations

import json

import pytest
from tests.integration.validate.conftest import (
    BETWEEN,
    IN_SET,
    Judged,
    page,
    quarantine,
    reasons,
)

from mlfactory.product.errors import ContractError

pytestmark = [pytest.mark.one_lake, pytest.mark.usefixtures("home")]


def test_an_unknown_category_is_quarantined_with_column_value_and_rule(judged: Judged) -> None:
    result = judged(IN_SET, change={3: "3,2026-01-01T10:00:00Z,<pink>,3,4"})
    assert (result.verdict, result.quarantined) == ("pass_with_quarantine", 1)
    [why] = reasons()[3]
    assert why.startswith("colour='<pink>' breaks expect_column_values_to_be_in_set(")
    record = json.loads(quarantine()["record"][0])
    assert record == {
        "id": 3,
        "at": "2026-01-01T10:00:00+00:00",
        "colour": "<pink>",
        "price": 3,
        "paid": 4,
    }
    assert "&lt;pink&gt;" in page()


def test_a_cell_of_the_wrong_type_is_quarantined_with_its_text(judged: Judged) -> None:
    judged(change={3: "3,2026-01-01T10:00:00Z,red,free,4"})
    assert reasons() == {3: ["price='free' cannot be read as a number"]}
    assert json.loads(quarantine()["record"][0])["price"] == "free"


def test_an_infinite_number_is_quarantined_with_its_text(judged: Judged) -> None:
    judged(change={3: "3,2026-01-01T10:00:00Z,red,2.5,4", 5: "5,2026-01-01T10:00:00Z,red,inf,4"})
    assert reasons() == {5: ["price='inf' cannot be read as a number"]}
    assert json.loads(quarantine()["record"][0])["price"] == "inf"


def test_the_digest_of_a_row_is_of_that_row_alone(judged: Judged) -> None:
    bad = {3: "3,2026-01-01T10:00:00Z,pink,3,4"}
    judged(IN_SET, change=bad)
    before = quarantine()
    # another row has gaps in columns of whole numbers, which pandas makes floats
    judged(IN_SET, change={**bad, 9: "9,2026-01-01T10:00:00Z,red,,"})
    after = quarantine()
    assert json.loads(after["record"][0])["price"] == 3
    assert list(after["record"]) == list(before["record"])
    assert list(after["digest"]) == list(before["digest"])


def test_repeated_keys_over_budget_are_counted_with_their_columns(judged: Judged) -> None:
    again = tuple(f"{i},2026-01-01T11:00:00Z,red,{i},4" for i in range(10))
    with pytest.raises(ContractError, match=r"; 10 have the key \(id\) of another row") as caught:
        judged(more=again)
    assert "declare" not in str(caught.value)


def test_of_rows_with_the_same_key_the_first_good_one_stays(judged: Judged) -> None:
    bad_first = "3,2026-01-01T10:00:00Z,pink,3,4"
    good_second = "3,2026-01-01T11:00:00Z,red,3,4"
    good_third = "3,2026-01-01T12:00:00Z,red,3,4"
    judged(IN_SET, change={3: bad_first}, more=(good_second, good_third))
    found = reasons()
    assert sorted(found) == [3, 51]
    assert found[51] == ["id=3 is the key of another row as well"]
    assert len(found[3]) == 2


def test_every_reason_of_a_row_is_kept(judged: Judged) -> None:
    judged(IN_SET, BETWEEN, change={3: "4,2026-01-01T10:00:00Z,pink,-1,x"})
    found = reasons()
    assert [why.split("=")[0] for why in found[3]] == ["paid", "colour", "price", "id"]


def test_rules_about_several_columns_quarantine_rows(judged: Judged) -> None:
    pair = (
        "{type: expect_column_pair_values_a_to_be_greater_than_b, column_A: paid, column_B: price}"
    )
    compound = "{type: expect_compound_columns_to_be_unique, column_list: [price, paid]}"
    judged(
        pair,
        compound,
        change={3: "3,2026-01-01T10:00:00Z,red,9,3", 5: "5,2026-01-01T10:00:00Z,red,7,8"},
    )
    found = reasons()
    assert sorted(found) == [3, 5, 7]
    assert found[3][0].startswith("paid=3, price=9 breaks expect_column_pair")
    assert found[5][0].startswith("price=7, paid=8 breaks expect_compound")


def test_rows_that_a_rule_tolerates_are_not_quarantined(judged: Judged) -> None:
    tolerant = IN_SET.replace("}", ", mostly: 0.9}")
    result = judged(tolerant, change={3: "3,2026-01-01T10:00:00Z,pink,3,4"})
    assert (result.verdict, result.quarantined) == ("pass", 0)


def test_rows_without_a_time_count_against_the_budget(judged: Judged) -> None:
    late = {i: f"{i},01/02/2026,red,{i},{i + 1}" for i in range(1, 50)}
    with pytest.raises(ContractError, match=r"49 of 50 rows .* are bad") as caught:
        judged(IN_SET, change=late)
    assert "49 have no event time that can be read" in str(caught.value)
    found = quarantine().set_index("row")
    assert found.loc[1, "reasons"][0] == "at='01/02/2026' cannot be read as a time"
    assert found.loc[1, "key"] == '{"id": 1}'
    assert len(set(found["digest"])) == 49


def test_a_row_without_a_time_is_quarantined_even_where_the_rule_is_a_warning(
    judged: Judged,
) -> None:
    rule = "{type: expect_column_values_to_not_be_null, column: at, severity: warning}"
    judged(rule, change={3: "3,,red,3,4"})
    assert reasons() == {3: ["has no at"]}
