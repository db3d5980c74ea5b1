"""The stage's public function: batch predictions of a partition, with the challenger in shadow."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import pyarrow as pa

from mlfactory.lake import ledger
from mlfactory.lake.catalog import FEATURES, PREDICTIONS
from mlfactory.lake.ledger import Reign, Standing
from mlfactory.lake.manifests import Manifest, manifest, read_manifest
from mlfactory.lake.store import Absent
from mlfactory.lake.tables import Lake
from mlfactory.lake.vouched import rows_of_run
from mlfactory.product.errors import ContractError, IntegrityError
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition
from mlfactory.registry.models import load_version
from mlfactory.score.code import other_code
from mlfactory.score.predictions import predict, predictions_schema
from mlfactory.score.unseen import fitted_rows, held_out_rows

_log = logging.getLogger(__name__)

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
        features = rows_of_run(product.name, FEATURES, partition.key, prepared)
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
    product: Product, partition: Partition, lake: Lake, features: pd.DataFrame, record: Manifest
) -> ScoreResult:
    now = _standing(product, partition)
    if features.empty or now.champion is None:
        _empty(product, lake, record)
        return ScoreResult(0, None, None, "no_data" if features.empty else "no_model")
    types = lake.columns(FEATURES)
    tables = [_predicted(product, partition, "champion", now.champion, features, types)]
    if not tables[0].num_rows:
        _empty(product, lake, record)
        return ScoreResult(0, None, None, "seen")
    shadow = _in_shadow(product, partition, now.challenger, features, types)
    tables += [] if shadow is None else [shadow]
    record.write(lake, PREDICTIONS, pa.concat_tables(tables))
    beside = now.challenger.version if now.challenger and shadow is not None else None
    return ScoreResult(tables[0].num_rows, now.champion.version, beside, "ok")


def _standing(product: Product, partition: Partition) -> Standing:
    """Return who predicts; of a snapshot the newest, which has seen but a part of its rows."""
    if product.calendar.is_snapshot:
        return ledger.standing(ledger.entries(product.name, *ledger.DECISIONS))
    return ledger.standing_for(product, partition)


def _predicted(
    product: Product,
    partition: Partition,
    role: str,
    reign: Reign,
    features: pd.DataFrame,
    types: Mapping[str, pa.DataType],
) -> pa.Table:
    """Return what a version predicts, of a snapshot only for rows that it was not fitted on."""
    held_out = None
    if product.calendar.is_snapshot:
        features = features[~fitted_rows(product, reign, features)].reset_index(drop=True)
        held_out = held_out_rows(product, reign, features)
    if features.empty:
        return predictions_schema(product.spec, types).empty_table()
    model = load_version(product.name, reign.version, digest=reign.digest or None)
    return predict(product, partition, features, types, role, model, held_out)


def _in_shadow(
    product: Product,
    partition: Partition,
    reign: Reign | None,
    features: pd.DataFrame,
    types: Mapping[str, pa.DataType],
) -> pa.Table | None:
    """Return what the challenger predicts, None if there is none or it cannot be asked."""
    if reign is None:
        return None
    try:
        return _predicted(product, partition, "challenger", reign, features, types)
    except (Absent, ContractError, IntegrityError) as error:
        # what is only tried in shadow must not keep the champion from serving
        _log.warning("%s %s: going on without challenger: %s", product.name, partition, error)
        return None


def _empty(product: Product, lake: Lake, record: Manifest) -> None:
    types = lake.columns(FEATURES)
    if types:
        rows = predictions_schema(product.spec, types).empty_table()
        record.write(lake, PREDICTIONS, rows)
