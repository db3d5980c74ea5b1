"""The DAG behind the form by which one subject is erased: one for all products, paused for none."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, Param
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from mlfactory.cycle.pace import heals_in_seconds
from mlfactory.pipeline.forms import of_products, why
from mlfactory.pipeline.operator import cause_of, refuse_unknown_params
from mlfactory.pipeline.retries import TryAgain
from mlfactory.pipeline.same_code import WithSchedulersCode
from mlfactory.product.errors import FactoryError, UsageError
from mlfactory.product.loader import Product, load_product

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mlfactory.lake.erased import Erasure

ERASE = "mlfactory.erase"

_SEALED = "sealed:"
_SEALED_WORD = rf"^{_SEALED}eN[o-r][A-Za-z0-9_-]{{150,}}={{0,2}}\s*$"
"""What `mlfactory.erase.sealed` makes: zlib's first bytes, then many signs of base64. No address,
name or number that somebody writes behind `sealed:` is like that."""

_WHO = "sealed_token"
"""The field that says who. Airflow's audit log has every form as it was sent, also one that is
refused; what is named a token is masked there."""

_DOC = """### One subject is erased everywhere
From every table of a product and its old versions, quarantine, what was read of files, what
trainings kept, and pages; and it stays out when its source sends it again. `look` tells what there
is, in rows by table; `erase` removes it, unless *Only look* is on. All other work on the product
waits meanwhile.

Who it is, nobody reads here: what is typed into a form stays in Airflow's database and is on the
page of the run. So the form takes what `mlfactory erase PRODUCT --key COLUMN --seal` prints: keyed
hashes. The ledger says that somebody was erased, why, and who asked.
"""


def erase_dag() -> DAG:
    """Return the DAG; it runs when somebody fills in its form."""
    with DAG(
        dag_id=ERASE,
        description="One subject is erased everywhere",
        schedule=None,
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=timedelta(hours=36),
        is_paused_upon_creation=False,
        default_args={
            "owner": "mlfactory",
            "retries": 3,
            "retry_delay": timedelta(minutes=5),
            "execution_timeout": timedelta(hours=12),
            "email_on_failure": False,
            "email_on_retry": False,
        },
        params=_params(),
        tags=["mlfactory"],
        doc_md=_DOC,
    ) as dag:
        EraseOperator(task_id="look", step="look") >> EraseOperator(task_id="erase", step="erase")
    return dag


class EraseOperator(WithSchedulersCode):
    """Looks for a subject, or erases it, as the form says; tried again, it goes on where it was."""

    ui_color = "#e8f1f5"

    def __init__(self, *, step: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.step = step

    def execute(self, context: Context) -> dict[str, Any]:
        """Return counts by table, and what came of it."""
        from mlfactory.lake.removal_note import UnderWay

        params, run = dict(context["params"]), context["dag_run"]
        if self.step == "erase" and params.get("only_look"):
            raise AirflowSkipException("only a look was asked for")
        try:
            refuse_unknown_params(run.conf or {}, params)
            product = load_product(str(params["product"]))
            erasure = _asked(product, params, getattr(run, "triggering_user_name", None) or "")
            return (
                self._looked(product, erasure)
                if self.step == "look"
                else self._erased(product, erasure)
            )
        except UnderWay as error:
            # it waits its turn at the task's pace: whoever works is not to be refused at the end,
            # and an erasure that was killed elsewhere is believed for some minutes
            raise TryAgain(str(error)) from cause_of(error)
        except FactoryError as error:
            again = TryAgain if heals_in_seconds(error) else AirflowFailException
            raise again(str(error)) from cause_of(error)

    def _looked(self, product: Product, erasure: Erasure) -> dict[str, Any]:
        from mlfactory.erase import look_for

        found = look_for(product, erasure)
        for table, rows in found.counts.items():
            self.log.info("%s: %d rows in %d partitions", table, rows, len(found.rows[table]))
        return {"rows": found.counts, "old_files": dict(found.old), "files": dict(found.files)}

    def _erased(self, product: Product, erasure: Erasure) -> dict[str, Any]:
        from mlfactory.erase import erase

        done = erase(product, erasure, lambda line: self.log.info("%s", line))
        for problem in done.problems:
            self.log.warning("not built again, and removed whole: %s", problem)
        return {
            "entry": done.entry,
            "rows": done.counts,
            "versions": [each.version for each in done.trained if each.version],
            "not_made_again": list(done.problems),
            "training": done.asked,
        }


def _asked(product: Product, params: dict[str, Any], who: str) -> Erasure:
    from mlfactory.erase import asked_for

    word = str(params[_WHO]).strip()
    if not re.match(_SEALED_WORD, word):
        raise UsageError(
            "the form takes no plain value, which would stay in Airflow's database",
            remedy="give what this prints, and delete this run: "
            f"mlfactory erase {product.name} --key COLUMN --seal",
        )
    return asked_for(product, [word], why=str(params["why"]), who=who)


def _params() -> dict[str, Param]:
    return {
        "product": of_products("Of which the subject is erased; of each product for itself."),
        _WHO: Param(
            type="string",
            # a plain value is refused before there is a run that would keep it
            pattern=_SEALED_WORD,
            maxLength=100_000,
            title="Who, sealed",
            description=f"What mlfactory erase PRODUCT --key COLUMN --seal prints: {_SEALED}…",
        ),
        "why": why("Like the number of the request; goes into the ledger with your name."),
        "only_look": Param(
            True,
            type="boolean",
            title="Only look",
            description="Tell what there is, and change nothing.",
        ),
    }
