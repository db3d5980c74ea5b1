"""A product as it lives whose labels are told two days late, and some of them wrongly first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from mlfactory.cli.main import app
from mlfactory.lake import ledger
from mlfactory.lake.tables import Lake
from mlfactory.product.loader import Product

pytestmark = pytest.mark.one_lake

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2026-01-01}
sources:
  orders: {kind: csv, path: orders.csv, event_time: at, key: [id]}
  outcomes: {kind: csv, path: outcomes.csv, event_time: told_at}
features: {key: [id], event_time: at, numeric: [price]}
label:
  column: bad
  kind: binary
  arrives_after: 2 days
  from: {source: outcomes, value: bad, observed_at: told_at}
train:
  window: 6 partitions
  holdout: 1 partition
  min_rows: 400
  min_holdout: 40
  candidates: [logistic_regression]
  search: {trials: 1, seconds: 5}
promote: {gates: [{metric: roc_auc, at_least: 0.5}]}
retrain: {when: []}
"""
ORDERS, DAYS, CORRECTED = 120, 14, 10


@pytest.fixture
def shop(mlflow_file: Path, make_product: Callable[..., Product]) -> Product:
    """Give a shop of which the labels of one day are told wrongly, and corrected on the last."""
    random = np.random.default_rng(3)
    orders, outcomes = ["id,at,price"], ["id,told_at,bad"]
    for day in range(1, DAYS + 1):
        prices = random.random(ORDERS).round(3)
        truth = (random.random(ORDERS) < prices).astype(int)
        for row in range(ORDERS):
            at = pd.Timestamp(f"2026-01-{day:02}T00:05Z") + pd.Timedelta(minutes=10 * row)
            told = at + pd.Timedelta(days=2)
            said = 1 - truth[row] if day == CORRECTED else truth[row]
            orders.append(f"{day}-{row},{at.isoformat()},{prices[row]}")
            outcomes.append(f"{day}-{row},{told.isoformat()},{said}")
            if day == CORRECTED:
                outcomes.append(f"{day}-{row},2026-01-{DAYS:02}T12:00:00Z,{truth[row]}")
    files = {"orders.csv": "\n".join(orders) + "\n", "outcomes.csv": "\n".join(outcomes) + "\n"}
    return make_product(SPEC, 'def build(sources): return sources["orders"]\n', files)


def measured(about: int, metric: str) -> dict[str, tuple[str, float]]:
    """Return what was found about a day, by the partition at whose end it was looked."""
    rows = Lake("shop").read("metrics")
    rows = rows[(rows["about"] == f"2026-01-{about:02}") & (rows["metric"] == metric)]
    rows = rows[rows["slice"] == ""]
    return {
        str(one.as_of): (str(one.state), float(one.value)) for one in rows.itertuples(index=False)
    }


def test_performance_comes_with_the_labels_and_again_with_their_correction(shop: Product) -> None:
    done = CliRunner().invoke(
        app, ["run", "shop", "2026-01-01", "--to", f"2026-01-{DAYS:02}"], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    promoted = [one for one in ledger.entries("shop") if one.event == "promoted"]
    assert promoted, done.output
    found = measured(CORRECTED, "performance")
    assert found["2026-01-10"][0] == "no_labels"
    auc = {key: value for key, (_, value) in measured(CORRECTED, "roc_auc").items()}
    # told wrongly a good model looks bad; as they are corrected it is measured again
    assert auc["2026-01-12"] < 0.4 < 0.6 < auc[f"2026-01-{DAYS:02}"]
    assert measured(CORRECTED, "coverage")[f"2026-01-{DAYS:02}"][1] == 1.0
