from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2024-01-01}
sources:
  sales: {kind: csv, path: sales.csv, event_time: at, key: [id]}
features: {key: [id], event_time: at, numeric: [amount], categorical: [colour]}
label: {column: returned, kind: binary}
"""


@pytest.fixture
def product(mlflow_file, make_product) -> Product:
    return make_product(SPEC)


@pytest.fixture
def rows() -> pd.DataFrame:
    amount = np.linspace(-2, 2, 60)
    amount[7] = np.nan
    colours = pd.Series(["red", "blue", None] * 20, dtype="str")
    return pd.DataFrame({"amount": amount, "colour": colours})


@pytest.fixture
def estimator(rows) -> FixedThresholdClassifier:
    prepared = make_column_transformer(
        (SimpleImputer(), ["amount"]), (OneHotEncoder(handle_unknown="ignore"), ["colour"])
    )
    pipeline: Pipeline = make_pipeline(prepared, LogisticRegression())
    label = (np.arange(60) > 35).astype(float)
    return FixedThresholdClassifier(pipeline, threshold=0.3).fit(rows, label)
