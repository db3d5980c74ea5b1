"""Bad rows that somebody released are in the data when their partition has run again."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from tests.integration.validate.conftest import BETWEEN, IN_SET, Judged, page, reasons
from tests.left_removal import leave

from mlfactory import ingest, validate
from mlfactory.lake import batches, ledger
from mlfactory.lake.at_work import under_way
from mlfactory.lake.catalog import REMOVAL
from mlfactory.lake.manifests import manifest, read_manifest
from mlfactory.lake.processes import this_process
from mlfactory.lake.row_batches import accepted_batches
from mlfactory.lake.rows import accepted, standings
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, ServiceError, UsageError
from mlfactory.product.loader import Product, load_product
from mlfactory.quarantine import Choice, counted, discard, release, rows_in_quarantine
from mlfactory.quarantine.spreadsheet import as_csv

pytestmark = pytest.mark.usefixtures("home")


KEY = "2026-01-01"


PINK = {3: "3,2026-01-01T10:00:00Z,pink,3,4"}


BAD = {
    3: "3,2026-01-01T10:00:00Z,pink,3,4",
    8: "8,2026-01-01T10:00:00Z,red,-1,9",
    20: "20,2026-01-01T10:00:00Z,red,free,21",
    40: "7,2026-01-01T10:00:00Z,blue,40,41",
    49: "49,,blue,49,50",
}


def shop() -> Product:
    return load_product("shop")


def again() -> validate.ValidateResult:
    """Validate the partition once more."""
    return validate.run(shop(), shop().calendar.parse(KEY))


def digest(row: int) -> str:
    [found] = [one.digest for one in rows() if one.row == row]
    return found


def rows() -> list[Any]:
    return rows_in_quarantine(shop(), shop().calendar.parse(KEY), "orders")


def states() -> dict[int, str]:
    return {one.row: one.state for one in rows()}


def orders() -> pd.DataFrame:
    """Return the rows that are let through, which batches and the whole must say alike."""
    found = accepted(shop(), "orders", [KEY])
    judged = list(standings(shop(), [KEY]).values())
    batched = pa.concat_tables(accepted_batches(shop(), "orders", judged))
    assert batched["id"].to_pylist() == list(found["id"])
    assert batched["colour"].to_pylist() == list(found["colour"])
    return found.set_index("id")


def accept(*given: int, why: str = "it was sold", **choice: Any) -> Any:
    chosen = Choice(tuple(digest(row) for row in given), **choice)
    return release(shop(), shop().calendar.parse(KEY), chosen, why=why, who="ada")


def correct(*changes: tuple[int, str, str], why: str = "asked the till") -> Any:
    """Release rows by the CSV of all of them, some cells of which are changed."""
    lines = list(csv.DictReader(io.StringIO(as_csv(rows()))))
    for row, name, text in changes:
        [line] = [line for line in lines if line["_row"] == str(row)]
        line[name] = text
    out = io.StringIO()
    writer = csv.DictWriter(out, list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    partition = shop().calendar.parse(KEY)
    return release(shop(), partition, Choice(), why=why, who="ada", corrected=out.getvalue())


def test_an_accepted_row_is_let_through_by_the_next_validation(judged: Judged) -> None:
    judged(IN_SET, change=PINK)
    assert 3 not in orders().index
    done = accept(3)
    assert [(entry.event, entry.who, entry.why) for entry in done.entries] == [
        ("released", "ada", "it was sold")
    ]
    assert (states(), rows()[0].waits) == ({3: "released"}, True)
    result = again()
    assert (result.verdict, result.quarantined, result.released) == ("pass", 0, 1)
    assert orders().loc[3, "colour"] == "pink"
    assert (states(), rows()[0].waits) == ({3: "released"}, False)
    known = read_manifest("shop", "validate", KEY)
    assert known["counts"]["accepted.orders"] == 1
    assert known["facts"]["decisions"] == [1]
    assert known["facts"]["because"] == ["1 row of orders accepted by ada: it was sold"]


def test_the_reason_is_told_until_the_partition_has_been_prepared(judged: Judged) -> None:
    judged(IN_SET, change=PINK)
    accept(3)
    told = ["1 row of orders accepted by ada: it was sold"]
    for _ in range(2):
        again()
        assert read_manifest("shop", "validate", KEY)["facts"]["because"] == told
    with manifest(shop(), "prepare", KEY) as record:
        record.has_read(read_manifest("shop", "validate", KEY))
    again()
    assert read_manifest("shop", "validate", KEY)["facts"]["because"] == []


def test_another_landing_of_the_row_is_let_through_as_well(judged: Judged) -> None:
    judged(IN_SET, change=PINK)
    accept(3)
    moved = {0: BAD[3], 3: "0,2026-01-01T10:00:00Z,blue,0,1"}
    result = judged(IN_SET, change=moved)
    assert (result.quarantined, result.released) == (0, 1)
    # a word about a row is none about another one
    assert judged(IN_SET, change={3: BAD[3].replace("pink", "grey")}).quarantined == 1


def test_an_unreadable_cell_of_an_accepted_row_has_no_value(judged: Judged) -> None:
    judged(BETWEEN, change={20: BAD[20]})
    accept(20)
    again()
    assert pd.isna(orders().loc[20, "price"])


def test_a_corrected_row_stands_in_its_place_and_the_landed_one_stays(judged: Judged) -> None:
    judged(IN_SET, BETWEEN, change=BAD, budget=20)
    correct((3, "colour", "red"), (20, "price", "20.5"), (49, "at", "2026-01-01T12:00:00Z"))
    result = again()
    assert (result.quarantined, result.released) == (2, 3)
    found = orders()
    assert list(found.index) == [i for i in range(50) if i not in (8, 40)]
    assert (found.loc[3, "colour"], found.loc[20, "price"]) == ("red", 20.5)
    assert found.loc[49, "at"] == pd.Timestamp("2026-01-01T12:00:00Z")
    raw = Lake("shop").read("raw_orders", [KEY]).set_index("_row")
    assert raw.loc[3, "colour"] == "pink" and pd.isna(raw.loc[20, "price"])
    assert read_manifest("shop", "validate", KEY)["counts"]["corrected.orders"] == 3


def test_a_corrected_row_that_breaks_a_rule_all_the_same_is_back_and_says_so(
    judged: Judged,
) -> None:
    judged(IN_SET, BETWEEN, change=PINK)
    before = digest(3)
    correct((3, "colour", "grey"))
    result = again()
    assert (result.quarantined, result.released) == (1, 0)
    assert reasons()[3][0].startswith("as corrected: colour='grey' breaks expect_column_values")
    assert read_manifest("shop", "validate", KEY)["counts"]["broken.orders"] == 1
    assert (digest(3), states()) == (before, {3: "open"})
    correct((3, "colour", "blue"))
    assert again().released == 1
    assert orders().loc[3, "colour"] == "blue"


def test_a_row_corrected_to_the_key_of_a_good_one_stays_out_and_the_good_one_in(
    judged: Judged,
) -> None:
    judged(IN_SET, BETWEEN, change=PINK)
    correct((3, "id", "7"), (3, "colour", "red"))
    assert again().quarantined == 1
    assert reasons()[3] == ["as corrected: id=7 is the key of another row as well"]
    assert orders().loc[7, "price"] == 7


@pytest.mark.parametrize(
    ("row", "why"), [(49, "has no at|at=None"), (40, "is the key of another row")]
)
def test_what_names_or_dates_no_row_can_be_released_corrected_only(
    judged: Judged, row: int, why: str
) -> None:
    judged(IN_SET, BETWEEN, change=BAD, budget=20)
    with pytest.raises(UsageError, match=f"1 of these 1 rows cannot be accepted.*({why})"):
        accept(row)
    with pytest.raises(UsageError, match="2 of these 5 rows cannot be accepted"):
        accept(everything=True)
    assert ledger.entries("shop") == []


def test_rows_are_chosen_by_digest_reason_or_all(judged: Judged) -> None:
    judged(IN_SET, BETWEEN, change=BAD, budget=20)
    assert accept(reason="breaks expect_column_values_to_be_in_set").rows == 1
    assert accept(8, why="a voucher").rows == 1
    assert states() == {3: "released", 8: "released", 20: "open", 40: "open", 49: "open"}
    for choice in ({}, {"everything": True, "reason": "x"}):
        with pytest.raises(UsageError, match=r"which rows are meant|named twice"):
            accept(**choice)
    with pytest.raises(UsageError, match="no row with the reason 'pink' is open"):
        accept(reason="pink")
    with pytest.raises(UsageError, match="has the digest 'ffff'"):
        release(shop(), shop().calendar.parse(KEY), Choice(("ffff",)), why="x")
    with pytest.raises(UsageError, match="needs a reason"):
        accept(20, why=" ")


def test_a_discarded_row_stays_out_and_is_open_no_more(judged: Judged) -> None:
    judged(IN_SET, BETWEEN, change=BAD, budget=20)
    partition = shop().calendar.parse(KEY)
    discard(shop(), partition, Choice(reason="free"), why="a test of the till", who="eve")
    again()
    assert states()[20] == "discarded" and 20 not in orders().index
    [line] = [one for one in counted(shop()) if one.reason.startswith("price cannot be read")]
    assert (line.open, line.discarded) == (0, 1)


def test_the_last_word_about_a_row_holds(judged: Judged) -> None:
    judged(IN_SET, change=PINK)
    accept(3)
    again()
    discard(shop(), shop().calendar.parse(KEY), Choice((digest(3),)), why="no, it was not")
    again()
    assert (states(), 3 in orders().index) == ({3: "discarded"}, False)
    accept(3, why="it was, after all")
    again()
    assert 3 in orders().index
    assert [entry.event for entry in ledger.entries("shop")] == [
        "released",
        "discarded",
        "released",
    ]


def test_released_rows_no_longer_stop_a_partition(judged: Judged) -> None:
    with pytest.raises(ContractError, match=r"5 of 50 rows \(10.0%\) are bad"):
        judged(IN_SET, BETWEEN, change=BAD, budget=7)
    accept(3, 8, 20)
    assert again().verdict == "pass_with_quarantine"
    # what is about to be landed anew is judged with what was decided, too
    bad = Lake("shop").arrow("raw_orders", [KEY])
    assert bad is not None
    good = Lake("shop").arrow("raw_visits", [KEY])
    validate.refuse_stopped(shop(), shop().calendar.parse(KEY), {"orders": bad, "visits": good})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ([(3, "price", "dear")], "line 2: price='dear' is no whole number"),
        ([(3, "at", "2026-01-02T10:00:00Z")], "is not in partition 2026-01-01"),
        ([(3, "_digest", "ffff")], "line 2 .*: no row of the quarantine has the digest 'ffff'"),
        ([], "nothing is changed"),
    ],
)
def test_a_correction_that_cannot_be_is_refused_with_its_line(
    judged: Judged, changes: list[tuple[int, str, str]], why: str
) -> None:
    judged(IN_SET, change=PINK)
    with pytest.raises(UsageError, match=why):
        correct(*changes)
    assert ledger.entries("shop") == []


def test_what_is_over_the_budget_is_sampled_and_counted(
    judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validate.stage, "SAMPLE", 6)
    change = {i: f"{i},2026-01-01T10:00:00Z,pink,{i},{i}" for i in range(2, 40)}
    change |= {45: "45,2026-01-01T10:00:00Z,red,free,1"}
    with pytest.raises(ContractError, match="39 of 50 rows"):
        judged(IN_SET, change=change)
    found = {(line.reason.split(":")[0], line.open, line.kept) for line in counted(shop())}
    assert found == {("colour", 38, 6), ("price cannot be read as a number", 1, 6)}
    kept = Lake("shop").read("quarantine", [KEY])
    assert len(kept) == 6 and 45 in set(kept["row"])
    assert read_manifest("shop", "validate", KEY)["counts"]["quarantined.orders"] == 39
    with pytest.raises(UsageError, match="only a sample of them is kept"):
        accept(everything=True)
    accept(45)
    with pytest.raises(ContractError, match="38 of 50 rows"):
        again()


def test_the_page_shows_digest_state_decision_and_commands(judged: Judged) -> None:
    judged(IN_SET, BETWEEN, change={3: BAD[3], 8: BAD[8]}, budget=20)
    accept(3)
    discard(shop(), shop().calendar.parse(KEY), Choice((digest(8),)), why="a voucher", who="eve")
    again()
    shown = page()
    for text in (digest(8), "discarded", "it was sold", "eve", "mlfactory quarantine release shop"):
        assert text in shown


def test_a_partition_of_many_batches_is_released_like_one_of_one(
    judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for size in (1_000_000, 7):
        monkeypatch.setattr(batches, "BATCH", size)
        judged(IN_SET, BETWEEN, change=BAD, budget=20)
        if not found:
            accept(8)
            correct((20, "price", "1"), (40, "id", "47"))
        again()
        counts = read_manifest("shop", "validate", KEY)["counts"]
        found.append((orders().to_dict("index"), reasons(), states(), counts))
    assert found[0] == found[1]
    assert found[0][3]["released"] == 2


def test_rows_that_are_being_validated_cannot_be_decided_about(
    judged: Judged, make_product: Callable[..., Product]
) -> None:
    judged(IN_SET, change=PINK)
    ours = digest(3)
    Lake("shop").replace("quarantine", pa.table({"source": ["orders"]}), KEY, "another-run")
    with pytest.raises(ServiceError, match="being validated anew"):
        release(shop(), shop().calendar.parse(KEY), Choice((ours,)), why="x")


def test_a_source_that_starts_over_takes_its_corrected_rows_along(judged: Judged) -> None:
    from mlfactory.lake.removal import remove_source

    judged(IN_SET, BETWEEN, change=PINK)
    correct((3, "colour", "red"))
    again()
    remove_source("shop", "orders")
    assert Lake("shop").version("corrected_orders") is None
    partition = shop().calendar.parse(KEY)
    ingest.run(shop(), partition)
    assert again().released == 1
    assert orders().loc[3, "colour"] == "red"


def test_personal_data_is_not_written_by_hand(judged: Judged) -> None:
    judged(IN_SET, change=PINK)
    spec = shop().folder / "product.yaml"
    spec.write_text(spec.read_text().replace("key: [id]", "key: [id], pii: {colour: hash}", 1))
    with pytest.raises(UsageError, match=r"\['colour'\] of orders holds personal data"):
        correct((3, "colour", "red"))
    assert Lake("shop").version("corrected_orders") is None


@pytest.mark.parametrize("decide", [release, discard])
def test_nothing_is_decided_about_rows_beneath_an_erasure(
    judged: Judged, decide: Callable[..., Any]
) -> None:
    judged(IN_SET, change=PINK)
    made, choice = ledger.entries("shop"), Choice([digest(3)])
    meant = (shop(), shop().calendar.parse(KEY), choice)
    leave("shop", erasure="0123", process=this_process())
    with pytest.raises(ServiceError, match="is being rid of a subject"):
        decide(*meant, why="x")
    leave("shop", erasure="0123")
    with pytest.raises(UsageError, match="the erasure 0123 was cut off"):
        decide(*meant, why="x")
    assert ledger.entries("shop") == made
    assert product_store("shop").list("row_decisions") == []
    product_store("shop").delete(REMOVAL)
    decide(*meant, why="x")
    assert len(ledger.entries("shop")) == len(made) + 1
    assert under_way("shop") == []
