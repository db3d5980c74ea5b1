"""A product as it lives: its days are read before their labels are there, and once more after."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.cycle.labels import read_due_again
from mlfactory.lake import manifests
from mlfactory.lake.labels import known_labels
from mlfactory.lake.overdue import overdue
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product
from mlfactory.reconcile import reconcile
from mlfactory.reconcile.gaps import UNREAD

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources: {orders: {kind: csv, path: orders.csv, event_time: at, key: [id]}}
features: {key: [id], event_time: at, numeric: [price]}
label: {column: bad, kind: binary, arrives_after: 12 hours}
"""
HEADER = "id,at,price,bad\n"
ROWS = 24

Sell = Callable[..., None]


class Clock(datetime):
    """The time on the wall, set by hand."""

    moment = datetime(2026, 1, 1, tzinfo=UTC)

    @classmethod
    def now(cls, tz: object = None) -> datetime:
        return cls.moment


@pytest.fixture
def shop(
    mlflow_file: Path, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> Product:
    monkeypatch.setattr(manifests, "datetime", Clock)
    return make_product(SPEC, 'def build(sources): return sources["orders"]\n', {"orders.csv": ""})


def sell(shop: Product, days: int, labelled: int, *, lost: int = 0) -> None:
    """Write what the shop's file holds: so many days, the first of them with labels.

    Args:
        lost: rows that are gone from the beginning of the file.
    """
    rows = [
        f"{day:02}-{hour:02},2026-01-{day:02}T{hour:02}:30Z,{hour},"
        f"{hour % 2 if day <= labelled else ''}\n"
        for day in range(1, days + 1)
        for hour in range(ROWS)
    ]
    (shop.folder / "orders.csv").write_text(HEADER + "".join(rows[lost:]))


def run(day: int) -> str:
    """Run a day a few minutes after its end, as a schedule would."""
    Clock.moment = datetime(2026, 1, day + 1, 0, 5, tzinfo=UTC)
    done = CliRunner().invoke(app, ["run", "shop", f"2026-01-{day:02}"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def labelled(shop: Product, day: int) -> int:
    key = f"2026-01-{day:02}"
    return len(known_labels(shop, [key], shop.calendar.parse(key).end.replace(year=2027)))


def landed(day: int) -> int:
    return len(Lake("shop").read("raw_orders", [f"2026-01-{day:02}"]))


def test_the_next_days_run_reads_the_labels_that_came(shop: Product) -> None:
    sell(shop, days=1, labelled=0)
    run(1)
    assert (landed(1), labelled(shop, 1)) == (ROWS, 0)
    sell(shop, days=2, labelled=1)
    assert "again 2026-01-01" in run(2)
    assert (labelled(shop, 1), labelled(shop, 2)) == (ROWS, 0)
    sell(shop, days=3, labelled=2)
    told = run(3)
    # each is read again once
    assert "again 2026-01-02" in told and "2026-01-01" not in told


def test_what_cannot_be_read_loses_nothing_and_stays_due(shop: Product) -> None:
    sell(shop, days=1, labelled=0)
    run(1)
    sell(shop, days=2, labelled=1, lost=10)
    assert "failed 2026-01-01=" in run(2)
    assert (landed(1), labelled(shop, 1), landed(2)) == (ROWS, 0, ROWS)
    # who mends what is missing asks the same of it
    Clock.moment = now = datetime(2026, 1, 3, 1, tzinfo=UTC)
    for _ in range(2):
        gaps = [gap for gap in reconcile(shop, mend=True, now=now) if gap.kind == UNREAD]
        assert [gap.about for gap in gaps] == [("2026-01-01",)]
    assert (landed(1), labelled(shop, 1), landed(2)) == (ROWS, 0, ROWS)
    sell(shop, days=3, labelled=2)
    assert "again 2026-01-01 2026-01-02" in run(3)
    assert (labelled(shop, 1), labelled(shop, 2)) == (ROWS, ROWS)


REGISTER = """  orders: {kind: csv, path: orders.csv, event_time: at, key: [id]}
  prices: {kind: csv, path: prices.csv, key: [hour]}
  outcomes: {kind: csv, path: outcomes.csv, key: [id]}
"""
JOIN = """\
def build(sources):
    orders = sources["orders"].merge(sources["prices"], on="hour", how="left")
    return orders.merge(sources["outcomes"], on="id", how="left")
"""


@pytest.mark.parametrize("first", ["0-00,1", "1-00,"], ids=["another day's label", "no label"])
def test_labels_that_come_in_a_register_are_read_and_no_other_register_is(
    mlflow_file: Path,
    make_product: Callable[..., Product],
    monkeypatch: pytest.MonkeyPatch,
    first: str,
) -> None:
    monkeypatch.setattr(manifests, "datetime", Clock)
    orders = [f"{d}-{h:02},2026-01-0{d}T{h:02}:30Z,{h}\n" for d in (1, 2) for h in range(ROWS)]
    prices = [f"{hour},1\n" for hour in range(ROWS)]
    head = SPEC.split("sources:")[0] + "sources:\n" + REGISTER
    product = make_product(
        head + "features:" + SPEC.split("features:")[1],
        JOIN,
        {
            "orders.csv": "id,at,hour\n" + "".join(orders),
            "prices.csv": "hour,price\n" + "".join(prices),
            "outcomes.csv": f"id,bad\n{first}\n",
        },
    )
    run(1)
    assert labelled(product, 1) == 0
    # a register without a row is a failure of the register, and no news of the labels
    (product.folder / "outcomes.csv").write_text("id,bad\n")
    partition = product.calendar.parse("2026-01-02")
    assert list(read_due_again(product, partition)["failed"]) == ["2026-01-01"]
    outcomes = "".join(f"1-{hour:02},{hour % 2}\n" for hour in range(ROWS))
    (product.folder / "outcomes.csv").write_text("id,bad\n" + outcomes)
    (product.folder / "prices.csv").write_text("hour,price\n" + "".join(prices).replace(",1", ",2"))
    assert "again 2026-01-01" in run(2)
    assert labelled(product, 1) == ROWS
    # what else is known of that day stays what was known then
    assert set(Lake("shop").read("features", ["2026-01-01"])["price"]) == {1}


NULL_UNTIL_KNOWN = '(orders["returned"] == "yes").where(orders["returned"].notna())'
BUILD = """\
def build(sources):
    orders = sources["orders"].merge(sources["returns"], on="id", how="left")
    return orders.assign(bad={label})
"""
RETURNS = """sources:
  orders: {kind: csv, path: orders.csv, event_time: at, key: [id]}
  returns: {kind: csv, path: returns.csv, key: [id]}
features:"""


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize(
    ("label", "seen_first", "listed"),
    [
        (NULL_UNTIL_KNOWN, "0-00,no", range(ROWS)),
        # of a list of what happened: an order is in it, or not, and never has no label
        ('orders["returned"].notna()', "1-01,yes", range(1, ROWS, 2)),
    ],
    ids=["null until known", "of what happened"],
)
def test_labels_made_of_a_register_are_read_where_the_spec_names_it_and_told_of_where_not(
    mlflow_file: Path,
    make_product: Callable[..., Product],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    label: str,
    seen_first: str,
    listed: range,
    named: bool,
) -> None:
    monkeypatch.setattr(manifests, "datetime", Clock)
    head = "id,returned\n"
    product = with_returns(make_product, label, f"{head}{seen_first}\n", named=named)
    run(1)
    before = true_labels(product, 1)
    assert before <= 1
    returns = [f"1-{hour:02},{'yes' if hour % 2 else 'no'}\n" for hour in listed]
    (product.folder / "returns.csv").write_text(head + "".join(returns))
    assert "again 2026-01-01" in run(2)
    assert true_labels(product, 1) == (ROWS // 2 if named else before)
    told = "name it in label.registers" in caplog.text
    assert told is not named


def test_no_register_is_told_of_where_some_labels_came(
    mlflow_file: Path,
    make_product: Callable[..., Product],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(manifests, "datetime", Clock)
    product = make_product(
        SPEC.split("sources:")[0] + RETURNS + SPEC.split("features:")[1],
        'def build(sources): return sources["orders"]\n',
        {"orders.csv": "", "returns.csv": "id,returned\n0-00,no\n"},
    )
    sell(product, days=1, labelled=0)
    run(1)
    sell(product, days=2, labelled=1)
    file = product.folder / "orders.csv"
    file.write_text(file.read_text().replace("T05:30Z,5,1", "T05:30Z,5,"))
    assert "again 2026-01-01" in run(2)
    assert labelled(product, 1) == ROWS - 1
    assert "label.registers" not in caplog.text


def test_labels_that_could_not_be_read_again_are_not_known_and_are_missed(
    mlflow_file: Path, make_product: Callable[..., Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of the day's orders had been returned when it was read, and more is not known."""
    monkeypatch.setattr(manifests, "datetime", Clock)
    head = "id,returned\n"
    label = 'orders["returned"].notna()'
    product = with_returns(make_product, label, f"{head}0-1,a\n0-2,a\n", named=True)
    run(1)
    first, second, later = (product.calendar.parse(f"2026-01-0{day}") for day in (1, 2, 3))
    # those whose label was due by the end of the day
    assert len(known_labels(product, [first.key], first.end)) == ROWS // 2
    (product.folder / "returns.csv").write_text(f"{head}0-1,a\n")
    assert "failed 2026-01-01=" in run(2)
    assert len(known_labels(product, [first.key], second.end)) == ROWS // 2
    assert [(one.partition, one.labelled) for one in overdue(product, later)] == [
        (first.key, ROWS // 2)
    ]
    returned = "".join(f"1-{hour:02},a\n" for hour in range(1, ROWS, 2))
    (product.folder / "returns.csv").write_text(head + returned)
    assert read_due_again(product, second)["again"] == [first.key]
    assert (labelled(product, 1), true_labels(product, 1)) == (ROWS, ROWS // 2)
    assert overdue(product, later) == []


def with_returns(
    make_product: Callable[..., Product], label: str, returns: str, *, named: bool
) -> Product:
    """Make a product of two days of orders, its labels told by a register of returns."""
    orders = [f"{d}-{h:02},2026-01-0{d}T{h:02}:30Z,{h}\n" for d in (1, 2) for h in range(ROWS)]
    spec = SPEC.split("sources:")[0] + RETURNS + SPEC.split("features:")[1]
    return make_product(
        spec.replace("12 hours", "12 hours, registers: [returns]") if named else spec,
        BUILD.format(label=label),
        {"orders.csv": "id,at,price\n" + "".join(orders), "returns.csv": returns},
    )


def true_labels(product: Product, day: int) -> int:
    partition = product.calendar.parse(f"2026-01-{day:02}")
    labels = known_labels(product, [partition.key], partition.end.replace(year=2027))["label"]
    return int(labels.astype(bool).sum())


def test_labels_that_fell_due_while_nothing_ran_are_mended(shop: Product) -> None:
    sell(shop, days=1, labelled=0)
    run(1)
    sell(shop, days=3, labelled=2)
    run(3)
    assert labelled(shop, 1) == 0
    Clock.moment = now = datetime(2026, 1, 4, 1, tzinfo=UTC)
    gaps = [gap for gap in reconcile(shop, mend=True, now=now) if gap.kind == UNREAD]
    assert [(gap.key, gap.about) for gap in gaps] == [("2026-01-03", ("2026-01-01",))]
    assert gaps[0].mended and labelled(shop, 1) == ROWS
    assert not [gap for gap in reconcile(shop, now=now) if gap.kind == UNREAD]
