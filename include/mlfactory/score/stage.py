"""The stage's public function: batch predictions of a partition, with the challenger in shadow."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Literal

import pyarrow as pa

from mlfactory.lake import ledger
from mlfactory.lake.batches import Stream
from mlfactory.lake.catalog import FEATURES, PREDICTIONS
from mlfactory.lake.ledger import Reign, Standing
from mlfactory.lake.manifests import Manifest, manifest, read_manifest
from mlfactory.lake.store import Absent
from mlfactory.lake.tables import Lake
from mlfactory.lake.vouched import batches_of_run
from mlfactory.product.errors import ContractError, IntegrityError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.registry.models import LoadedModel, load_version
from mlfactory.score.code import other_code
from mlfactory.score.predictions import predict, predictions_schema
from mlfactory.score.unseen import Unseen

_log = logging.getLogger(__name__)

Features = Callable[[], Iterator[pa.Table]]
"""Gives the features of a partition batch by batch, as often as it is asked."""

State = Literal["ok", "no_data", "no_model", "seen"]
"""`seen` is a snapshot's: its champion was fitted on every row, so that it predicts none."""


@dataclass(frozen=True)
class ScoreResult:
    """How many rows were predicted, and by which versions."""

    rows: int
    champion: str | None
    challenger: str | None
    state: State


def run(product: Product, partition: Partition) -> ScoreResult:
    """Predict a partition with the champion that has not seen it, and replace its predictions.

    Which one that is, the ledger says: a model promoted later may serve here too, if its training
    looked at older partitions only. Of a snapshot the newest champion predicts the rows that it was
    not fitted on. Without rows or such a champion the partition is emptied.

    Raises:
        IntegrityError: the champion's files are not the registered ones, or features are gone.
        ContractError: the features do not fit the model.
        ServiceError: MLflow does not answer, or the partition is being prepared anew.
    """
    lake = Lake(product.name)
    with manifest(product, "score", partition.key) as record:
        prepared = read_manifest(product.name, "prepare", partition.key)
        record.has_read(prepared)
        record.inputs = {
            table: at for table, at in prepared.get("outputs", {}).items() if table == FEATURES
        }
        features = partial(batches_of_run, product.name, FEATURES, partition.key, prepared)
        result = _predict(product, partition, lake, features, record)
        if result.champion:
            told = other_code(product, result.champion, str(prepared["code_hash"]))
            if told:
                _log.warning("%s %s: %s", product.name, partition, told)
        record.counts = {"rows": result.rows}
        record.facts = {
            "state": result.state,
            "champion": result.champion,
            "challenger": result.challenger,
        }
    return result


def _predict(
    product: Product, partition: Partition, lake: Lake, features: Features, record: Manifest
) -> ScoreResult:
    now = _standing(product, partition)
    first = next(features(), None)
    nothing = first is None or not first.num_rows
    if nothing or now.champion is None:
        _empty(product, lake, record)
        return ScoreResult(0, None, None, "no_data" if nothing else "no_model")
    types = lake.columns(FEATURES)
    champion = _Predictor(product, partition, "champion", now.champion, types)
    beside = now.challenger
    challenger = (
        _Challenger(product, partition, "challenger", beside, types) if beside is not None else None
    )
    try:
        _write(record, lake, champion, features, challenger)
    except _ShadowFailed as failed:
        # what is only tried in shadow must not keep the champion from serving
        _log.warning("%s %s: going on without challenger: %s", product.name, partition, failed)
        beside = None
        _write(record, lake, champion, features, None)
    if not champion.rows:
        return ScoreResult(0, None, None, "seen")
    return ScoreResult(
        champion.rows, now.champion.version, beside.version if beside else None, "ok"
    )


def _write(
    record: Manifest,
    lake: Lake,
    champion: _Predictor,
    features: Features,
    challenger: _Predictor | None,
) -> None:
    """Replace the partition's predictions: all of the champion, then all of the challenger.

    Of a partition that is larger than a batch no more than one is held.
    """

    def tables() -> Iterator[pa.Table]:
        yield from map(champion.predicted, features())
        if challenger is not None and champion.rows:
            yield from map(challenger.predicted, features())

    champion.rows = 0
    record.write(lake, PREDICTIONS, Stream(champion.schema, tables()))


def _standing(product: Product, partition: Partition) -> Standing:
    """Return who predicts; of a snapshot the newest, which has seen but a part of its rows."""
    if product.calendar.is_snapshot:
        return ledger.standing(ledger.entries(product.name, *ledger.DECISIONS))
    return ledger.standing_for(product, partition)


class _Predictor:
    """A version that predicts batch after batch, of a snapshot the rows it was not fitted on.

    Attributes:
        rows: how many it has predicted.
    """

    def __init__(
        self,
        product: Product,
        partition: Partition,
        role: str,
        reign: Reign,
        types: Mapping[str, pa.DataType],
    ) -> None:
        self.schema = predictions_schema(product.spec, types)
        self.rows = 0
        self._product, self._partition, self._types = product, partition, types
        self._role, self._reign = role, reign

    def predicted(self, features: pa.Table) -> pa.Table:
        """Return what the version predicts for some rows.

        Raises:
            IntegrityError: its files are not the registered ones.
            ContractError: the features do not fit it.
        """
        rows, held_out = features.to_pandas(), None
        if self._unseen is not None:
            rows = self._unseen.of(rows)
            held_out = self._unseen.held_out(rows)
        if rows.empty:
            return self.schema.empty_table()
        self.rows += len(rows)
        return predict(
            self._product, self._partition, rows, self._types, self._role, self._model, held_out
        )

    @cached_property
    def _unseen(self) -> Unseen | None:
        snapshot = self._product.calendar.is_snapshot
        return Unseen(self._product, self._reign) if snapshot else None

    @cached_property
    def _model(self) -> LoadedModel:
        # not before there are rows: of a snapshot that is all seen, nobody is asked
        return load_version(
            self._product.name, self._reign.version, digest=self._reign.digest or None
        )


class _Challenger(_Predictor):
    """A version that is tried in shadow, whose failure is told apart from all others."""

    def predicted(self, features: pa.Table) -> pa.Table:
        """Return what the version predicts for some rows.

        Raises:
            _ShadowFailed: it cannot be asked.
        """
        try:
            return super().predicted(features)
        except (Absent, ContractError, IntegrityError) as error:
            raise _ShadowFailed(str(error)) from error


class _ShadowFailed(Exception):
    """A challenger cannot be asked about these features."""


def _empty(product: Product, lake: Lake, record: Manifest) -> None:
    types = lake.columns(FEATURES)
    if types:
        rows = predictions_schema(product.spec, types).empty_table()
        record.write(lake, PREDICTIONS, rows)
