"""Rows are drawn, people answer, and their answers are labels from when they were known."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.integration.labelling.conftest import ORDERS, Shop
from tests.left_removal import DEAD, leave
from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.cycle.labels import read_due_again
from mlfactory.labelling import (
    agreements,
    as_csv,
    batch_of,
    estimates,
    queues,
    read_sheet,
    take_answers,
)
from mlfactory.lake.answers import read_answers, read_batch
from mlfactory.lake.at_work import under_way
from mlfactory.lake.catalog import REMOVAL
from mlfactory.lake.labels import known_labels
from mlfactory.lake.processes import this_process
from mlfactory.lake.store import product_store
from mlfactory.lake.tables import Lake
from mlfactory.monitor.tables import Tables
from mlfactory.product.errors import ServiceError, UsageError

pytestmark = pytest.mark.usefixtures("home")

AT = datetime(2026, 1, 2, 12, tzinfo=UTC)


def sheet(shop: Shop, day: int, label: Callable[[str], object]) -> str:
    """Return the batch of a day as CSV, filled with what a function says of each order."""
    batch = batch_of(shop.product, shop.product.calendar.parse(shop.day(day)))
    lines = list(csv.DictReader(io.StringIO(as_csv(shop.product, batch))))
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows([{**line, "_label": label(line["id"])} for line in lines])
    return text.getvalue()


def answer(shop: Shop, text: str, who: str = "ann", at: datetime = AT) -> None:
    take_answers(shop.product, read_sheet(shop.product, text), who=who, at=at)


def known(shop: Shop, day: int, at: datetime) -> dict[str, float]:
    found = known_labels(shop.product, [shop.day(day)], at)
    return dict(zip(found["id"], found["label"], strict=True))


def test_a_batch_is_drawn_once_with_the_weight_of_each_row(shop: Shop) -> None:
    shop.run(1)
    made = shop.score(1).set_index("id")
    slot = shop.product.calendar.parse(shop.day(1))
    batch = batch_of(shop.product, slot)
    drawn = Counter(row.drawn for row in batch.rows)
    assert drawn["random"] == 20 and 30 < len(batch.rows) <= 40 and batch.of_rows == ORDERS
    sure = [row for row in batch.rows if row.weight == 1]
    assert len(sure) == 20
    # as many rows as there are, each for as many as it stands for
    assert sum(row.weight for row in batch.rows) == pytest.approx(ORDERS)
    # those nearest to the decision, which lies between what was said of both classes
    boundary = made[made["prediction"] == 0]["score"].max() / 2
    boundary += made[made["prediction"] == 1]["score"].min() / 2
    nearest = (made["score"] - boundary).abs().sort_values(kind="stable").index[:10]
    assert set(nearest) <= {row.key[0] for row in sure}
    # scored again by another model nothing is drawn anew
    shop.score(1, version="2")
    assert batch_of(shop.product, slot) == batch == read_batch("shop", slot.key)


def test_before_any_model_all_rows_are_drawn_at_random(shop: Shop) -> None:
    shop.run(1)
    batch = batch_of(shop.product, shop.product.calendar.parse(shop.day(1)))
    assert {row.drawn for row in batch.rows} == {"random"} and len(batch.rows) == 40
    assert {row.weight for row in batch.rows} == {ORDERS / 40}
    assert batch.model_version == ""


def test_an_answer_is_a_label_from_when_it_was_known_and_a_new_one_wins(shop: Shop) -> None:
    shop.run(1)
    shop.score(1)
    answer(shop, sheet(shop, 1, lambda _: 1))
    answer(shop, sheet(shop, 1, lambda _: 1))  # the same again is nothing new
    answer(shop, sheet(shop, 1, lambda _: 0), at=AT + timedelta(days=1))
    shop.run(2, 3)
    count = len(batch_of(shop.product, shop.product.calendar.parse(shop.day(1))).rows)
    assert known(shop, 1, AT) == {}
    assert set(known(shop, 1, AT + timedelta(hours=1)).values()) == {1.0}
    assert set(known(shop, 1, AT + timedelta(days=2)).values()) == {0.0}
    rows = Lake("shop").read("labels")
    assert len(rows) == 2 * count and set(rows["_told_by"]) == {"ann"}
    weights = {row.key[0]: row.weight for row in read_batch("shop", shop.day(1)).rows}
    assert dict(zip(rows["id"], rows["_weight"], strict=True)) == weights


def test_two_people_at_once_lose_nothing_and_most_of_three_win(shop: Shop) -> None:
    shop.run(1)
    shop.score(1)
    text = {
        name: sheet(shop, 1, lambda _, said=said: said)
        for name, said in (("ann", 1), ("bob", 0), ("cid", 0))
    }
    with ThreadPoolExecutor(8) as people:
        list(people.map(lambda name: answer(shop, text[name], who=name), [*text] * 3))
    count = len(batch_of(shop.product, shop.product.calendar.parse(shop.day(1))).rows)
    told = {(one.who, each.row) for one in read_answers("shop") for each in one.answers}
    assert len(told) == 3 * count
    shop.run(2)
    assert known(shop, 1, AT + timedelta(days=1)) != {}
    assert set(known(shop, 1, AT + timedelta(days=1)).values()) == {0.0}


def test_people_who_differ_are_counted_and_their_rows_have_no_label(shop: Shop) -> None:
    shop.run(1)
    shop.score(1)
    truth = shop.truth(1)
    answer(shop, sheet(shop, 1, lambda name: int(truth[name])))
    answer(shop, sheet(shop, 1, lambda name: 1), who="bob")
    zeros = sum(not truth[row.key[0]] for row in read_batch("shop", shop.day(1)).rows)
    (queue,) = queues(shop.product)
    assert (queue.people, queue.several) == (2, len(queue.batch.rows))
    assert queue.differing == queue.open == zeros > 0
    (pair,) = agreements(shop.product)
    assert pair.agreement.raw == 1 - zeros / pair.agreement.rows
    shop.run(2)
    assert len(known(shop, 1, AT + timedelta(days=1))) == pair.agreement.rows - zeros


@pytest.mark.one_lake
def test_answers_that_come_late_are_prepared_by_the_next_day(shop: Shop) -> None:
    shop.run(1, 2, 3)
    shop.score(1)
    answer(shop, sheet(shop, 1, lambda _: 1))
    assert known(shop, 1, AT + timedelta(days=1)) == {}
    third = shop.product.calendar.parse(shop.day(3))
    assert read_due_again(shop.product, third)["again"] == [shop.day(2)]
    assert len(known(shop, 1, AT + timedelta(days=1))) > 30
    assert read_due_again(shop.product, third)["again"] == []


@pytest.mark.one_lake
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: text.replace(",1,", ",2,", 1), r"line 2, column _label: '2' is not 0 or 1"),
        (lambda text: text.replace("\n", "\nff,,1,x,,1,n\n", 1), "line 2, column _row"),
        (lambda text: text.replace("_label", "label"), "there must be _row and _label"),
        (lambda text: text + text.splitlines()[1].replace(",1,", ",0,", 1), "has another label"),
        (lambda text: text.replace(",1,", ",", 1), "line 2 of the answers has more or fewer cells"),
        (lambda text: text.replace(",1,", ",,"), "nothing is answered"),
        (lambda text: text.replace("\n", "\n\"", 1), "no CSV"),
    ],
)  # fmt: skip
def test_answers_that_cannot_be_used_are_refused_whole(
    shop: Shop, spoil: Callable[[str], str], says: str
) -> None:
    shop.run(1)
    shop.score(1)
    text = spoil(sheet(shop, 1, lambda _: 1))
    with pytest.raises(UsageError, match=says):
        answer(shop, text)
    assert read_answers("shop") == []


@pytest.mark.one_lake
@pytest.mark.parametrize(
    ("at", "says"),
    [
        (datetime(2999, 1, 1, tzinfo=UTC), "in the future"),
        (datetime(2025, 12, 31, tzinfo=UTC), "is before the partition 2026-01-01"),
    ],
)
def test_an_answer_known_at_a_moment_that_cannot_be_is_refused(
    shop: Shop, at: datetime, says: str
) -> None:
    shop.run(1)
    shop.score(1)
    with pytest.raises(UsageError, match=says):
        answer(shop, sheet(shop, 1, lambda _: 1), at=at)


@pytest.mark.one_lake
def test_somebody_cannot_have_known_two_labels_at_one_moment(shop: Shop) -> None:
    shop.run(1)
    shop.score(1)
    answer(shop, sheet(shop, 1, lambda _: 1))
    with pytest.raises(UsageError, match=r"ann answered 1\.0 of the row"):
        answer(shop, sheet(shop, 1, lambda _: 0))
    answer(shop, sheet(shop, 1, lambda _: 0), who="bob")
    answer(shop, sheet(shop, 1, lambda _: 0), at=AT + timedelta(seconds=1))
    assert len(read_answers("shop")) == 3


@pytest.mark.one_lake
def test_the_estimate_holds_the_truth_where_the_plain_mean_does_not(shop: Shop) -> None:
    errors, labels = [], []
    for day in (1, 2, 3):
        shop.run(day)
        made = shop.score(day)
        truth = shop.truth(day)
        answer(
            shop, sheet(shop, day, lambda name, of=truth: int(of[name])), at=AT + timedelta(days=2)
        )
        errors += list(made["prediction"].to_numpy() != np.array(list(truth.values())))
        labels += list(truth.values())
    found = {line.metric: line for line in estimates(shop.product)}
    wrong, share = found["share of errors"], found["share of bad"]
    assert wrong.estimate.low < np.mean(errors) < wrong.estimate.high
    assert share.estimate.low < np.mean(labels) < share.estimate.high
    assert share.rows == 3 * ORDERS and share.labelled < 130
    assert abs(share.naive - np.mean(labels)) > abs(share.estimate.value - np.mean(labels))
    assert found["cost a row (EUR)"].estimate.high < 60


@pytest.mark.one_lake
def test_a_model_is_judged_by_rows_drawn_at_random_and_learns_from_all(shop: Shop) -> None:
    shop.run(1)
    shop.score(1)
    answer(shop, sheet(shop, 1, lambda _: 1))
    shop.run(2)
    slots = [shop.product.calendar.parse(shop.day(day)) for day in (1, 2)]
    tables = Tables(shop.product, slots[1], slots)
    judged = tables.labels(slots[:1], slots[1].end)
    random = {row.key[0] for row in read_batch("shop", shop.day(1)).rows if row.drawn == "random"}
    assert set(judged["id"]) == random
    assert set(known(shop, 1, slots[1].end)) > random
    assert tables.coverage(slots[0], "champion", "1", slots[1].end) == (ORDERS, 20)


@pytest.mark.one_lake
def test_the_commands_draw_take_and_tell(shop: Shop, tmp_path: Path) -> None:
    shop.run(1)
    shop.score(1)

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["labels", *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return " ".join(done.output.split())

    file = tmp_path / "batch.csv"
    assert "nothing was drawn yet" in run("list", "shop")
    assert "rows written to" in run("export", "shop", shop.day(1), "--out", str(file))
    text = file.read_text()
    # no formula, and nothing of what the model said
    assert "'=cmd" in text and "score" not in text.splitlines()[0]
    file.write_text(sheet(shop, 1, lambda _: "true"))
    told = run("import", "shop", str(file), "--by", "ann", "--at", "2026-01-02T12:00:00")
    assert "rows answered by ann" in told and "with the partition 2026-01-02" in told
    assert "0 rows answered by ann" in run(
        "import", "shop", str(file), "--by", "ann", "--at", "2026-01-03T12:00:00"
    )
    run("import", "shop", str(file), "--by", "bob", "--at", "2026-01-02T13:00:00")
    assert "agree on 100%, kappa not defined" in run("agreement", "shop")
    assert "20 random" in run("list", "shop")
    assert "share of errors" in run("estimate", "shop")


def test_nobody_is_asked_or_answers_beneath_an_erasure(shop: Shop) -> None:
    shop.run(1, 2)
    filled, slot = sheet(shop, 1, lambda _: 1), shop.product.calendar.parse(shop.day(2))
    for process, error in ((this_process(), ServiceError), (DEAD, UsageError)):
        leave("shop", erasure="0123", process=process)
        with pytest.raises(error, match="subject"):
            answer(shop, filled)
        with pytest.raises(error, match="subject"):
            batch_of(shop.product, slot)
    assert read_answers("shop") == []
    assert read_batch("shop", shop.day(2)) is None
    product_store("shop").delete(REMOVAL)
    answer(shop, filled)
    assert len(batch_of(shop.product, slot).rows) == len(read_answers("shop")[0].answers)
    assert under_way("shop") == []
