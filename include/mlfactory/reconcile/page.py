"""How gaps are told: a page in the lake, and a warning in the log for each one that is new."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from mlfactory.lake.catalog import RECONCILED_FILE, RECONCILED_PAGE
from mlfactory.lake.store import find_json, product_store, write_json
from mlfactory.product.loader import Product
from mlfactory.reconcile.gaps import Gap
from mlfactory.report.page import Page

_log = logging.getLogger(__name__)


def tell(product: Product, gaps: Sequence[Gap], now: datetime) -> None:
    """Write the page, and warn of each gap that was not there when it was looked last."""
    store = product_store(product.name)
    last = find_json(store, RECONCILED_FILE) or {}
    before = set(last.get("gaps", []))
    store.write(RECONCILED_PAGE, _page(product, gaps, now).encode())
    if "log" in product.spec.monitor.alerts:
        for gap in gaps:
            if gap.identity not in before:
                _log.warning("%s", in_words(product, gap))
    write_json(
        store,
        RECONCILED_FILE,
        {
            "at": now.isoformat(timespec="seconds"),
            "gaps": [gap.identity for gap in gaps],
            "failed": _failed(last.get("failed", []), gaps),
        },
    )


def failures(product: Product, gaps: Sequence[Gap]) -> list[str]:
    """Return the identities of the gaps whose mending failed when it was tried, oldest first.

    Those of this process are written down from look to look; of its own runs Airflow tells.
    """
    last = find_json(product_store(product.name), RECONCILED_FILE) or {}
    return _failed(last.get("failed", []), gaps)


def failed_last(product: Product, gaps: Sequence[Gap]) -> list[Gap]:
    """Return the gaps in the order in which to try them.

    What was tried and failed comes after what was not, what failed longest ago first: so few are
    tried at a time that what nobody can mend would keep all others waiting for good.
    """
    place = {identity: place for place, identity in enumerate(failures(product, gaps))}
    return sorted(gaps, key=lambda gap: place.get(gap.identity, -1))


def _failed(before: Sequence[str], gaps: Sequence[Gap]) -> list[str]:
    """Return which gaps failed to be mended and are still there, what failed last at the end."""
    now = [gap.identity for gap in gaps if gap.failed and not gap.mended]
    still = {gap.identity for gap in gaps if not gap.mended}.difference(now)
    return [*(identity for identity in before if identity in still), *now]


def in_words(product: Product, gap: Gap) -> str:
    """Return a gap as one line."""
    what = f"{product.name} {gap.key}".strip()
    said = f"{what}: {gap.kind}: {gap.words}"
    told = gap.mended or gap.hindrance
    return f"{said}; {told}" if told else said


def _page(product: Product, gaps: Sequence[Gap], now: datetime) -> str:
    page = Page(f"{product.name}: what is missing or stale", f"As of {now:%Y-%m-%d %H:%M} UTC")
    if not gaps:
        page.states([("reconciled", "ok", "everything is there that should be")])
        return page.render()
    open_gaps = sum(not gap.mended for gap in gaps)
    page.states([("reconciled", "warn", f"{len(gaps)} found, {open_gaps} of them not mended")])
    page.table(
        ["kind", "partition", "what", "done about it"],
        [[gap.kind, gap.key, gap.words, gap.mended or gap.hindrance or "nothing"] for gap in gaps],
    )
    return page.render()
