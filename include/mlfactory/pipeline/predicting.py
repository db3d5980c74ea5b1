"""The task behind `<p>.predict`: rows of a file, predicted because somebody asked."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.sdk import Param

from mlfactory.cycle.job import Done
from mlfactory.lake.catalog import INBOX
from mlfactory.pipeline.links import AnswersLink
from mlfactory.pipeline.operator import StageOperator, cause_of, refuse_unknown_params
from mlfactory.product.loader import Product, load_product

if TYPE_CHECKING:
    from airflow.sdk import Context

_IN_INBOX = rf"(^|/){INBOX}/."
_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,94}\.(csv|parquet)$"


class PredictOperator(StageOperator):
    """Predict the file that the form names; it has no partition."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Predict the file; returns the counts and the address of the answers."""
        try:
            params = dict(context["params"])
            refuse_unknown_params(context["dag_run"].conf or {}, params)
            done = _predict(load_product(self.product), params, context["dag_run"].run_id)
        except Exception as error:
            raise self._told(error, None, context) from cause_of(error)
        self._link(context, done)
        return done.result


def predict_params(product: Product) -> dict[str, Param]:
    """Return the form of `<p>.predict`."""
    sources = list(product.spec.events_from)
    return {
        "file": Param(
            type="string",
            pattern=_IN_INBOX,
            maxLength=1000,
            title="File",
            description="CSV or Parquet with rows like the source's, without what only the label "
            f"is made of. Put it into {INBOX}/ of the product's part of the lake, and name it "
            f"like {INBOX}/new.csv; no other file is read.",
        ),
        "output": Param(
            None,
            type=["null", "string"],
            pattern=_NAME,
            title="Name of the answers",
            description="Ends in .csv or .parquet; where there are answers of that name, these get "
            "a number. Empty: named for the run.",
        ),
        "version": Param(
            None,
            type=["null", "string"],
            pattern=r"^\d{1,9}$",
            title="Version",
            description="Of the model. Empty: the champion.",
        ),
        "source": Param(
            None,
            type=["null", "string"],
            enum=[None, *sources],
            title="Source",
            description="Whose rows the file has. Empty: the first with event times.",
        ),
    }


def _predict(product: Product, params: dict[str, Any], run_id: str) -> Done:
    from mlfactory.predict.on_demand import predict_on_demand

    # a retry of the run finds its own answers again
    of_run = re.sub(r"[^A-Za-z0-9._-]+", "-", run_id).strip("-.")[:90] or "answers"
    kept = predict_on_demand(
        product,
        str(params["file"]),
        params.get("output") or f"{of_run}.csv",
        source=params.get("source"),
        version=params.get("version"),
    )
    return Done(asdict(kept), pages={AnswersLink.name: kept.page})
