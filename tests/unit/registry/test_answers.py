from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.neighbors import KNeighborsClassifier
from skops.io import dumps

from mlfactory.product.errors import IntegrityError
from mlfactory.registry.answers import answer_decisions, answer_scores, class_names
from mlfactory.registry.artifacts import digest_of
from mlfactory.registry.trusted import load_trusted

ROWS = pd.DataFrame({"a": np.arange(40.0)})


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_decisions_are_those_of_the_thresholded_classifier(threshold: float):
    label = np.arange(40) > 20
    model = FixedThresholdClassifier(LogisticRegression(), threshold=threshold)
    model.fit(ROWS, label.astype(int))
    scores = answer_scores(model, ROWS)
    assert np.array_equal(answer_decisions(model, ROWS, scores), model.predict(ROWS))


@pytest.mark.parametrize("only", [0, 1])
def test_a_classifier_of_one_class_is_sure_of_it(only: int):
    model = DummyClassifier().fit(ROWS, np.full(40, only))
    scores = answer_scores(model, ROWS)
    assert set(scores) == {float(only)}
    assert set(answer_decisions(model, ROWS, scores)) == {float(only)}


def test_two_classes_with_names_are_several():
    model = LogisticRegression().fit(ROWS, np.where(ROWS["a"] > 20, "high", "low"))
    assert class_names(model) == ("high", "low")
    assert answer_scores(model, ROWS).shape == (40, 2)


def test_the_digest_knows_names_and_contents_whatever_their_order():
    first = digest_of({"a.txt": b"1", "b/c.txt": b"2"})
    assert digest_of({"b/c.txt": b"2", "a.txt": b"1"}) == first
    renamed = digest_of({"a.txt": b"1", "b/d.txt": b"2"})
    assert len({first, renamed, digest_of({"a.txt": b"2", "b/d.txt": b"2"})}) == 3


def test_types_that_are_not_trusted_are_named():
    content = dumps(KNeighborsClassifier().fit(ROWS, np.arange(40) % 2))
    with pytest.raises(IntegrityError, match=r"model 7 is refused: .*sklearn\.neighbors"):
        load_trusted(content, "model 7")


def test_what_is_no_skops_file_is_refused():
    with pytest.raises(IntegrityError, match="model 7 cannot be read as a skops file"):
        load_trusted(b"\x80\x04pickle", "model 7")
