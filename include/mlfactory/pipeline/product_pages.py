"""A product's own pages in Airflow: what there is to read about it, and its ledger."""

from __future__ import annotations

from collections.abc import Set
from urllib.parse import quote

from mlfactory.lake import ledger
from mlfactory.lake.catalog import (
    DATA_DOCS,
    PAGES,
    PROFILES,
    RECONCILED_PAGE,
    REPORTS,
    VALIDATION,
    card_page,
    gates_page,
    profile_page,
    report_page,
    validation_page,
)
from mlfactory.lake.ledger import Entry
from mlfactory.lake.store import product_store
from mlfactory.product.errors import SpecError
from mlfactory.product.loader import load_product
from mlfactory.report.feature_page import feature_page
from mlfactory.report.page import Link, Page
from mlfactory.settings import settings
from mlfactory.trainings.feature_index import features_of

_MOST_PARTITIONS = 400
_MOST_ENTRIES = 500
_JUDGED = ("promoted", "rejected")


def index_page(product: str) -> str:
    """Return what the product's models and partitions have left to read, the newest first."""
    store = product_store(product)
    kept = {name for folder in PAGES for name in store.list(folder)}
    entries = ledger.entries(product)
    page = Page(product, "What its models and partitions have left to read")
    page.facts(_facts(product, entries, kept))
    _models(page, product, [entry for entry in entries if entry.event in _JUDGED], kept)
    _partitions(page, kept)
    return page.render()


def ledger_page(product: str) -> str:
    """Return the product's ledger as a page, the newest decision first."""
    entries = ledger.entries(product)
    page = Page(f"{product}: ledger", "Every decision: who decided what, when (UTC) and why")
    if not entries:
        page.paragraph("Empty: the first entry comes with the first partition that is monitored.")
        return page.render()
    if len(entries) > _MOST_ENTRIES:
        page.paragraph(f"The newest {_MOST_ENTRIES} of {len(entries):,} entries.")
    page.table(
        ["number", "at", "event", "partition", "who", "why"],
        [
            [str(one.number), _moment(one.at), one.event, one.partition, one.who, one.why]
            for one in reversed(entries[-_MOST_ENTRIES:])
        ],
        state_column="event",
    )
    return page.render()


def features_page(product: str) -> str:
    """Return the index of the product's features as a page."""
    try:
        found = features_of(load_product(product))
    except SpecError as error:
        return Page(f"{product}: features").paragraph(str(error)).render()
    return feature_page(found).render()


def _facts(product: str, entries: list[Entry], kept: Set[str]) -> dict[str, object]:
    promoted = [entry for entry in entries if entry.event == "promoted"]
    facts: dict[str, object] = {}
    if promoted:
        newest = promoted[-1]
        version = str(newest.details.get("version", ""))
        facts["champion"] = Link(f"version {version}", _version_url(product, version))
        facts["since"] = f"{_moment(newest.at)} UTC, partition {newest.partition}"
        facts["promoted because"] = newest.why
    else:
        facts["champion"] = "none yet"
    facts["decisions"] = Link("ledger", "ledger")
    facts["features"] = Link("index", "features")
    if RECONCILED_PAGE in kept:
        facts["what is missing or stale"] = Link("looked for last", _file(RECONCILED_PAGE))
    # Airflow shows this page in a frame that opens no window, and MLflow refuses to be framed: the
    # addresses can be read and copied
    experiment = f"{_mlflow()}/#/experiments?experimentSearchFilter={quote(product)}"
    facts["MLflow experiment"] = Link(experiment, experiment)
    model = f"{_mlflow()}/#/models/{quote(product)}"
    facts["registered model"] = Link(model, model)
    if f"{DATA_DOCS}/index.html" in kept:
        facts["Great Expectations"] = Link("Data Docs", _file(f"{DATA_DOCS}/index.html"))
    return facts


def _models(page: Page, product: str, judged: list[Entry], kept: Set[str]) -> None:
    if not judged:
        return
    page.section("Models")
    rows = []
    for entry in reversed(judged[-_MOST_PARTITIONS:]):
        version = str(entry.details.get("version", ""))
        rows.append(
            [
                Link(f"v{version}", _version_url(product, version)) if version else None,
                entry.event,
                entry.partition,
                _link("card", card_page(entry.subject), kept),
                _link("gates", gates_page(entry.subject), kept),
                entry.why,
            ]
        )
    head = ["version", "decision", "partition", "model card", "gates", "why"]
    page.table(head, rows, state_column="decision")


def _partitions(page: Page, kept: Set[str]) -> None:
    keys = {
        name.removeprefix(f"{folder}/").removesuffix(".html")
        for folder in (REPORTS, VALIDATION, PROFILES)
        for name in kept
        if name.startswith(f"{folder}/")
    }
    page.section("Partitions")
    if not keys:
        page.paragraph("None yet: pages come with the first partition.")
        return
    if len(keys) > _MOST_PARTITIONS:
        page.paragraph(f"The newest {_MOST_PARTITIONS} of {len(keys):,}.")
    page.table(
        ["partition", "monitoring", "validation", "profile"],
        [
            [
                key,
                _link("report", report_page(key), kept),
                _link("validation", validation_page(key), kept),
                _link("profile", profile_page(key), kept),
            ]
            for key in sorted(keys, reverse=True)[:_MOST_PARTITIONS]
        ],
    )


def _moment(at: str) -> str:
    return at[:16].replace("T", " ")


def _link(text: str, name: str, kept: Set[str]) -> Link | None:
    return Link(text, _file(name)) if name in kept else None


def _file(name: str) -> str:
    return f"files/{quote(name)}"


def _mlflow() -> str:
    return settings().mlflow_url.rstrip("/")


def _version_url(product: str, version: str) -> str:
    return f"{_mlflow()}/#/models/{quote(product)}/versions/{quote(version)}"
