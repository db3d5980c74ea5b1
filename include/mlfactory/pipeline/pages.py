"""Serves a product's reports and validation pages below Airflow's own address and login.

Airflow guards nothing that a plugin adds, so every route here asks for a user who may read the DAG.
"""

from __future__ import annotations

import mimetypes
from urllib.parse import quote

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse, Response

from mlfactory.lake.catalog import (
    DATA_DOCS,
    PAGES,
    REPORTS,
    VALIDATION,
    report_page,
    validation_page,
)
from mlfactory.lake.store import product_store
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import product_folders

app = FastAPI(title="ML Factory pages", docs_url=None, redoc_url=None, openapi_url=None)
_may_read = Depends(requires_access_dag("GET"))


@app.get("/{dag_id}/", dependencies=[_may_read], response_class=HTMLResponse)
def index(dag_id: str) -> str:
    """List the pages of the product that the DAG belongs to, the newest partition first."""
    from mlfactory.report.page import Link, Page

    product = _product(dag_id)
    store = product_store(product)
    kept = {folder: set(store.list(folder)) for folder in PAGES}
    kinds = {REPORTS: (report_page, "report"), VALIDATION: (validation_page, "validation")}
    keys = {
        name.removeprefix(f"{kind}/").removesuffix(".html") for kind in kinds for name in kept[kind]
    }
    rows = [
        [
            key,
            *(
                Link(title, f"files/{quote(named(key))}") if named(key) in kept[kind] else None
                for kind, (named, title) in kinds.items()
            ),
        ]
        for key in sorted(keys, reverse=True)
    ]
    page = Page(product, "Pages that its stages have left")
    if rows:
        page.table(["partition", "monitoring", "validation"], rows)
    else:
        page.paragraph("None yet: they come with the first partition.")
    if f"{DATA_DOCS}/index.html" in kept[DATA_DOCS]:
        page.facts({"Great Expectations": Link("Data Docs", f"files/{DATA_DOCS}/index.html")})
    return page.render()


@app.get("/{dag_id}/files/{path:path}", dependencies=[_may_read])
def page(dag_id: str, path: str) -> Response:
    """Return a page of the product, or a file that a page of its Data Docs needs."""
    store = product_store(_product(dag_id))
    try:
        content = store.find(path) if path.split("/")[0] in PAGES else None
    except UsageError:
        # no name of a file, such as one that leads out
        content = None
    if content is None:
        raise HTTPException(404, "no such page")
    return Response(content, media_type=mimetypes.guess_type(path)[0])


def _product(dag_id: str) -> str:
    product = dag_id.partition(".")[0]
    if product not in {folder.name for folder in product_folders()}:
        raise HTTPException(404, "no such product")
    return product
