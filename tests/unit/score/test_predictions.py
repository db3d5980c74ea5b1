from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LinearRegression

from mlfactory.product.errors import ContractError
from mlfactory.registry.models import LoadedModel
from mlfactory.registry.pyfunc import Scorer
from mlfactory.score.predictions import inputs_of, predict, predictions_schema

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2024-01-01}
sources: {sales: {kind: csv, path: sales.csv, event_time: at, key: [id]}}
features: {key: [id], event_time: at, numeric: [amount], categorical: [colour]}
label: {column: price, kind: KIND}
"""

TYPES = {
    "id": pa.int64(),
    "at": pa.timestamp("us", "UTC"),
    "amount": pa.float64(),
    "colour": pa.string(),
}


@pytest.fixture
def product(make_product):
    return make_product(SPEC.replace("KIND", "regression"))


@pytest.fixture
def rows() -> pd.DataFrame:
    at = pd.date_range("2024-01-01", periods=4, tz="UTC", unit="us")
    colour = pd.Series(["red", None, "blue", "red"], dtype="str")
    return pd.DataFrame({"id": range(4), "at": at, "amount": [1.0, 2, 3, 4], "colour": colour})


def model_of(columns: list[str], rows: pd.DataFrame, version: str = "1") -> LoadedModel:
    numbers = rows[["amount"]]
    estimator = LinearRegression().fit(numbers, numbers["amount"] * 2)
    return LoadedModel("shop", version, Scorer(estimator, rows[columns]), {}, np.zeros(4))


@pytest.mark.parametrize(
    ("kind", "prediction", "names"),
    [
        ("binary", pa.float64(), ["id", "at", "role", "model_version", "score", "prediction"]),
        ("regression", pa.float64(), ["id", "at", "role", "model_version", "score", "prediction"]),
        (
            "multiclass",
            pa.string(),
            ["id", "at", "role", "model_version", "score", "prediction", "probabilities"],
        ),
    ],
)
def test_the_schema_is_that_of_the_label_even_without_rows(make_product, kind, prediction, names):
    schema = predictions_schema(make_product(SPEC.replace("KIND", kind)).spec, TYPES)
    assert schema.names == names
    assert (schema.field("id").type, schema.field("prediction").type) == (pa.int64(), prediction)


def test_every_model_answers_every_row(product, rows):
    day = product.calendar.parse("2024-01-01")
    model, other = (model_of(["amount"], rows, version) for version in ("1", "2"))
    asked = {"champion": model, "challenger": other}
    tables = [predict(product, day, rows, TYPES, role, one) for role, one in asked.items()]
    found = pa.concat_tables(tables).to_pandas()
    assert list(found["role"]) == ["champion"] * 4 + ["challenger"] * 4
    assert list(found["model_version"]) == ["1"] * 4 + ["2"] * 4
    assert found["score"].tolist() == pytest.approx([2, 4, 6, 8] * 2)
    assert list(found["id"]) == [0, 1, 2, 3] * 2


def test_inputs_are_given_in_the_types_the_model_takes(rows):
    whole = rows.assign(amount=[1, 2, 3, 4], other=0)
    given = inputs_of("shop", whole, model_of(["amount", "colour"], rows))
    assert list(given.columns) == ["amount", "colour"]
    assert given["amount"].dtype == "float64"


def test_what_does_not_fit_is_named(rows):
    model = model_of(["amount", "colour"], rows)
    with pytest.raises(ContractError, match="columns colour are missing"):
        inputs_of("shop", rows.drop(columns="colour"), model)
    with pytest.raises(ContractError, match=r"shop: .*colour \(the model takes str, they hold"):
        inputs_of("shop", rows.assign(colour=1.0), model)
