"""A factory made by hand: what a backup looks at, without a run or a training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mlfactory.backup import save
from mlfactory.backup.contents import Index
from mlfactory.lake.catalog import ledger_file, manifest_file
from mlfactory.lake.ledger import Entry, record
from mlfactory.lake.store import product_store, store_at, write_json
from mlfactory.lake.tables import Lake
from mlfactory.registry.connection import client
from mlfactory.settings import settings
from mlfactory.statistics.naive import Naive
from mlfactory.trainings.files import save_fitted
from mlfactory.trainings.records import Fitted

DAY = "2026-01-01"
MODEL = "bakery/models/m-1/artifacts"
FIRST = ledger_file(1)
MANIFEST = manifest_file("ingest", DAY)


@dataclass(frozen=True)
class Mark:
    """What tells one state of a factory from another."""

    rows: int
    decisions: int
    model: bytes | None


def sell(rows: int = 3) -> None:
    """Let a day have so many rows, which its manifest vouches for."""
    store = product_store("bakery")
    store.delete(MANIFEST)
    Lake("bakery").replace("raw_orders", pd.DataFrame({"amount": range(rows)}), DAY)
    write_json(store, MANIFEST, {"id": str(rows)})


def promote() -> None:
    """Let a version serve, with a model whose files lie where MLflow's artifacts do."""
    server = client()
    if not server.search_registered_models("name = 'bakery'"):
        server.create_registered_model("bakery")
    store_at(settings().artifacts_uri).write(f"{MODEL}/MLmodel", b"flavors:\n")
    fitted = Fitted(
        *("2026-01-01.test", "run", "models:/m-1", f"mlflow-artifacts:/{MODEL}", "abc", "linear"),
        *({}, None, None, "roc_auc", None, Naive(), {}),
    )
    save_fitted("bakery", fitted)
    details = {"version": "1", "digest": "abc", "seen_through": DAY}
    record("bakery", Entry("promoted", DAY, "it passed", "2026-01-01.test", details=details))


def factory() -> None:
    """Make a factory with rows, a manifest, a model and a decision about it."""
    sell()
    promote()


def mark() -> Mark:
    """Return how the factory of this home is."""
    store = product_store("bakery")
    rows = len(Lake("bakery").read("raw_orders"))
    model = store_at(settings().artifacts_uri).find(f"{MODEL}/MLmodel")
    return Mark(rows, len(store.list("ledger")), model)


def saved(place: Path | str) -> Index:
    """Make a backup."""
    return save(str(place), lambda _: None, airflow={})
