"""Data Docs: Great Expectations' own pages, one for each source and partition, and their index.

The pages are rendered with its renderers and written by us: its site builder keeps every result it
has ever seen, reads them all for each page, and takes longer with every partition.
"""

from __future__ import annotations

import html
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any
from urllib.parse import quote

from great_expectations.core import RunIdentifier
from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.render.renderer import SiteIndexPageRenderer, ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaIndexPageView, DefaultJinjaPageView
from great_expectations.util import convert_to_json_serializable
from jinja2 import FileSystemBytecodeCache

from mlfactory.lake.catalog import DATA_DOCS
from mlfactory.lake.manifests import read_manifest
from mlfactory.lake.store import find_json, product_store, write_json, write_text
from mlfactory.product.errors import UsageError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.validate.suite import crash_of

_log = logging.getLogger(__name__)

_SHOWN = 50
"""The partitions that the index lists, the newest ones; each costs time at every validation."""

_PUT_BACK = 4
_KEPT = f"{DATA_DOCS}/partitions.json"
"""Which sources passed, of the partitions that the index lists."""

_LONG = ("unexpected_list", "unexpected_index_list", "partial_unexpected_index_list")


def write(
    product: Product,
    partition: Partition,
    results: Mapping[str, ExpectationSuiteValidationResult],
) -> None:
    """Write the pages of a partition over those of an earlier run, and the index of all.

    They are for people and decide nothing, so that a page which Great Expectations cannot render
    is left out, with a warning.
    """
    store = product_store(product.name).below(DATA_DOCS)
    run = RunIdentifier(run_name=partition.key, run_time=partition.start)
    for source, result in results.items():
        try:
            content = _view().render(
                ValidationResultsPageRenderer().render(_slim(result, run)),
                show_how_to_buttons=False,
            )
        except Exception as error:
            _log.warning("%s %s: no Data Docs of %s: %s", product.name, partition, source, error)
            continue
        write_text(store, _path(source, run), content)
    passed = {source: bool(result.success) for source, result in results.items()}
    write_text(store, "index.html", _index(product, partition, passed))


def _path(source: str, run: RunIdentifier) -> str:
    # as deep as Great Expectations' own sites are: the pages' way home is relative
    return "/".join(["validations", source, *run.to_tuple(), f"{source}.html"])


def _index(product: Product, partition: Partition, passed: Mapping[str, bool]) -> str:
    known = _known(product, partition, passed)
    links: list[dict[str, Any]] = []
    for key in known:
        run = RunIdentifier(run_name=key, run_time=product.calendar.parse(key).start)
        links += [
            {
                "expectation_suite_name": source,
                "filepath": quote(_path(source, run)),
                "run_id": run,
                "run_name": key,
                "run_time": run.run_time,
                "batch_identifier": source,
                "asset_name": source,
                "validation_success": success,
            }
            for source, success in known[key].items()
        ]
    content = SiteIndexPageRenderer.render({"site_name": product.name, "validations_links": links})
    page: str = _view().render(
        content, DefaultJinjaIndexPageView._template, show_how_to_buttons=False
    )
    return page


@cache
def _view() -> DefaultJinjaPageView:
    # each has its own templates to compile, which takes longer than all else of a page
    view = DefaultJinjaPageView()
    with suppress(OSError, RuntimeError):  # no place for it: they are compiled by each process
        view.env.bytecode_cache = FileSystemBytecodeCache()
    return view


def _known(
    product: Product, partition: Partition, passed: Mapping[str, bool]
) -> dict[str, Mapping[str, bool]]:
    """Return which sources passed in the newest partitions, and keep that for the next run.

    It is kept in a file of its own, so that a run reads one file and not each partition's. Of two
    runs at once one can overwrite what the other added: the partitions just before are put back.
    """
    store = product_store(product.name)
    kept: dict[str, Mapping[str, bool]] = find_json(store, _KEPT) or {}
    found = {key: each for key, each in kept.items() if _is_partition(product, key)}
    for slot in product.calendar.back(partition, _PUT_BACK):
        if slot.key not in found:
            facts = read_manifest(product.name, "validate", slot.key).get("facts", {})
            if facts:
                found[slot.key] = facts.get("passed", {})
    found[partition.key] = passed
    newest = {key: found[key] for key in sorted(found, reverse=True)[:_SHOWN]}
    write_json(store, _KEPT, newest)
    return newest


def _is_partition(product: Product, key: str) -> bool:
    try:
        product.calendar.parse(key)
    except UsageError:
        # the product's calendar was another one when this was validated
        return False
    return True


def _slim(
    result: ExpectationSuiteValidationResult, run: RunIdentifier
) -> ExpectationSuiteValidationResult:
    """Return a result without the long lists of rows, in types that the renderers can write."""
    meta = {name: value for name, value in result.meta.items() if name != "batch_markers"}
    return ExpectationSuiteValidationResult(
        success=result.success,
        results=[_slim_rule(each) for each in result.results],
        suite_name=result.suite_name,
        statistics=result.statistics,
        meta={**meta, "run_id": run, "batch_markers": {}},
    )


def _slim_rule(each: ExpectationValidationResult) -> ExpectationValidationResult:
    crash = str(escaped(crash_of(each)))
    found = {name: value for name, value in each.result.items() if name not in _LONG}
    asked = each.expectation_config
    return ExpectationValidationResult(
        success=each.success,
        expectation_config=ExpectationConfiguration(
            type=asked.type,
            kwargs=escaped(_plain(asked.kwargs)),
            meta=escaped(_plain(asked.meta)),
            severity=asked.severity,
        ),
        result=escaped(_plain(found)),
        meta=each.meta,
        # the renderers look for these keys, which a crash within a metric does not have
        exception_info={
            "raised_exception": bool(crash),
            "exception_message": crash,
            "exception_traceback": "",
        },
    )


def escaped(value: Any) -> Any:
    """Return a value with the markup in all of its texts made harmless, names of keys included.

    The renderers put cells, names of columns and arguments into their pages as they are.
    """
    if isinstance(value, str):
        return html.escape(value)
    if isinstance(value, dict):
        return {escaped(name): escaped(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [escaped(inner) for inner in value]
    return value


def _plain(value: Any) -> Any:
    """Return a value in types that JSON has: a numpy float is no float to the renderers."""
    return json.loads(json.dumps(convert_to_json_serializable(value), default=str))
