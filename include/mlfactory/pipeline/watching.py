"""The trigger that looks whether files have come; it runs in Airflow's triggerer, all the time.

It lists a place and compares it with what the lake knows. Nothing is kept here: a triggerer that is
started again finds what came meanwhile, and what was looked into it does not tell again. It writes
once, and only what lay there when the watch began.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

_AGAIN = 900.0
"""Seconds after which the same files are told once more, where nobody looked into them."""

_NAMED = 5
"""Files that an event names; it counts the others."""


class ArrivalsTrigger(BaseEventTrigger):
    """Tells of files that lie in the place of a source and that nobody has looked into.

    Args:
        product, source: whose place it is.
        path: it, as the spec says; another one makes it another trigger.
        seconds: from one look to the next.
    """

    def __init__(self, product: str, source: str, path: str, seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.product = product
        self.source = source
        self.path = path
        self.seconds = seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer makes it of again."""
        kwargs = {name: getattr(self, name) for name in ("product", "source", "path", "seconds")}
        return f"{__name__}.{type(self).__name__}", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield an event whenever there are other new files than were told of, or still the same.

        A place that cannot be looked at is looked at again: it may be away for a moment, and the
        log says so.
        """
        told, told_at = set[tuple[str, str]](), 0.0
        while True:
            try:
                new = await asyncio.to_thread(self.look)
            except Exception as error:  # whatever it is: a watch that ends is missed by nobody
                self.log.warning("%s.%s: %s", self.product, self.source, error)
            else:
                late = time.monotonic() - told_at > _AGAIN
                # fewer than were told: somebody looks into them, and has left some
                if new and (late or new != told):
                    told, told_at = new, time.monotonic()
                    yield TriggerEvent(self._event(new))  # type: ignore[no-untyped-call]
            await asyncio.sleep(self.seconds)

    def look(self) -> set[tuple[str, str]]:
        """Return the files that nobody has looked into, each with its version."""
        from mlfactory.arrivals.looking import look
        from mlfactory.arrivals.new import begin_watch, new_of
        from mlfactory.product.loader import load_product

        product = load_product(self.product)
        there = look(product, self.source)
        begin_watch(product, self.source, there)
        found = new_of(product, self.source, there, datetime.now(UTC))
        return {(each.address, each.seen_as) for each in found}

    def _event(self, new: set[tuple[str, str]]) -> dict[str, Any]:
        names = sorted(address for address, _ in new)
        return {"source": self.source, "files": names[:_NAMED], "count": len(names)}
