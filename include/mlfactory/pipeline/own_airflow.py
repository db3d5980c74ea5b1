"""The way from a task to the Airflow that runs it: tasks may not use its database."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.login import airflow_login
from mlfactory.settings import settings


@contextmanager
def own_airflow() -> Iterator[AirflowApi]:
    """Give a client of the Airflow that runs this task.

    Raises:
        ServiceError: if there is no login to it.
    """
    from airflow.sdk.configuration import conf

    # its client would log the address of every request
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # on a server Airflow's own setting is the address for people, which is another from here
    told = settings().airflow_address or conf.get("api", "base_url", fallback="")
    url = told or settings().airflow_url
    with AirflowApi(url, *airflow_login(settings())) as api:
        yield api
