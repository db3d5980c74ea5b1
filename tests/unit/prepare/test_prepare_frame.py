from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlfactory.lake.kinds import words
from mlfactory.prepare.build import call_build
from mlfactory.prepare.given import build_given
from mlfactory.prepare.tables import Prepared, prepare
from mlfactory.product.errors import BuildError
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {{every: day, start: 2026-01-01}}
sources: {{orders: {{kind: csv, path: orders.csv, event_time: at}}}}
features:
  key: [id]
  event_time: at
  numeric: [price]
  categorical: [colour]
  sensitive: [region]
  history: 1 day
label: {{column: bad, kind: {kind}, arrives_after: 2 days}}
"""
READ_AT = datetime(2026, 1, 9, tzinfo=UTC)
"""When every label was due."""

MakeProduct = Callable[..., Product]
Make = Callable[..., Prepared]


def built(**changes: Any) -> pd.DataFrame:
    columns = {
        "id": ["b", "a", "old"],
        "at": pd.to_datetime(["2026-01-02T10", "2026-01-02T11", "2026-01-01T10"], utc=True),
        "price": [1, 2, 3],
        "colour": ["red", None, "red"],
        "region": [1, 2, 3],
        "bad": [1, 0, 1],
    }
    return pd.DataFrame({**columns, **changes})


@pytest.fixture
def made(make_product: MakeProduct) -> Make:
    """Give a function that prepares the second day from a built frame."""

    def make(frame: pd.DataFrame, kind: str = "binary", *, read_at: datetime = READ_AT) -> Prepared:
        product = make_product(SPEC.format(kind=kind))
        return prepare(product, product.calendar.parse("2026-01-02"), frame, read_at)

    return make


def test_features_and_labels_are_typed_and_in_the_order_of_the_key(made: Make) -> None:
    prepared = made(built())
    assert prepared.features.schema == pa.schema(
        [
            ("id", pa.string()),
            ("at", pa.timestamp("us", "UTC")),
            ("price", pa.float64()),
            ("colour", pa.string()),
            ("region", pa.string()),
        ]
    )
    assert prepared.features.column("id").to_pylist() == ["a", "b"]
    assert prepared.features.column("colour").to_pylist() == [None, "red"]
    assert prepared.labels.to_pylist()[0] == {
        "id": "a",
        "at": datetime(2026, 1, 2, 11, tzinfo=UTC),
        "label": 0.0,
        "available_at": datetime(2026, 1, 4, 11, tzinfo=UTC),
    }


def test_rows_without_a_label_are_in_the_features_only(made: Make) -> None:
    prepared = made(built(bad=[np.nan, 0, 1]))
    assert prepared.features.num_rows == 2
    assert prepared.labels.column("id").to_pylist() == ["a"]


def test_a_label_that_was_read_before_it_was_due_is_kept_and_known_at_no_moment(made: Make) -> None:
    labels = made(built(), read_at=datetime(2026, 1, 4, 10, 30, tzinfo=UTC)).labels.to_pylist()
    known = {row["id"]: (row["label"], row["available_at"]) for row in labels}
    assert known == {"a": (0.0, None), "b": (1.0, datetime(2026, 1, 4, 10, tzinfo=UTC))}


def test_the_order_of_the_built_rows_does_not_matter(made: Make) -> None:
    assert made(built().iloc[::-1]) == made(built())


def test_labels_of_several_classes_are_text(made: Make) -> None:
    labels = made(built(bad=["x", None, "y"]), kind="multiclass").labels
    assert labels.column("label").to_pylist() == ["x"]


@pytest.mark.parametrize(
    "values",
    [[True, False, None], ["1", "0.0", None], pd.array([1, 0, None], dtype="Int64")],
)
def test_binary_labels_may_be_written_in_several_ways(made: Make, values: Any) -> None:
    labels = made(built(bad=values)).labels
    assert labels.column("label").to_pylist() == [0.0, 1.0]


def test_words_of_whole_numbers_do_not_depend_on_gaps() -> None:
    assert words(pd.Series([1, 2])).tolist() == ["1", "2"]
    assert words(pd.Series([1, np.nan])).tolist()[0] == "1"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"id": ["a", "a", "c"]}, "2 of 2 rows share theirs with another, such as id='a'"),
        ({"id": ["a", None, "c"]}, "the key 'id' is null in 1 of 2 rows"),
        ({"price": [1, "much", 3]}, "'price' holds 'much', which is not a number"),
        ({"price": [1, np.inf, 3]}, "'price' holds inf, which is not a finite number"),
        ({"price": pd.to_datetime(["2026-01-01"] * 3)}, "numeric in product.yaml and datetime64"),
        ({"bad": [1, 2, 0]}, "'bad' holds 2, which is not 0 or 1"),
        ({"bad": [1, "yes", 0]}, "'bad' holds 'yes', which is not 0 or 1 (or True or False)"),
        ({"bad": ["no", "yes", "no"]}, "which of its values ('no', 'yes') is to be predicted"),
        ({"at": [datetime(2026, 1, 2), None, None]}, "2 of 3 rows have no event time in 'at'"),
        ({"at": [1, 2, 3]}, "the event time 'at' is int64"),
        ({"at": ["2026-03-01"] * 3}, "no event time in 'at' lies in the partition"),
    ],
)  # fmt: skip
def test_a_frame_that_breaks_its_promise_is_an_error_with_place_and_value(
    made: Make, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(BuildError) as caught:
        made(built(**changes))
    assert says in str(caught.value)
    assert "shop, partition 2026-01-02: " in str(caught.value)


@pytest.mark.parametrize("word", ["now", "today"])
def test_no_event_happens_at_the_time_of_the_machine(
    make_product: MakeProduct, made: Make, word: str
) -> None:
    frame = built(at=["2026-01-02T10", word, "2026-01-01T10"])
    with pytest.raises(BuildError, match=f"1 of 3 rows have no event time in 'at'.*'{word}'"):
        made(frame)
    product = make_product(SPEC.format(kind="binary"), "def build(given): return given['orders']")
    asked = build_given(product, {"orders": frame})
    assert asked.reasons == {1: "it has no time in 'at'"}


def test_a_regression_label_must_be_finite(made: Make) -> None:
    with pytest.raises(BuildError, match="not a finite number"):
        made(built(bad=[1.5, np.inf, 2]), kind="regression")


def test_every_missing_column_is_named_with_the_nearest_there_is(made: Make) -> None:
    frame = built().rename(columns={"price": "prize", "id": "identity", "bad": "worse"})
    with pytest.raises(BuildError) as caught:
        made(frame)
    assert "'price' (features.numeric) (did you mean 'prize'?)" in str(caught.value)
    assert "'id' (features.key)" in str(caught.value)
    assert "'bad' (label.column)" in str(caught.value)


def test_a_key_left_in_the_index_is_pointed_out(made: Make) -> None:
    with pytest.raises(BuildError, match=r"its index is \['id'\], call reset_index"):
        made(built().set_index("id"))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise ValueError('no luck')", "features:build raised ValueError: no luck"),
        ("return sources['orders']['prize']", "there is no 'prize' (did you mean 'price'?)"),
        ("return sources['order']", "there is no 'order' (did you mean 'orders'?)"),
        ("return [1]", "features:build returned list"),
        ("return None", "features:build returned NoneType"),
    ],
)
def test_a_build_function_that_fails_is_explained(
    make_product: MakeProduct, body: str, says: str
) -> None:
    product = make_product(SPEC.format(kind="binary"), f"def build(sources):\n    {body}\n")
    with pytest.raises(BuildError) as caught:
        call_build(product, "shop", {"orders": built()})
    assert says in str(caught.value)
    assert "features.py" in str(caught.value)
    if "return [" not in body and "None" not in body:
        assert "features.py:2" in str(caught.value)


def test_a_file_that_cannot_be_imported_is_explained(make_product: MakeProduct) -> None:
    text = "import no_such_module\ndef build(sources): ...\n"
    product = make_product(SPEC.format(kind="binary"), text)
    with pytest.raises(BuildError, match=r"No module named 'no_such_module'.*features\.py:1"):
        call_build(product, "shop", {})


def test_the_event_time_alone_may_be_the_key(make_product: MakeProduct) -> None:
    product = make_product(SPEC.format(kind="binary").replace("key: [id]", "key: [at]"))
    prepared = prepare(product, product.calendar.parse("2026-01-02"), built(), READ_AT)
    assert pa.types.is_timestamp(prepared.features.schema.field("at").type)
    assert prepared.labels.schema.field("at") == prepared.features.schema.field("at")
