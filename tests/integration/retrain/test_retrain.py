from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from tests.left_rows import leave_rows

from mlfactory import retrain
from mlfactory.cli.timeline import timeline
from mlfactory.lake import ledger
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import IntegrityError
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: rides
partition: {every: month, start: 2013-01-01}
sources:
  rides: {kind: csv, path: "rides.csv", event_time: at, key: [ride]}
features: {key: [ride], event_time: at, numeric: [wind]}
label: {column: late, kind: binary, arrives_after: 2 days}
monitor: {performance: {metric: roc_auc, warn: 0.62, alert: 0.58}}
retrain:
  when: [{every: 6 partitions}, {drift: alert, in: 2 of 3}, {performance: alert}]
"""

SNAPSHOT = """
apiVersion: mlfactory/v1
name: wine
partition: {every: snapshot}
sources:
  wine: {kind: csv, path: "wine.csv", key: [bottle]}
features: {key: [bottle], numeric: [alcohol]}
label: {column: cultivar, kind: multiclass}
train: {min_holdout: 40}
"""


@pytest.fixture
def product(home, make_product) -> Product:
    return make_product(SPEC, files={"rides.csv": "ride,at\n"})


def label(product: Product, number: int, rows: int = 120) -> None:
    start = product.calendar.parse(f"2013-{number:02d}-01")
    hours = np.arange(rows) * (start.end - start.start) / rows
    at = pd.Series(pd.Timestamp(start.start) + pd.to_timedelta(hours)).astype("datetime64[us, UTC]")
    frame = pd.DataFrame({"ride": np.arange(rows), "at": at, "label": np.arange(rows) % 2.0})
    frame["available_at"] = frame["at"] + product.spec.label.arrives_after
    leave_rows(product, start.key, labels=frame, features=frame[["ride", "at"]].assign(wind=1.0))


def measure(product: Product, number: int, *rows: tuple[int, str, str, float | None, str]) -> None:
    """Write what the monitor found in a month: (about month, metric, slice, value, state)."""
    frame = pd.DataFrame(
        [
            {
                "about": f"2013-{about:02d}-01",
                "metric": metric,
                "slice": of,
                "value": value,
                "bound": 0.58 if metric == "performance" else 0.12,
                "state": state,
            }
            for about, metric, of, value, state in rows
        ]
    )
    frame["value"] = frame["value"].astype("float64")
    leave_rows(product, f"2013-{number:02d}-01", metrics=frame)


def judge(product: Product, number: int, event: ledger.Event = "promoted") -> None:
    key = f"2013-{number:02d}-01"
    details = {"version": str(number), "seen_through": key}
    entry = ledger.Entry(event, key, "gates", subject=f"{key}.t", details=details)
    ledger.record(product.name, entry)


def decide(product: Product, number: int) -> retrain.RetrainResult:
    return retrain.run(product, product.calendar.parse(f"2013-{number:02d}-01"))


def test_the_first_training_is_asked_for_when_there_is_enough(product):
    label(product, 1)
    assert not decide(product, 1).requested
    label(product, 2)
    result = decide(product, 2)
    # the labels of the last two days of February are not known when it ends
    assert result.reason == "no champion yet and 232 labelled rows in 2 partitions"
    assert [entry.event for entry in ledger.entries("rides")] == [
        "retrain_refused",
        "retrain_requested",
    ]
    assert ledger.entries("rides")[-1].why == result.reason
    assert read_manifest("rides", "retrain", "2013-02-01")["facts"]["requested"] is True


def test_an_empty_lake_is_a_refusal_and_no_error(product):
    result = decide(product, 1)
    assert not result.requested
    assert "0 labelled rows" in result.reason


def test_drift_asks_with_the_figures_of_the_newest_partition(product):
    judge(product, 2)
    for number in (3, 4):
        label(product, number)
        measure(
            product,
            number,
            (number, "drift", "", 5.0, "alert"),
            (number, "drift", "wind", 0.61 + number / 100, "alert"),
            (number, "drift", "calm", 0.13, "warn"),
            (number, "drift", "gust", 0.4, "alert"),
            (number, "performance", "", 0.66, "ok"),
        )
    result = decide(product, 4)
    assert result.requested
    assert result.reason == (
        "drift was alert in 2 of the newest 3 partitions (wind 0.65 > 0.12, gust 0.4 > 0.12)"
    )


def test_performance_counts_as_it_was_measured_last(product):
    judge(product, 2)
    for number in (3, 4):
        label(product, number)
    measure(product, 3, (3, "performance", "", None, "no_labels"))
    measure(
        product,
        4,
        (3, "performance", "", 0.55, "alert"),
        (4, "performance", "", None, "no_labels"),
    )
    assert decide(product, 4).reason == (
        "performance of 2013-03-01 was alert (roc_auc 0.55 below 0.58)"
    )
    assert not decide(product, 3).requested


def test_what_was_found_before_the_champion_was_made_is_not_held_against_it(product):
    for number in (2, 3, 4):
        label(product, number)
        measure(product, number, (number, "drift", "", 5.0, "alert"))
    judge(product, 1)
    judge(product, 3)
    assert "nothing asks for it: drift alert" in decide(product, 4).reason


def test_damage_to_the_figures_of_a_month_stops_deciding_about_that_month_and_no_other(
    product, caplog
):
    """An hour's figures were gone, and for weeks nothing asked for a training."""
    judge(product, 1)
    for month in (2, 3, 4):
        label(product, month)
        measure(product, month, (month, "performance", "", 0.5, "alert"))
    lake = Lake(product.name)
    gone = lake.read("metrics", ["2013-03-01"]).drop(columns="partition").iloc[:0]
    lake.replace("metrics", gone.drop(columns="_run"), "2013-03-01", run="any")
    assert decide(product, 4).requested
    assert "partition 2013-03-01: its metrics are left out" in caplog.text
    with pytest.raises(IntegrityError, match="partition 2013-03-01 are gone"):
        decide(product, 3)


