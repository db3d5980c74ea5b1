"""The tasks behind `<p>.labels`: a person is shown the rows of a batch, and answers by a form."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException

from mlfactory.cycle.job import Done
from mlfactory.lake.working import SHORT, working
from mlfactory.pipeline.links import RowsToLabelLink
from mlfactory.pipeline.operator import StageOperator, cause_of, refuse_unknown_params
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product, load_product

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mlfactory.labelling import Given

_MOST_TEXT = 1_000_000


class LabelsOperator(StageOperator):
    """Draws the rows of a partition that are to be labelled, or takes what somebody answered.

    The step `draw` leaves a page with the rows; `take` writes the answers down, in the name of the
    user who triggered the run, and is skipped where there are none. A second try takes nothing
    that was taken.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Do the step; returns how many rows there are, or what became of the answers."""
        try:
            params, run = dict(context["params"]), context["dag_run"]
            refuse_unknown_params(run.conf or {}, params)
            product = load_product(self.product)
            if self.step == "draw":
                result, page = _drawn(product, params)
                self._link(context, Done(result, {RowsToLabelLink.name: page}))
                return result
            answers = str(params.get("answers") or "").strip()
            if answers:
                who = getattr(run, "triggering_user_name", None) or ""
                return _summary(taken(product, params, answers, who))
        except Exception as error:
            raise self._told(error, None, context) from cause_of(error)
        raise AirflowSkipException("nothing was answered: fill in the answers in another run")


def labels_params() -> dict[str, Param]:
    """Return the form of `<p>.labels`."""
    return {
        "partition": Param(
            type="string",
            minLength=1,
            maxLength=40,
            title="Partition",
            description="Key of the partition whose rows are labelled. Without answers the task "
            "draw shows the rows: its button Rows to label.",
        ),
        "answers": Param(
            None,
            type=["null", "string"],
            format="multiline",
            maxLength=_MOST_TEXT,
            title="Answers",
            description="Lines as the page of the rows has them to copy, with a label after each "
            "comma; or the CSV that mlfactory labels export writes, its column _label filled.",
        ),
        "known_since": Param(
            None,
            type=["null", "string"],
            maxLength=40,
            title="Known since",
            description="Since when (UTC) the answers are known, like 2026-01-02T12:00. Empty: "
            "since now.",
        ),
        "why": Param(
            None,
            # nullable: the form would ask for it also where rows are only to be shown
            type=["null", "string"],
            maxLength=500,
            title="Why",
            description="What the answers rest on; kept with them, and with your name.",
        ),
    }


def taken(product: Product, params: dict[str, Any], answers: str, who: str) -> Given:
    """Write down what the form says.

    Raises:
        UsageError: if it is no CSV of answers, or has one that is no label of the product's kind.
    """
    from mlfactory.labelling import read_sheet, take_answers

    since = str(params.get("known_since") or "").strip()
    try:
        at = datetime.fromisoformat(since) if since else None
    except ValueError:
        raise UsageError(
            f"the answers are known since '{since}', which is no time",
            remedy="write it like 2026-01-02T12:00, or leave it empty",
        ) from None
    labels = read_sheet(product, answers)
    return take_answers(product, labels, who=who, why=str(params.get("why") or ""), at=at)


def _drawn(product: Product, params: dict[str, Any]) -> tuple[dict[str, Any], str]:
    from mlfactory.labelling import batch_of
    from mlfactory.labelling.page import leave_page

    partition = product.calendar.parse(str(params["partition"]).strip())
    # the page as well: one of before an erasure would outlive it
    with working(product.name, f"page of rows of {partition} to label", believed=SHORT):
        batch = batch_of(product, partition)
        return {"rows": len(batch.rows), "of": batch.of_rows}, leave_page(product, batch)


def _summary(given: Given) -> dict[str, Any]:
    return {
        "taken": given.taken,
        "unchanged": given.unchanged,
        "who": given.who,
        "known_since": given.at,
        "partition": given.landing,
        "run": given.command,
    }
