"""What was decided about a row holds however it lands, and whoever says it twice."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.integration.quarantine.test_released import (
    KEY,
    PINK,
    accept,
    again,
    correct,
    digest,
    orders,
    rows,
    shop,
    states,
)
from tests.integration.validate import conftest as landed
from tests.integration.validate.conftest import BETWEEN, IN_SET, Judged, reasons

from mlfactory.cli.quarantine import decide, show_rows
from mlfactory.lake import batches, ledger
from mlfactory.pipeline.quarantining import decided
from mlfactory.product.errors import UsageError
from mlfactory.quarantine import Choice, counted, discard, release
from mlfactory.quarantine.spreadsheet import as_csv

pytestmark = pytest.mark.usefixtures("home")


def throw_away(*given: int) -> Any:
    chosen = Choice(tuple(digest(row) for row in given))
    return discard(shop(), shop().calendar.parse(KEY), chosen, why="a test order", who="ada")


@pytest.mark.parametrize("size", [1_000_000, 7])
def test_a_discarded_row_stays_out_in_whatever_order_it_lands(
    judged: Judged, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(batches, "BATCH", size)
    false, true = "7,2026-01-01T10:00:00Z,blue,4000,41", "7,2026-01-01T10:00:00Z,red,7,8"
    judged(IN_SET, BETWEEN, change={40: false})
    throw_away(40)
    judged(IN_SET, BETWEEN, change={7: false, 40: true})
    assert orders().loc[7, "price"] == 7
    assert states() == {7: "discarded"}
    # nor does it name the true one where that is bad for another reason
    judged(IN_SET, BETWEEN, change={7: false, 40: true.replace("red", "pink")})
    assert reasons()[40] == [f"colour='pink' breaks {reasons()[40][0].partition(' breaks ')[2]}"]


def test_of_identical_rows_the_one_that_was_discarded_is_out(judged: Judged) -> None:
    judged(IN_SET, change={40: "7,2026-01-01T10:00:00Z,red,7,8"})
    throw_away(40)
    again()
    assert orders().loc[7, "price"] == 7
    assert states() == {40: "discarded"}


def test_what_was_decided_holds_where_the_rules_become_wider(judged: Judged) -> None:
    wider = IN_SET.replace("blue]", "blue, pink]")
    change = PINK | {5: "5,2026-01-01T10:00:00Z,pink,5,6", 9: "9,2026-01-01T10:00:00Z,pink,9,1"}
    judged(IN_SET, change=change)
    throw_away(3)
    accept(9)
    correct((5, "colour", "red"), (5, "price", "300"))
    result = judged(wider, change=change)
    assert (result.quarantined, result.released) == (1, 2)
    assert (states()[3], reasons()[3]) == ("discarded", ["was discarded, and breaks no rule"])
    assert 3 not in orders().index
    assert list(orders().loc[5, ["colour", "price"]]) == ["red", 300]
    assert orders().loc[9, "colour"] == "pink"


@pytest.mark.parametrize("chosen", ["all", "digest"])
def test_a_form_whose_task_is_tried_again_decides_once(judged: Judged, chosen: str) -> None:
    judged(IN_SET, change=PINK)
    partition = shop().calendar.parse(KEY)
    named = digest(3) if chosen == "digest" else "all"
    form = {"decision": "accept", "rows": named, "why": "sold"}
    first, second = (decided(shop(), partition, form, "ada", "manual__1") for _ in range(2))
    assert (second.entries, second.rows) == (first.entries, 1)
    # another run of the form is another decision
    form |= {"decision": "discard", "rows": digest(3)}
    decided(shop(), partition, form, "ada", "manual__2")
    assert [entry.event for entry in ledger.entries("shop")] == ["released", "discarded"]


def test_line_ends_within_a_cell_are_no_correction(judged: Judged, tmp_path: Path) -> None:
    two_lines = '3,2026-01-01T10:00:00Z,"pi\r\nnk",3,4'
    judged(IN_SET, change={3: two_lines, 5: "5,2026-01-01T10:00:00Z,pink,5,6"})
    out, console = tmp_path / "rows.csv", Console(file=io.StringIO())
    partition = shop().calendar.parse(KEY)
    show_rows(shop(), partition, "orders", 20, out, console)
    assert b'"pi\r\nnk"' in out.read_bytes()
    written = out.read_bytes()
    unix = written.replace(b"\r\n", b"\n")
    for given in (written, unix, unix.replace(b"\n", b"\r\n")):
        out.write_bytes(given)
        with pytest.raises(UsageError, match="nothing is changed"):
            decide(
                shop(), partition, Choice(), "release", console, why="x", by="ada", corrected=out
            )


def test_a_second_correction_keeps_the_first(judged: Judged) -> None:
    judged(IN_SET, BETWEEN, change={3: "3,2026-01-01T10:00:00Z,pink,-3,4"})
    correct((3, "colour", "red"), (3, "paid", "77"))
    again()
    [line] = csv.DictReader(io.StringIO(as_csv(rows())))
    assert (line["colour"], line["price"], line["paid"]) == ("red", "-3", "77")
    # nothing is said anew where what stands is left as it is
    with pytest.raises(UsageError, match="nothing is changed"):
        correct()
    correct((3, "price", "3"), (3, "paid", "4"))
    assert again().released == 1
    assert list(orders().loc[3, ["colour", "price", "paid"]]) == ["red", 3, 4]


def test_identical_rows_are_counted_each(judged: Judged, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landed, "VISITS", landed.VISITS + "2026-01-01T10:00:00Z,-5\n" * 3)
    rule = "visits: [" + BETWEEN.replace("price", "pages") + "]"
    monkeypatch.setattr(
        landed,
        "SPEC",
        landed.SPEC.replace(
            "expect:\n", "expect:\n  " + rule.replace("{", "{{").replace("}", "}}") + "\n"
        ),
    )
    judged(IN_SET, budget=90)

    def counts() -> list[tuple[int, int, int]]:
        return [(one.open, one.released, one.discarded) for one in counted(shop())]

    assert counts() == [(3, 0, 0)]
    done = release(shop(), shop().calendar.parse(KEY), Choice(everything=True), why="x")
    assert (done.rows, done.entries[0].details["rows"]) == (3, 3)
    assert again().released == 3
    assert counts() == [(0, 3, 0)]


def test_lines_that_are_as_they_were_are_counted_by_rows(judged: Judged) -> None:
    two_lines = '3,2026-01-01T10:00:00Z,"pi\nnk",3,4'
    judged(IN_SET, change={3: two_lines, 5: "5,2026-01-01T10:00:00Z,pink,5,6"})
    done = correct((5, "colour", "red"))
    assert (done.rows, done.unchanged) == (1, 1)


@pytest.mark.parametrize("text", ["=1+1", "@x", "+a", "-a", "'=1", "''-a"])
def test_what_a_spreadsheet_takes_for_a_formula_is_guarded_and_read_as_it_was(
    judged: Judged, text: str
) -> None:
    judged(IN_SET, BETWEEN, change={3: f"3,2026-01-01T10:00:00Z,{text},-3,4"})
    [line] = csv.DictReader(io.StringIO(as_csv(rows())))
    assert (line["colour"], line["price"]) == (f"'{text}", "-3")
    with pytest.raises(UsageError, match="nothing is changed"):
        correct()
    correct((3, "price", "3"))
    [entry] = rows()
    assert entry.changes == {"price": "3"}
