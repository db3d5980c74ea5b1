"""Serves a product's reports and validation pages below Airflow's own address and login.

Airflow guards nothing that a plugin adds, so every route here asks for a user who may read the DAG.
"""

from __future__ import annotations

import mimetypes
from html import escape
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
    """List the newest pages of the product that the DAG belongs to."""
    root = _root(dag_id)
    parts = []
    for folder, title in (("reports", "Monitoring reports"), ("validation", "Validation")):
        pages = sorted((root / folder).glob("*.html"), reverse=True)
        items = "".join(
            f'<li><a href="files/{folder}/{escape(page.name)}">{escape(page.stem)}</a></li>'
            for page in pages
        )
        parts.append(f"<h2>{title}</h2><ul>{items or '<li>none yet</li>'}</ul>")
    if (root / "data_docs" / "index.html").is_file():
        parts.append(
            '<h2>Data Docs</h2><a href="files/data_docs/index.html">Great Expectations</a>'
        )
    return (
        "<!doctype html><meta charset='utf-8'><title>Pages</title>"
        "<style>body{font:15px system-ui;margin:2rem;color-scheme:light dark}</style>"
        f"<h1>{escape(root.name)}</h1>{''.join(parts)}"
    )


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
