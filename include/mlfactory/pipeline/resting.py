"""The trigger that lets a partition of a replay come to rest; it runs in Airflow's triggerer.

No slot of a worker is held meanwhile. Nothing is kept here: what has been asked for is found in
Airflow, so a triggerer that is started again goes on where the last one was.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from mlfactory.cycle.pace import heals_in_seconds
from mlfactory.pipeline.own_airflow import own_airflow
from mlfactory.product.errors import FactoryError
from mlfactory.scheduler.api import AirflowApi
from mlfactory.scheduler.looking import Look, look_at
from mlfactory.scheduler.replay import Replay

_SECONDS = 2.0
_LONGEST_SECONDS = 15.0
_NOTED_AFTER = 60.0
"""Seconds after which it is told anew in the lake that the replay goes on."""


class KeyAtRest(BaseTrigger):
    """Asks for the data run of a key, and fires when all that follows it is over.

    Its event has the `problem` for which the key will not come to rest, empty if it has.

    Args:
        replay: the fields of a `Replay`.
        key: of the partition.
        so_far: what became of the keys before it, for the page of the run.
    """

    def __init__(self, replay: dict[str, Any], key: str, so_far: str) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.replay = Replay(**replay)
        self.key = key
        self.so_far = so_far
        self._shown = ""
        self._logged = set[str]()
        # the first look tells it anew, also after a restart of the triggerer
        self._noted_at = -math.inf

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer makes it of again."""
        kwargs = {"replay": asdict(self.replay), "key": self.key, "so_far": self.so_far}
        return f"{__name__}.{type(self).__name__}", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event. What is away for a moment, Airflow or the lake, is waited for."""
        began = time.monotonic()
        with own_airflow() as api:
            while True:
                try:
                    look = await asyncio.to_thread(self.look, api)
                except FactoryError as error:
                    if not heals_in_seconds(error):
                        yield _event(str(error))
                        return
                    self.log.warning("%s: %s", self.key, error)
                except Exception as error:  # whatever it is: nobody else would look again
                    self.log.warning("%s: %s: %s", self.key, type(error).__name__, error)
                else:
                    if look.is_at_rest or look.problem:
                        yield _event(look.problem)
                        return
                waited = time.monotonic() - began
                await asyncio.sleep(min(max(_SECONDS, waited / 30), _LONGEST_SECONDS))

    def look(self, api: AirflowApi) -> Look:
        """Return how far the key has come; log and show what is new.

        Raises:
            UsageError: the replay cannot go on, as after a reset of the product.
        """
        if time.monotonic() - self._noted_at > _NOTED_AFTER:
            self.replay.work.go_on()
            self._noted_at = time.monotonic()
        look = look_at(api, self.replay.product, self.replay.name, self.key)
        for part, run in look.chain.items():
            if run.is_over and part not in self._logged:
                self._logged.add(part)
                self.log.info("%s: %s %s, %.1f s", self.key, part, run.state, run.seconds)
        if look.awaits and look.awaits != self._shown:
            self._shown = look.awaits
            self.log.info("%s waits for %s", self.key, look.awaits)
            self.replay.show(api, f"{self.so_far} {self.key} waits for {look.awaits}.")
        return look


def _event(problem: str) -> TriggerEvent:
    return TriggerEvent({"problem": problem})  # type: ignore[no-untyped-call]