def test_a_request_stands_until_its_training_was_judged_and_is_written_once(product):
    for number in (1, 2):
        label(product, number)
    first = decide(product, 2)
    assert decide(product, 2) == first
    assert len(ledger.entries("rides")) == 1
    judge(product, 2)
    again = decide(product, 2)
    assert not again.requested
    assert again.reason.startswith(first.reason)
    assert "a training with the cut-off 2013-02-01 was judged already" in again.reason


def test_what_cannot_be_carried_out_neither_ends_the_span_nor_spends_the_budget(product):
    """501 rows were labelled and 1 left to fit: a request and a failure every day."""
    judge(product, 1)
    for number in range(2, 7):
        label(product, number, rows=4)
    asking = []
    for number in range(7, 10):
        label(product, number, rows=4)
        result = decide(product, number)
        assert not result.requested
        assert "rows could be fitted on" in result.reason
        asking.append(result.reason.split("; refused: ")[0])
    since = "{} partitions since the champion was trained at 2013-01-01"
    assert asking == [since.format(passed) for passed in (6, 7, 8)]
    assert ledger.entries("rides", "retrain_requested") == []
    for number in range(2, 11):
        label(product, number)
    result = decide(product, 10)
    assert (result.requested, result.reason) == (True, since.format(9))


def test_deciding_about_the_past_again_does_not_count_what_came_after(product):
    for number in (3, 4, 5):
        label(product, number)
        measure(product, number, (number, "drift", "", 5.0, "alert"))
    judge(product, 2)
    first = decide(product, 4)
    assert first.requested
    judge(product, 5, "rejected")
    assert decide(product, 4) == first


def test_a_rejected_training_counts_for_the_cooldown(product):
    for number in (3, 4, 5, 6):
        label(product, number)
        measure(product, number, (number, "drift", "", 5.0, "alert"))
    judge(product, 2)
    judge(product, 4, "rejected")
    assert "the last training was at 2013-04-01" in decide(product, 5).reason
    assert decide(product, 6).requested


def test_a_snapshot_is_asked_for_once(home, make_product):
    product = make_product(SNAPSHOT, files={"wine.csv": "bottle,alcohol\n"})
    partition = product.calendar.parse("snapshot")
    frame = pd.DataFrame({"bottle": np.arange(178), "label": ["a", "b"] * 89})
    frame["available_at"] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
    built = frame[["bottle"]].assign(alcohol=12.5)
    leave_rows(product, "snapshot", labels=frame, features=built)
    first = retrain.run(product, partition)
    assert first.reason == "no champion yet and 178 labelled rows in 1 partition"
    details = {"version": "1", "seen_through": "snapshot"}
    ledger.record("wine", ledger.Entry("promoted", "snapshot", "gates", details=details))
    again = retrain.run(product, partition)
    (promoted,) = ledger.entries("wine", "promoted")
    assert not again.requested
    assert again.reason == (
        f"nothing asks for it: the only partition was trained on at {promoted.at}; "
        "train again by hand when the data has changed"
    )


def test_quiet_partitions_leave_one_entry_and_each_its_answer_in_the_manifest(product):
    judge(product, 2)
    for number in range(3, 8):
        label(product, number)
        measure(product, number, (number, "drift", "", 0.01 * number, "ok"))
        decide(product, number)
    said = ledger.entries("rides", "retrain_refused")
    assert [entry.partition for entry in said] == ["2013-03-01"]
    facts = read_manifest("rides", "retrain", "2013-06-01")["facts"]
    assert facts["requested"] is False and facts["refusals"] == []
    assert facts["reason"].startswith("nothing asks for it: drift ok in 2013-06-01")
    # what the ledger does not repeat, the timeline tells all the same
    assert [row.reason for row in timeline(product, ["2013-06-01"])] == [facts["reason"]]
