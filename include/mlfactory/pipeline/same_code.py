"""Every task runs what the scheduler runs: a worker of another revision hands it back.

The scheduler says what it runs in one of Airflow's variables: as it starts, and again every half
minute. The second is for the rolling update: an old scheduler that is started again in the middle
of it has the last word only until it is gone. Tasks that are run beside the scheduler use
the files that it lies beside, which may be edited while it runs: there nothing is compared.
"""

from __future__ import annotations

import logging
import sys
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.listeners import hookimpl
from airflow.sdk import BaseOperator, Variable
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException

from mlfactory.lake.deployed import REMEDY, RUNS, deployed, difference, from_text
from mlfactory.lake.stack import refuse_another_stack
from mlfactory.product.errors import UsageError
from mlfactory.settings import settings

if TYPE_CHECKING:
    from airflow.sdk import Context

_LOG = logging.getLogger(__name__)

_TOLD = "What the scheduler runs; workers that run something else wait. Written by the scheduler."
_PAUSE = timedelta(seconds=30)
"""Between two looks whether the machine that took the task is the right one by now, and between
two times that the scheduler says what it runs."""


class WithSchedulersCode(BaseOperator):
    """An operator whose tasks are handed back by a worker of another revision, as often as it is.

    No try is used up for it, and no slot held: the task is looked at again after half a minute,
    by whichever worker is free then.
    """

    def pre_execute(self, context: Context) -> None:
        """Make sure that this worker runs what the scheduler runs, and that the lake is ours."""
        super().pre_execute(context)
        try:
            refuse_another_stack(settings().stack_name)
        except UsageError as error:
            raise AirflowFailException(str(error)) from None
        if not run_apart():
            return
        wrong = difference(from_text(Variable.get(RUNS, default=None)), deployed())
        if wrong:
            again = datetime.now(UTC) + _PAUSE
            self.log.warning("%s\n  → %s", wrong, REMEDY)
            raise AirflowRescheduleException(again)  # type: ignore[no-untyped-call]


def run_apart() -> bool:
    """Tell whether tasks are run by other machines than the scheduler's, whatever they are."""
    return "LocalExecutor" not in str(conf.get("core", "executor"))


def is_scheduler(component: Any) -> bool:
    """Tell whether what Airflow says is starting is its scheduler.

    The command line alone does not tell: the tasks of a local executor are forks of the scheduler
    and keep it, and each says that it is starting. They may not use Airflow's database.
    """
    if sys.argv[1:2] != ["scheduler"]:
        return False
    # loaded in the scheduler and its forks; of no use to any other process
    from airflow.jobs.job import Job

    return isinstance(component, Job)


def tell() -> None:
    """Say what the scheduler runs, where that is not what was said before."""
    from airflow.models.variable import Variable as Stored
    from airflow.utils.session import create_session
    from sqlalchemy import select

    own = deployed().as_text()
    # not the session that the scheduler is at work in: it would be closed beneath it
    with create_session(scoped=False) as session:
        said = session.scalar(select(Stored).where(Stored.key == RUNS))
        if said is None or said.val != own:
            Stored.set(RUNS, own, description=_TOLD, session=session)


def go_on_telling(ended: threading.Event, pause: float = _PAUSE.total_seconds()) -> None:
    """Say it again and again, for another scheduler may have said something else meanwhile."""
    # the pause is first: Airflow forks as it starts, and a fork amid a request would share it
    while not ended.wait(pause):
        _tell_if_it_can()


def _tell_if_it_can() -> None:
    try:
        tell()
    except Exception:  # whatever it is: a scheduler that says nothing stops every worker
        _LOG.exception("what the scheduler runs cannot be told now")


@hookimpl
def on_starting(component: Any) -> None:
    """Say it as the scheduler starts, and for as long as it lives."""
    if is_scheduler(component) and run_apart():
        _tell_if_it_can()
        threading.Thread(target=go_on_telling, args=(threading.Event(),), daemon=True).start()
