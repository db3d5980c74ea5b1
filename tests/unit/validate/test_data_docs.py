from __future__ import annotations

import tempfile

import pytest
from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
from jinja2 import Environment

from mlfactory.lake.catalog import DATA_DOCS
from mlfactory.lake.store import product_store
from mlfactory.validate import data_docs

SPEC = """
apiVersion: mlfactory/v1
name: shop
partition: {every: day, start: 2024-01-01}
sources:
  sales: {kind: csv, path: sales.csv, event_time: at, key: [id]}
features: {key: [id], event_time: at, numeric: [amount]}
label: {column: returned, kind: binary}
"""


def test_the_templates_of_the_pages_are_compiled_once_for_all_processes(
    home, make_product, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    product = make_product(SPEC)
    # where they are kept compiled
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    compiled = []
    compile_one = Environment.compile

    def counted(self: Environment, *args, **kwargs):
        compiled.append(args[1:])
        return compile_one(self, *args, **kwargs)

    monkeypatch.setattr(Environment, "compile", counted)
    data_docs._view.cache_clear()
    many = []
    for key in ("2024-01-01", "2024-01-02", "2024-01-03"):
        if key == "2024-01-03":  # as another process begins
            data_docs._view.cache_clear()
        result = ExpectationSuiteValidationResult(
            success=True, results=[], suite_name="sales", meta={}, statistics={}
        )
        data_docs.write(product, product.calendar.parse(key), {"sales": result})
        many.append(len(compiled))
    pages = product_store("shop").below(DATA_DOCS).list()
    assert sum(page.endswith("sales.html") for page in pages) == 3
    assert many[0] == many[1] == many[2] > 0
