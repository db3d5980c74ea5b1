"""The Airflow plugin: the buttons on task pages, and a product's pages for who may see its DAGs."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from mlfactory.pipeline.links import ALL_LINKS, PAGES_PREFIX
from mlfactory.pipeline.pages import app
from mlfactory.settings import settings


class MlFactoryPlugin(AirflowPlugin):
    """Registers what the factory adds to Airflow's UI."""

    name = "mlfactory"
    operator_extra_links = [link() for link in ALL_LINKS]  # noqa: RUF012 - as Airflow reads it
    fastapi_apps = [  # noqa: RUF012
        {"app": app, "url_prefix": PAGES_PREFIX, "name": "mlfactory"}
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
