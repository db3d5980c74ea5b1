"""A replay that goes on in Airflow, as what it does knows it from one process to the next."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from mlfactory.lake.waiting_work import WaitingWork
from mlfactory.product.errors import FactoryError
from mlfactory.scheduler.api import AirflowApi

REPLAY = "mlfactory.replay"
"""The DAG of which a replay is a run."""

_LOG = logging.getLogger(__name__)

_BELIEVED = timedelta(minutes=10)
"""How long a replay is believed to go on of which nothing is heard."""


@dataclass(frozen=True)
class Replay:
    """A replay of a span of partitions.

    Attributes:
        name: of its note in the lake, and in the ids of its data runs.
        run: the id of its own run in Airflow.
        first, last: keys of the span.
        paused: the DAGs that are paused again in the end.
    """

    product: str
    name: str
    run: str
    first: str
    last: str
    paused: list[str]

    @property
    def work(self) -> WaitingWork:
        """Return what is noted of it in the lake."""
        span = self.first if self.first == self.last else f"{self.first} to {self.last}"
        where = f"run {self.run} in Airflow"
        what = f"{REPLAY} of {span}"
        return WaitingWork(self.product, self.name, what, self.first, where, _BELIEVED)

    def show(self, api: AirflowApi, text: str) -> None:
        """Show a text on the page of its run; where that cannot be, the replay goes on without."""
        try:
            api.note(REPLAY, self.run, text)
        except FactoryError as error:
            _LOG.warning("not shown beside the run: %s (%s)", text, error)
