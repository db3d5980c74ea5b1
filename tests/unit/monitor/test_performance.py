from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from mlfactory.monitor.judged import Judged, outcome_of
from mlfactory.monitor.judgement import FOUR_WEEKS, Known
from mlfactory.monitor.performance import against_naive, performance_findings
from mlfactory.statistics.metrics import measure
from mlfactory.statistics.naive import Naive

MAY = datetime(2013, 5, 1, tzinfo=UTC)
HOUR = "%Y-%m-%dT%H:00"


def rides(labels: list[float]) -> pd.DataFrame:
    count = len(labels)
    at = pd.Timestamp("2013-04-01", tz="UTC") + pd.to_timedelta(np.arange(count) * 8, "h")
    scores = np.linspace(0, 1, count)
    return pd.DataFrame({"at": at, "score": scores, "prediction": (scores > 0.5).astype(float)})


def made_of(labels: list[float], predictions: int) -> Judged:
    return Judged(
        version="3",
        since="2013-04-01",
        until=MAY,
        predictions=predictions,
        labelled=len(labels),
        rows=rides(labels),
        labels=pd.Series(labels, dtype=float),
        traits=pd.DataFrame(),
    )


def findings_of(product, labels: list[float], predictions: int):
    april = product.calendar.parse("2013-04-01")
    made = {"champion": made_of(labels, predictions)} if predictions else {}
    found = performance_findings(product, april, april, made, {"3": Known()})
    return {(one.metric, one.slice): one for one in found}


def test_no_predictions_no_labels_and_few_labels_are_states(product_of):
    product = product_of()
    assert findings_of(product, [], 0)["performance", ""].state == "no_data"
    assert findings_of(product, [], 80)["performance", ""].state == "no_labels"
    assert findings_of(product, [0.0, 1.0] * 24, 80)["performance", ""].state == "insufficient"


def test_the_share_of_predictions_with_a_label_is_reported(product_of):
    assert findings_of(product_of(), [0.0, 1.0] * 30, 80)["coverage", ""].value == 0.75


def test_a_metric_that_cannot_be_computed_is_insufficient(product_of):
    found = findings_of(product_of(), [0.0] * 60, 60)
    assert found["performance", ""].state == "insufficient"
    assert found["accuracy", ""].value == 0.5


def test_the_summary_is_the_watched_metric(product_of):
    product = product_of(monitor={"performance": {"metric": "brier", "warn": 0.1}})
    found = findings_of(product, [0.0, 1.0] * 40, 80)
    summary, metric = found["performance", ""], found["brier", ""]
    assert summary.value == metric.value > 0.1
    assert (summary.state, summary.bound, summary.model_version) == ("warn", 0.1, "3")
    assert summary.low < summary.value < summary.high


def test_costs_are_counted_where_the_spec_has_them(product_of):
    costs = {"business": {"false_negative": 10, "false_positive": 1}}
    found = findings_of(product_of(**costs), [1.0] * 60, 60)
    assert found["total_cost", ""].value == pytest.approx(30 * 10)
    assert ("cost", "") not in findings_of(product_of(), [1.0] * 60, 60)


def test_several_classes_are_matched_by_name_and_unseen_ones_count_as_wrong(product_of):
    product = product_of(label={"column": "kind", "kind": "multiclass"})
    rows = pd.DataFrame(
        {
            "at": pd.Timestamp("2013-04-01", tz="UTC"),
            "prediction": ["bus", "bus", "tram", "tram"],
            "probabilities": [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]],
        }
    )
    labels = pd.Series(["bus", "tram", "ferry", "tram"])
    made = Judged("1", "2013-04-01", MAY, 4, 4, rows, labels, pd.DataFrame())
    outcome = outcome_of(product, made, ("bus", "tram"))
    assert outcome.classes == ("bus", "tram", "ferry")
    assert measure(outcome, "accuracy") == 0.5
    assert measure(outcome, "log_loss") > 5


def test_days_of_hours_end_with_the_window(product_of):
    """Four days that ended in the morning were five, the first and the last of them a part."""
    product = product_of(partition={"every": "hour", "start": "2013-01-01"})
    until = datetime(2013, 4, 9, 7, tzinfo=UTC)
    at = pd.date_range(end=until, periods=97, freq="h", unit="us")[:-1]
    rows = pd.DataFrame({"at": at, "score": 0.5, "prediction": 1.0})
    labels = pd.Series([0.0, 1.0] * 48)
    made = Judged("1", "2013-04-05T07:00", until, 1, 1, rows, labels, pd.DataFrame())
    blocks = outcome_of(product, made).blocks
    assert np.unique(blocks, return_counts=True)[1].tolist() == [24] * 4


class Answers:
    """What a model said at some times: a little better than none, less than days do by chance."""

    def __init__(self, product, at: pd.DatetimeIndex, format_of_key: str) -> None:
        self.product = product
        random = np.random.default_rng(0)
        at = at.repeat(5)
        labels = 3 * random.choice([-1.0, 1.0], len(at))
        of_day = random.normal(size=400)[at.dayofyear]
        of_day -= of_day[at >= at[-1] - FOUR_WEEKS].mean()
        said = labels + 2.95 + 0.5 * of_day
        self.rows = pd.DataFrame(
            {"at": at, "partition": at.strftime(format_of_key), "score": said, "prediction": said}
        ).assign(label=labels)

    def over(self, slots, as_of) -> dict[str, Judged]:
        rows = self.rows
        rows = rows[(rows["at"] >= slots[0].start) & (rows["at"] < slots[-1].end)]
        rows = rows.reset_index(drop=True)
        newest = int((rows["partition"] == slots[-1].key).sum())
        ends = rows["partition"].min(), slots[-1].end
        return {"champion": Judged("3", *ends, newest, newest, rows, rows["label"], pd.DataFrame())}


@pytest.mark.parametrize(
    ("every", "key", "with_rows", "newest"),
    [
        ("day", "%Y-%m-%d", lambda at: at.dayofweek < 5, "2013-05-03"),
        ("hour", HOUR, lambda at: (at.hour >= 8) & (at.hour <= 20), "2013-05-03T20:00"),
        ("hour", HOUR, lambda at: at.hour % 6 == 3, "2013-05-03T09:00"),
    ],
    ids=["no weekends", "no nights", "an hour in six"],
)
def test_four_weeks_are_over_where_their_first_partition_has_no_rows(
    product_of, every, key, with_rows, newest
):
    """On Fridays, and in the last hour of a day, it was `insufficient` what was `ok` before."""
    label = {"column": "minutes", "kind": "regression"}
    product = product_of(partition={"every": every, "start": "2013-01-01"}, label=label)
    about = product.calendar.parse(newest)
    at = pd.date_range("2013-03-04", "2013-05-06", freq="h", tz="UTC", unit="us")
    answered = Answers(product, at[with_rows(at) & (at < about.end)], key)
    known = {"3": Known(naive=Naive())}
    found = against_naive(answered, about, about, known)
    assert found is not None and found.state == "ok"
    since = product.calendar.parse(found.since)
    assert since.start > about.end - FOUR_WEEKS
    # a model that predicts since three weeks has no four behind it
    answered.rows = answered.rows[answered.rows["at"] >= about.end - 0.75 * FOUR_WEEKS]
    assert against_naive(answered, about, about, known).state == "insufficient"
