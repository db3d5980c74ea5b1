from __future__ import annotations

import math

import numpy as np
import pandas as pd

from mlfactory.report.monitor_plots import (
    Distribution,
    Measurement,
    distributions,
    history,
    level_shares,
    scores,
)
from mlfactory.report.page import Page


def test_shares_are_of_all_rows_missing_ones_too_the_frequent_first():
    shares = level_shares(pd.Series(["a", "b", "b", None]), pd.Series(["c", "c"]))
    assert shares.loc["c"].tolist() == [0.0, 1.0]
    assert shares.loc["b"].tolist() == [0.5, 0.0]
    assert shares.loc["missing"].tolist() == [0.25, 0.0]
    assert shares.index[0] == "c"


def test_many_levels_are_drawn_as_one_and_no_row_is_lost():
    names = pd.Series([f"level {number}" for number in range(100)])
    shares = level_shares(names, names[:50])
    assert len(shares) == 8
    assert shares.index[-1] == "all others"
    assert np.allclose(shares.sum(), 1)


def test_odd_values_can_be_drawn():
    none, same = pd.Series([np.nan, np.nan]), pd.Series([2.0, 2.0])
    figure = distributions(
        [
            Distribution("nothing", none, none, numeric=True),
            Distribution("one value", same, same, numeric=True),
            Distribution("gone", same, none, numeric=True),
            Distribution("names", pd.Series(["a", None]), pd.Series([], dtype="str"), False),
        ]
    )
    assert [axes.get_title(loc="left") for axes in figure.axes[:4]] == [
        "nothing",
        "one value",
        "gone",
        "names",
    ]
    assert "data:image" in Page("t").figure(figure).render()


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
