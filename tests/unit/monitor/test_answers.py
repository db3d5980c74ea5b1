from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tests.left_rows import leave_rows

from mlfactory.monitor.answers import from_held_out, from_predictions
from mlfactory.monitor.tables import Tables
from mlfactory.registry.answers import Answers
from mlfactory.trainings.heldout import HeldOut, answers_frame

KINDS = {"column": "kind", "kind": "multiclass"}
AT = pd.Series(pd.to_datetime(["2013-04-01T05:00", "2013-04-02T05:00"], utc=True))


def predictions(**columns: list[object]) -> pd.DataFrame:
    base = {
        "ride": ["a", "b"],
        "at": AT,
        "role": ["champion", "champion"],
        "model_version": ["1", "1"],
    }
    return pd.DataFrame(base | columns)


def held_out_of(said: Answers) -> HeldOut:
    ours = answers_frame(np.array([0, 1]), np.array([15796, 15797]), None, said)
    return HeldOut(pd.DataFrame({"ride": ["a", "b"], "at": AT}), ours)


def test_held_out_answers_are_their_scores_and_times(product_of):
    said = Answers(np.array([0.2, 0.7]), np.array([0.0, 1.0]))
    answers = from_held_out(product_of().spec, held_out_of(said))
    assert answers.to_dict("list") == {"score": [0.2, 0.7], "at": AT.tolist()}


def test_of_several_classes_the_chosen_one_and_its_probability_are_the_answer(product_of):
    said = Answers(np.array([[0.2, 0.8], [0.7, 0.3]]), np.array(["tram", "bus"], dtype=object))
    answers = from_held_out(product_of(label=KINDS).spec, held_out_of(said))
    assert answers["score"].tolist() == [0.8, 0.7]
    assert answers["prediction"].tolist() == ["tram", "bus"]


@pytest.mark.usefixtures("home")
def test_predictions_of_the_champion_have_the_times_of_their_events(product_of):
    product = product_of()
    frame = predictions(score=[0.2, 0.7], prediction=[0.0, 1.0])
    shadow = frame.assign(role="challenger", model_version="2")
    leave_rows(product, "2013-04-01", predictions=pd.concat([frame, shadow]))
    march = frame.assign(model_version="0")
    leave_rows(product, "2013-03-01", predictions=march)
    both = [product.calendar.parse(f"2013-0{month}-01") for month in (3, 4)]
    answers = from_predictions(product, Tables(product).predictions(both), "1")
    assert answers["score"].tolist() == [0.2, 0.7]
    assert answers["at"].tolist() == AT.tolist()


@pytest.mark.usefixtures("home")
def test_predictions_of_several_classes_have_both(product_of):
    product = product_of(label=KINDS)
    frame = predictions(
        score=[0.8, 0.7], prediction=["tram", "bus"], probabilities=[[0.2, 0.8], [0.7, 0.3]]
    )
    leave_rows(product, "2013-04-01", predictions=frame)
    april = product.calendar.parse("2013-04-01")
    answers = from_predictions(product, Tables(product).predictions([april]), "1")
    assert answers["score"].tolist() == [0.8, 0.7]
    assert answers["prediction"].tolist() == ["tram", "bus"]


@pytest.mark.usefixtures("home")
def test_no_predictions_are_no_answers(product_of):
    product = product_of()
    april = product.calendar.parse("2013-04-01")
    assert from_predictions(product, Tables(product).predictions([april]), "1").empty
    empty = pa.Table.from_pandas(predictions(score=[0.2, 0.7], prediction=[0.0, 1.0])).slice(0, 0)
    leave_rows(product, april.key, predictions=empty)
    assert from_predictions(product, Tables(product).predictions([april]), "1").empty
