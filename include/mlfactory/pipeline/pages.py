"""Serves a product's pages below Airflow's own address and login.

Airflow guards nothing that a plugin adds, so every route here asks for a user who may read the DAG.
Whatever stands in a page, it runs no script: what was made of rows that strangers sent must not act
as the person who reads it.
"""

from __future__ import annotations

import mimetypes

from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import HTMLResponse, Response

from mlfactory.lake.catalog import DATA_DOCS, PAGES
from mlfactory.lake.store import product_store
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import find_folder

_OUR_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)

_STYLES = (
    "https://cdn.jsdelivr.net https://cdnjs.cloudflare.com https://maxcdn.bootstrapcdn.com "
    "https://stackpath.bootstrapcdn.com https://unpkg.com"
)
_OTHERS_POLICY = (
    f"sandbox; default-src 'none'; style-src 'unsafe-inline' 'self' {_STYLES}; font-src {_STYLES}; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""For what others rendered: an origin of its own that has no login, no script, styles from where
Great Expectations keeps them."""

_TYPES = frozenset({"text/html", "text/css", "application/json", "image/png", "image/gif"})
"""What may be served; anything else comes as bytes that no browser shows."""

may_read = requires_access_dag("GET")
app = FastAPI(
    title="ML Factory pages",
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(may_read)],
)


@app.get("/{dag_id}/")
def index(dag_id: str) -> Response:
    """List what there is to read about the product that the DAG belongs to."""
    from mlfactory.pipeline.product_pages import index_page

    return _ours(index_page(_product(dag_id)))


@app.get("/{dag_id}/ledger")
def ledger(dag_id: str) -> Response:
    """Show the ledger of the product."""
    from mlfactory.pipeline.product_pages import ledger_page

    return _ours(ledger_page(_product(dag_id)))


@app.get("/{dag_id}/features")
def features(dag_id: str) -> Response:
    """Show the index of the product's features."""
    from mlfactory.pipeline.product_pages import features_page

    return _ours(features_page(_product(dag_id)))


@app.get("/{dag_id}/files/{path:path}")
def page(dag_id: str, path: str) -> Response:
    """Return a page of the product, or a file that a page of its Data Docs needs."""
    store = product_store(_product(dag_id))
    folder = path.split("/")[0]
    try:
        content = store.find(path) if folder in PAGES else None
    except (UsageError, OSError, ValueError):
        # no name of a file, such as one that leads out or is a folder
        content = None
    if content is None:
        raise HTTPException(404, "no such page")
    kind = mimetypes.guess_type(path)[0]
    return Response(
        content,
        media_type=kind if kind in _TYPES else "application/octet-stream",
        headers=_headers(_OTHERS_POLICY if folder == DATA_DOCS else _OUR_POLICY),
    )


def _ours(page: str) -> Response:
    return HTMLResponse(page, headers=_headers(_OUR_POLICY))


def _headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "private, no-cache",
    }


def _product(dag_id: str) -> str:
    product = dag_id.partition(".")[0]
    if find_folder(product) is None:
        raise HTTPException(404, "no such product")
    return product
