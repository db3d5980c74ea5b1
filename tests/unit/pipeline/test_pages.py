"""What the plugin serves: pages that stages have left, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from mlfactory.lake.catalog import DATA_DOCS, report_page, validation_page
from mlfactory.lake.store import product_store, write_text
from mlfactory.pipeline import pages
from mlfactory.product.loader import Product

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: hour, start: 2026-01-01}
sources: {sales: {kind: csv, path: sales.csv, event_time: at, key: [id]}}
features: {key: [id], event_time: at, numeric: [price]}
label: {column: sold, kind: binary}
"""

KEY = "2026-01-01T05:00"


@pytest.fixture
def browser(home: object, make_product: Callable[..., Product]) -> Iterator[TestClient]:
    make_product(SPEC)
    pages.app.dependency_overrides[pages._may_read.dependency] = lambda: None
    yield TestClient(pages.app)
    pages.app.dependency_overrides.clear()


def test_pages_are_listed_and_served(browser: TestClient) -> None:
    store = product_store("shop")
    write_text(store, report_page(KEY), "<p>report</p>")
    write_text(store, validation_page(KEY), "<p>validation</p>")
    write_text(store, f"{DATA_DOCS}/index.html", "<p>docs</p>")
    index = browser.get("/shop.data/").text
    assert KEY in index
    for name, title in ((report_page(KEY), "report"), (validation_page(KEY), "validation")):
        assert f'href="files/{name.replace(":", "%3A")}"' in index
        answer = browser.get(f"/shop.data/files/{name}")
        assert answer.text == f"<p>{title}</p>"
        assert answer.headers["content-type"].startswith("text/html")
    assert browser.get("/shop.data/files/data_docs/index.html").text == "<p>docs</p>"


def test_a_product_without_pages_says_so(browser: TestClient) -> None:
    assert "None yet" in browser.get("/shop.data/").text


@pytest.mark.parametrize(
    "path",
    [
        *(
            "reports/none.html",
            "reports/%00.html",
            "reports/..%2Fledger/000001.json",
            "reports",
            "",
        ),
        *("ledger/000001.json", "reports/" + "x" * 400, "%2Fetc%2Fpasswd", "reports%5Cx"),
    ],
)
def test_what_is_no_page_is_not_found(browser: TestClient, path: str) -> None:
    write_text(product_store("shop"), "ledger/000001.json", "{}")
    assert browser.get(f"/shop.data/files/{path}").status_code == 404


def test_an_unknown_product_is_not_found(browser: TestClient) -> None:
    assert browser.get("/other.data/").status_code == 404
