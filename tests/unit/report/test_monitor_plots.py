from __future__ import annotations

import math

import numpy as np

from mlfactory.report.drawing import drawn
from mlfactory.report.monitor_plots import (
    Distribution,
    Measurement,
    counted_shares,
    distributions,
    history,
    level_shares,
    scores,
)
from mlfactory.report.page import Page
from mlfactory.statistics.histograms import Counted, FeatureKind, count


def learned(values: list[object] | np.ndarray, kind: FeatureKind = "categorical") -> Counted:
    return count(np.array(values), kind, np.zeros(len(values), dtype=int), 1)


def test_shares_are_of_all_rows_missing_ones_too_the_frequent_first():
    reference = learned(["a", "b", "b", None])
    shares = level_shares(reference, reference.tally(["a", "a"]))
    assert shares.loc["a"].tolist() == [0.25, 1.0]
    assert shares.loc["b"].tolist() == [0.5, 0.0]
    assert shares.loc["missing"].tolist() == [0.25, 0.0]
    assert shares.index[0] == "a"


def test_many_levels_are_drawn_as_one_and_no_row_is_lost():
    names = [f"level {number}" for number in range(100)]
    reference = learned(names)
    shares = level_shares(reference, reference.tally([*names[:50], "new"]))
    assert len(shares) == 8
    assert shares.index[-1] == "all others"
    assert np.allclose(shares.sum(), 1)


def test_odd_values_can_be_drawn():
    none, same = np.array([np.nan, np.nan]), np.array([2.0, 2.0])
    names = learned(["a", None])
    figure = distributions(
        [
            Distribution("nothing", learned(none, "numeric")),
            Distribution("one value", learned(same, "numeric"), numbers=same),
            Distribution("gone", learned(same, "numeric")),
            Distribution("names", names, tallied=names.tally([])),
        ]
    )
    assert [axes.get_title(loc="left") for axes in figure.axes[:4]] == [
        "nothing",
        "one value",
        "gone",
        "names",
    ]
    assert "data:image" in Page("t").figure(drawn(figure)).render()


def test_a_histogram_from_counts_is_that_of_the_rows():
    values = np.random.default_rng(0).gamma(2, 1, 5000)
    shares, edges = counted_shares(learned(values, "numeric"), values[:100])
    truth = np.histogram(values, edges)[0] / len(values)
    assert np.abs(shares - truth).max() < 0.005
    shares, edges = counted_shares(learned(np.arange(4000) % 3, "numeric"), np.arange(3.0))
    assert sorted(shares[shares > 0.01].round(2).tolist()) == [0.33, 0.33, 0.33]


def test_a_history_has_every_partition_in_order_and_its_bounds():
    champion = [
        Measurement("2013-04-01", 0.66, 0.64, 0.68),
        Measurement("2013-05-01", 0.61, math.nan, math.nan),
    ]
    challenger = [Measurement("2013-06-01", 0.7, 0.6, 0.8)]
    figure = history(champion, challenger, metric="roc_auc", warn=0.62, alert=0.58)
    (axes,) = figure.axes
    ticks = [tick.get_text() for tick in axes.get_xticklabels()]
    assert ticks == ["2013-04-01", "2013-05-01", "2013-06-01"]
    named = [text.get_text() for text in axes.get_legend().get_texts()]
    assert {"champion", "challenger, in shadow", "warn 0.62", "alert 0.58"} == set(named)


def test_scores_are_drawn_with_their_threshold():
    figure = scores(np.array([0.1, 0.9]), np.array([0.2]), name="chance", threshold=0.25)
    assert "threshold 0.25" in figure.axes[0].texts[0].get_text()
