"""Labels that are told from later rows, and land in the partition in which they fall due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd
import pytest
from tests.integration.prepare.conftest import (
    through,
)

from mlfactory.lake.labels import known_labels
from mlfactory.product.loader import Product

pytestmark = [pytest.mark.one_lake, pytest.mark.usefixtures("home")]

FORECAST = """
import pandas as pd

def build(sources):
    rows = sources["meter"].sort_values("at")
    ahead = rows[["at", "kwh"]].assign(at=rows["at"] - pd.Timedelta("24h"))
    return rows.merge(ahead.rename(columns={"kwh": "tomorrow"}), on="at", how="left")
"""
FORECAST_SPEC = """
apiVersion: mlfactory/v1
name: power
partition: {every: day, start: 2026-01-01}
sources: {meter: {kind: csv, path: meter.csv, event_time: at}}
features: {key: [at], event_time: at, numeric: [kwh], history: HISTORY}
label: {column: tomorrow, kind: regression, arrives_after: 24 hours}
"""


def meter(product_of: Callable[..., Product], history: str) -> Product:
    times = pd.date_range("2026-01-01", periods=24 * 4, freq="h", tz="UTC")
    lines = [f"{at.isoformat()},{number}" for number, at in enumerate(times)]
    text = "\n".join(["at,kwh", *lines]) + "\n"
    return product_of(FORECAST_SPEC.replace("HISTORY", history), FORECAST, {"meter.csv": text})


def test_a_label_ahead_of_its_event_loses_no_day(make_product: Callable[..., Product]) -> None:
    product = meter(make_product, "24 hours")
    results = [through(product, f"2026-01-0{day}") for day in (1, 2, 3)]
    assert [each.labelled for each in results] == [0, 0, 0]
    assert [each.labelled_earlier for each in results] == [0, 24, 24]
    keys = ["2026-01-01", "2026-01-02", "2026-01-03"]
    # at the end of the third day the next day's values are known for the first two
    known = known_labels(product, keys, product.calendar.parse("2026-01-03").end)
    assert known["partition"].value_counts().to_dict() == {"2026-01-01": 24, "2026-01-02": 24}
    assert known["label"].tolist() == [float(number) for number in range(24, 72)]
    # and a day earlier only for the first, whatever has been written since
    known = known_labels(product, keys, product.calendar.parse("2026-01-02").end)
    assert known["partition"].unique().tolist() == ["2026-01-01"]


def test_labels_that_fall_due_in_a_partition_without_events_are_kept(
    make_product: Callable[..., Product],
) -> None:
    product = meter(make_product, "24 hours")
    text = FORECAST.replace(
        "return rows.merge", "rows = rows[rows['at'] < DAY]\n    return rows.merge"
    )
    (product.folder / "features.py").write_text(text.replace("DAY", "'2026-01-02T00:00Z'"))
    through(product, "2026-01-01")
    result = through(product, "2026-01-02")
    assert (result.rows, result.labelled_earlier, result.state) == (0, 24, "no_data")
    assert known_labels(product, ["2026-01-01"], datetime(2026, 1, 3, tzinfo=UTC)).shape[0] == 24
