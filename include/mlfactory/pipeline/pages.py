"""Serves a product's reports and validation pages below Airflow's own address and login.

Airflow guards nothing that a plugin adds, so every route here asks for a user who may read the DAG.
"""

from __future__ import annotations

import mimetypes
from pathlib import Path

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse, HTMLResponse

from mlfactory.lake.files import inside, product_root
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import product_folders

_SHOWN = ("reports", "validation", "data_docs")
"""The folders of the lake that hold pages; nothing else is served."""

app = FastAPI(title="ML Factory pages", docs_url=None, redoc_url=None, openapi_url=None)
_may_read = Depends(requires_access_dag("GET"))


@app.get("/{dag_id}/", dependencies=[_may_read], response_class=HTMLResponse)
def index(dag_id: str) -> str:
    """List the pages of the product that the DAG belongs to, the newest partition first."""
    from mlfactory.report.page import Link, Page

    root = _root(dag_id)
    kinds = {"reports": "report", "validation": "validation"}
    names = {file.stem for kind in kinds for file in (root / kind).glob("*.html")}
    rows = [
        [
            name,
            *(
                Link(title, f"files/{kind}/{name}.html")
                if (root / kind / f"{name}.html").is_file()
                else None
                for kind, title in kinds.items()
            ),
        ]
        for name in sorted(names, reverse=True)
    ]
    page = Page(root.name, "Pages that its stages have left")
    if rows:
        page.table(["partition", "monitoring", "validation"], rows)
    else:
        page.paragraph("None yet: they come with the first partition.")
    if (root / "data_docs" / "index.html").is_file():
        page.facts({"Great Expectations": Link("Data Docs", "files/data_docs/index.html")})
    return page.render()


@app.get("/{dag_id}/files/{path:path}", dependencies=[_may_read])
def page(dag_id: str, path: str) -> FileResponse:
    """Return a page of the product, or a file that a page of its Data Docs needs."""
    root = _root(dag_id)
    try:
        file = inside(root, path)
    except UsageError:
        raise HTTPException(404, "no such page") from None
    shown = any(file.is_relative_to((root / folder).resolve()) for folder in _SHOWN)
    if not shown or not file.is_file():
        raise HTTPException(404, "no such page")
    return FileResponse(file, media_type=mimetypes.guess_type(file.name)[0])


def _root(dag_id: str) -> Path:
    product = dag_id.partition(".")[0]
    if product not in {folder.name for folder in product_folders()}:
        raise HTTPException(404, "no such product")
    return product_root(product)
