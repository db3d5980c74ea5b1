"""The form of `<p>.labels`: it shows the rows of a batch, and takes answers in somebody's name."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, ParamValidationError
from tests.integration.labelling.conftest import Shop

from mlfactory.lake.answers import read_answers, read_batch
from mlfactory.lake.store import product_store
from mlfactory.pipeline.dags import build_dags
from mlfactory.pipeline.labelling import LabelsOperator, labels_params
from mlfactory.product.loader import Product

pytestmark = [pytest.mark.one_lake, pytest.mark.usefixtures("home")]


def executed(step: str, **params: Any) -> tuple[Any, dict[str, str]]:
    run = SimpleNamespace(
        run_id="manual__1", dag_id="shop.labels", conf={}, triggering_user_name="ada"
    )
    task = LabelsOperator(task_id=step, product="shop", step=step)
    form = {"partition": "2026-01-01", "answers": None, "known_since": None, "why": ""}
    return task.execute({"dag_run": run, "params": form | params}), task.links_found


def filled(shop: Shop, label: str) -> str:
    """Return the lines that the page has to copy, filled."""
    batch = read_batch("shop", shop.day(1))
    assert batch is not None
    page = product_store("shop").read(f"to_label/{shop.day(1)}.html").decode()
    lines = ["_row,_label", *(f"{row.row}," for row in batch.rows)]
    assert "\n".join(lines) in page
    return "\n".join([lines[0], *(line + label for line in lines[1:])])


def test_a_person_sees_the_rows_and_answers_them_in_a_second_run(shop: Shop) -> None:
    shop.run(1)
    shop.score(1)
    result, links = executed("draw")
    assert result["of"] == 400 and 30 < result["rows"] <= 40
    assert links["Rows to label"].endswith("to_label/2026-01-01.html")
    with pytest.raises(AirflowSkipException):
        executed("take")
    answers = filled(shop, "1")
    since = "2026-01-02T12:00"
    told, _ = executed("take", answers=answers, known_since=since, why="I looked at each")
    assert (told["taken"], told["who"], told["partition"]) == (result["rows"], "ada", "2026-01-02")
    # a second try takes nothing again
    assert executed("take", answers=answers, known_since=since)[0]["taken"] == 0
    (given,) = read_answers("shop")
    assert (given.who, given.why, given.at[:16]) == ("ada", "I looked at each", since)


def test_answers_that_are_none_fail_at_once_and_nothing_is_taken(shop: Shop) -> None:
    shop.run(1)
    shop.score(1)
    executed("draw")
    with pytest.raises(AirflowFailException, match="line 2, column _label: '7' is not 0 or 1"):
        executed("take", answers=filled(shop, "7"))
    with pytest.raises(AirflowFailException, match="is no time"):
        executed("take", answers=filled(shop, "1"), known_since="yesterday")
    assert read_answers("shop") == []


def test_only_a_product_that_asks_people_has_the_form(
    shop: Shop, make_product: Callable[..., Product]
) -> None:
    dags = {dag.dag_id: dag for dag in build_dags(shop.product)}
    assert [task.task_id for task in dags["shop.labels"].tasks] == ["draw", "take"]
    assert set(dags["shop.labels"].params) == set(labels_params())
    for name, param in labels_params().items():
        assert param.schema["title"] and param.description, name
    with pytest.raises(ParamValidationError):
        labels_params()["partition"].resolve("")
    text = (shop.product.folder / "product.yaml").read_text()
    text = "\n".join(line for line in text.splitlines() if not line.startswith("labelling"))
    text = text.replace("name: shop", "name: kiosk").replace(", from: labelling", "")
    others = {dag.dag_id for dag in build_dags(make_product(text))}
    assert "kiosk.data" in others and "kiosk.labels" not in others
