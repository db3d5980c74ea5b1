"""`<p>.arrivals`: looks into files that have come, and asks for the runs of what they touch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetWatcher

from mlfactory.arrivals.looking import watched
from mlfactory.connections import looked_up_by
from mlfactory.pipeline.connecting import known_to_airflow
from mlfactory.pipeline.operator import StageOperator, by_hand, cause_of
from mlfactory.pipeline.own_airflow import own_airflow
from mlfactory.product.errors import ContractError, FactoryError
from mlfactory.product.loader import Product, load_product

if TYPE_CHECKING:
    from airflow.sdk import Context

    from mlfactory.arrivals.taking import Lack
    from mlfactory.scheduler.api import AirflowApi

MOST_ASKED = 200
"""Partitions of which a run is asked for at once; a longer past is for a replay."""


def watched_assets(product: Product) -> list[Asset]:
    """Return an asset for each source that is watched, with the trigger that watches it."""
    # Airflow's triggers are not loaded where nothing is watched
    from mlfactory.pipeline.watching import ArrivalsTrigger

    found = []
    for name, source in watched(product).items():
        assert source.watch is not None
        seconds = source.watch.total_seconds()
        trigger = ArrivalsTrigger(product.name, name, source.path, seconds)
        place = f"{product.name}/files/{name}"
        found.append(
            Asset(
                name=place,
                uri=f"mlfactory://{place}",
                group="mlfactory",
                watchers=[AssetWatcher(name=f"{product.name}.{name}", trigger=trigger)],
            )
        )
    return found


class ArrivalsOperator(StageOperator):
    """Looks into what has come into the watched places of a product.

    Each new file is read once, and split. Of every partition that lacks something of them, and is
    over, the run is asked for that lands it. One that is under way is not asked for; what it does
    not land, or failed to, `mlfactory.reconcile` finds, or a person who triggers this.
    """

    def execute(self, context: Context) -> dict[str, str]:
        """Return the runs that were asked for, each with what it lands.

        Raises:
            AirflowFailException: a file cannot be read; what the others brought was asked for.
        """
        try:
            with looked_up_by(known_to_airflow):
                return self._asked(load_product(self.product), anew=by_hand(context["dag_run"]))
        except Exception as error:
            raise self._told(error, None, context) from cause_of(error)

    def _asked(self, product: Product, *, anew: bool) -> dict[str, str]:
        from mlfactory.arrivals.taking import take

        now = datetime.now(UTC)
        lacks, problems = list[Any](), list[str]()
        failed = list[FactoryError]()
        for name in watched(product):
            try:
                taken = take(product, name, now)
            except FactoryError as error:
                # what came for the other sources is asked for all the same
                self.log.warning("%s: %s", name, error)
                failed.append(error)
                continue
            lacks += taken.lacks
            problems += taken.problems
            if taken.left:
                self.log.info("%s: %d files are left for the next look", name, taken.left)
        asked = dict[str, str]()
        if lacks:
            with own_airflow() as api:
                asked = dict(self._ask(product, lacks, api, now, anew))
        if failed:
            raise failed[0]
        if problems:
            # each says what is to be done; it is looked into again when it has changed
            raise ContractError("\n".join(problems))
        return asked

    def _ask(
        self, product: Product, lacks: Sequence[Lack], api: AirflowApi, now: datetime, anew: bool
    ) -> Iterator[tuple[str, str]]:
        from mlfactory.scheduler.asking import ARRIVED, land, refuse_without_dag

        refuse_without_dag(api, product.name)
        under_way = {run.partition_key for run in api.active_runs([f"{product.name}.data"])}
        by_key = _by_key(product, lacks, now)
        for key in list(by_key)[:MOST_ASKED]:
            words = "; ".join(lack.in_words for lack in by_key[key])
            if key in under_way:
                self.log.info("%s: a run is under way; %s", key, words)
                continue
            name = hashlib.sha256("".join(lack.name for lack in by_key[key]).encode()).hexdigest()
            run_id = f"{ARRIVED}{key}__{name[:12]}"
            run = land(api, product.name, key, arrived=words, run_id=run_id, anew=anew)
            if run.is_over:
                self.log.warning(
                    "%s: %s; not started: the run %s was for the same, and is over (%s). Trigger "
                    "this DAG to have it tried at once; mlfactory.reconcile tries it later",
                    *(key, words, run.run_id, run.state),
                )
                continue
            self.log.info("%s: %s; started %s", key, words, run.run_id)
            yield run.run_id, words
        if len(by_key) > MOST_ASKED:
            rest = list(by_key)[MOST_ASKED:]
            self.log.warning(
                "%d more partitions lack something; run what you need: mlfactory replay %s %s %s",
                *(len(rest), product.name, rest[0], rest[-1]),
            )


def _by_key(product: Product, lacks: Sequence[Lack], now: datetime) -> dict[str, list[Lack]]:
    """Return what partitions lack, the oldest first; not those whose own run is to come."""
    from mlfactory.arrivals.taking import is_due

    found: dict[str, list[Lack]] = {}
    for lack in sorted(lacks, key=lambda lack: (lack.key, lack.source)):
        if is_due(product, lack, now):
            found.setdefault(lack.key, []).append(lack)
    return found
