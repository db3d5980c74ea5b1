"""The tasks behind `<p>.quarantine`: what somebody decides about rows in quarantine, by a form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from mlfactory.cycle.job import Done
from mlfactory.lake.catalog import validation_page
from mlfactory.pipeline.forms import why
from mlfactory.pipeline.links import ValidationLink
from mlfactory.pipeline.operator import StageOperator, cause_of, refuse_unknown_params
from mlfactory.pipeline.own_airflow import own_airflow
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product, load_product
from mlfactory.product.partitions import SNAPSHOT, Partition

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mlfactory.quarantine import Decided

ACCEPT, CORRECT, DISCARD = "accept", "correct", "discard"
_MOST_TEXT = 1_000_000


class QuarantineOperator(StageOperator):
    """Decides about the rows that the form names, or asks for the run that brings it in.

    The step `decide` writes the decision down, in the name of the user who triggered the run; `run`
    asks for the partition's data run. A second try decides nothing anew, and starts no second run.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Do the step; returns what was decided, or the run that was started."""
        try:
            params, run = dict(context["params"]), context["dag_run"]
            refuse_unknown_params(run.conf or {}, params)
            product = load_product(self.product)
            partition = _partition(product, params)
            page = {ValidationLink.name: validation_page(partition.key)}
            who = getattr(run, "triggering_user_name", None) or ""
            if self.step == "decide":
                result = _summary(decided(product, partition, params, who, str(run.run_id)))
            else:
                result = _asked_for(product, partition, str(run.run_id))
        except Exception as error:
            raise self._told(error, None, context) from cause_of(error)
        self._link(context, Done(result, page))
        return result


def quarantine_params(product: Product) -> dict[str, Param]:
    """Return the form of `<p>.quarantine`."""
    only: dict[str, Any] = {"default": SNAPSHOT} if product.calendar.is_snapshot else {}
    return {
        "partition": Param(
            **only,
            type="string",
            minLength=1,
            maxLength=40,
            title="Partition",
            description="Key of the partition whose rows they are.",
        ),
        "decision": Param(
            ACCEPT,
            type="string",
            enum=[ACCEPT, CORRECT, DISCARD],
            title="Decision",
            description="accept: let them through as they are, whatever rules they break. correct: "
            "let them through with other values, which are judged anew. discard: leave them out.",
        ),
        "rows": Param(
            None,
            type=["null", "string"],
            maxLength=_MOST_TEXT,
            title="Rows",
            description="Their digests, with blanks between, as the validation page shows them; or "
            "the word all, for all that are open. Empty where they are corrected.",
        ),
        "corrected": Param(
            None,
            type=["null", "string"],
            format="multiline",
            maxLength=_MOST_TEXT,
            title="Corrected rows",
            description="The CSV that mlfactory quarantine show … --out rows.csv writes, its "
            "cells mended; the column _digest says which row is meant.",
        ),
        "source": Param(
            None,
            type=["null", "string"],
            enum=[None, *product.spec.sources],
            title="Source",
            description="Only rows of this source. Empty: of all.",
        ),
        "why": why(),
    }


def decided(
    product: Product, partition: Partition, params: dict[str, Any], who: str, run_id: str
) -> Decided:
    """Write down what the form says, once for each run in Airflow.

    A task that was killed when it had decided finds no row open on its second try; what is known
    is known by the run's id.

    Raises:
        UsageError: if it says which rows are meant twice or not at all, or they cannot be accepted.
        ServiceError: if the partition is being validated at this moment.
    """
    from mlfactory.quarantine import Choice, decided_before, discard, release

    known = decided_before(product, partition, run_id)
    if known is not None:
        return known
    rows = re.split(r"[\s,;]+", str(params.get("rows") or "").strip())
    everything = rows == ["all"]
    digests = () if everything else tuple(row for row in rows if row)
    choice = Choice(digests, everything, source=params.get("source"))
    why, corrected = str(params["why"]), params.get("corrected")
    if (params["decision"] == CORRECT) != bool(corrected):
        raise UsageError(
            "corrected rows and the decision 'correct' belong together",
            remedy="choose correct and give the CSV, or leave that field empty",
        )
    said: dict[str, Any] = {"why": why, "who": who, "asked_by": run_id}
    if params["decision"] == DISCARD:
        return discard(product, partition, choice, **said)
    return release(product, partition, choice, corrected=corrected or None, **said)


def _partition(product: Product, params: dict[str, Any]) -> Partition:
    return product.calendar.parse(str(params["partition"]).strip())


def _summary(done: Decided) -> dict[str, Any]:
    return {
        "entries": [entry.number for entry in done.entries],
        "rows": done.rows,
        "who": done.entries[0].who,
    }


def _asked_for(product: Product, partition: Partition, run_id: str) -> dict[str, Any]:
    from mlfactory.scheduler.asking import ask_for_data, refuse_without_dag

    own = re.sub(r"[^A-Za-z0-9]+", "-", run_id).strip("-")[-80:]
    with own_airflow() as api:
        refuse_without_dag(api, product.name)
        started = ask_for_data(api, product.name, partition.key, name=own)
    return {"dag": started.dag_id, "run": started.run_id}
