"""The stage's public function: batch predictions of a partition, with the challenger in shadow."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from mlfactory.lake import ledger
from mlfactory.lake.catalog import FEATURES, PREDICTIONS
from mlfactory.lake.manifests import Manifest, manifest, read_manifest
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import IntegrityError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.registry.models import LoadedModel, load_version
from mlfactory.score.predictions import predict, predictions_schema

_log = logging.getLogger(__name__)

State = Literal["ok", "no_data", "no_model", "seen"]
"""`seen` is a snapshot's: every model has seen the only partition; it was predicted by none."""


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
    looked at older partitions only. Without rows or such a champion the partition is emptied.

    Raises:
        IntegrityError: the champion's files are not the registered ones.
        ContractError: the features do not fit the model.
        ServiceError: MLflow does not answer.
    """
    lake = Lake(product.name)
    with manifest(product, "score", partition.key) as record:
        record.has_read(read_manifest(product.name, "prepare", partition.key))
        record.inputs = lake.versions(FEATURES)
        version = record.inputs.get(FEATURES)
        features = lake.read(FEATURES, [partition.key], version=version)
        result = _predict(product, partition, lake, features, record)
        record.counts = {"rows": result.rows}
        record.facts = {
            "state": result.state,
            "champion": result.champion,
            "challenger": result.challenger,
        }
    return result


def _predict(
    product: Product, partition: Partition, lake: Lake, features: pd.DataFrame, record: Manifest
) -> ScoreResult:
    champion = _champion(product, partition)
    if features.empty or champion is None:
        _empty(product, partition, lake, record)
        return ScoreResult(0, None, None, "no_data" if features.empty else _unserved(product))
    models = [("champion", champion)]
    challenger = _challenger(product, partition)
    if challenger is not None:
        models.append(("challenger", challenger))
    rows = predict(product, partition, features, lake.columns(FEATURES), models)
    record.outputs[PREDICTIONS] = lake.replace(PREDICTIONS, rows, partition.key)
    shadow = challenger.version if challenger else None
    return ScoreResult(len(features), champion.version, shadow, "ok")


def _unserved(product: Product) -> State:
    """Return why no champion predicts: there is none, or it has seen the only partition."""
    if product.calendar.is_snapshot and ledger.entries(product.name, "promoted"):
        return "seen"
    return "no_model"


def _champion(product: Product, partition: Partition) -> LoadedModel | None:
    reign = ledger.champion_for(product, partition)
    return load_version(product.name, reign.version) if reign else None


def _challenger(product: Product, partition: Partition) -> LoadedModel | None:
    reign = ledger.challenger_for(product, partition)
    if reign is None:
        return None
    try:
        return load_version(product.name, reign.version)
    except IntegrityError as error:
        # what is only tried in shadow must not keep the champion from serving
        _log.warning("%s %s: going on without challenger: %s", product.name, partition, error)
        return None


def _empty(product: Product, partition: Partition, lake: Lake, record: Manifest) -> None:
    types = lake.columns(FEATURES)
    if types:
        rows = predictions_schema(product.spec, types).empty_table()
        record.outputs[PREDICTIONS] = lake.replace(PREDICTIONS, rows, partition.key)
