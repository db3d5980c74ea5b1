"""The Airflow plugin: buttons on task pages, a product's pages, when its data runs, pools."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from mlfactory.pipeline import pools, same_code
from mlfactory.pipeline.links import ALL_LINKS, PAGES_PREFIX
from mlfactory.pipeline.timetable import LiveTimetable
from mlfactory.settings import settings


async def pages(scope: Any, receive: Any, send: Any) -> None:
    """Serve the pages; loaded by the first who asks, as every process of Airflow loads plugins."""
    from mlfactory.pipeline.pages import app

    await app(scope, receive, send)


class MlFactoryPlugin(AirflowPlugin):
    """Registers what the factory adds to Airflow."""

    name = "mlfactory"
    operator_extra_links = [link() for link in ALL_LINKS]  # noqa: RUF012 - as Airflow reads it
    timetables = [LiveTimetable]  # noqa: RUF012
    listeners = [pools, same_code]  # noqa: RUF012
    fastapi_apps = [  # noqa: RUF012
        {"app": pages, "url_prefix": PAGES_PREFIX, "name": "mlfactory"}
    ]
    external_views = [  # noqa: RUF012
        {
            "name": "Product pages",
            "href": f"{PAGES_PREFIX}/{{DAG_ID}}/",
            "destination": "dag",
            "url_route": "product-pages",
        },
        {
            # another origin: as a link it works whatever MLflow allows to be framed
            "name": "MLflow",
            "href": settings().mlflow_url,
            "destination": "nav",
            "category": "browse",
        },
    ]
