"""Train: pin the data, search candidate families, fit and evaluate the best of them."""

from mlfactory.train.stage import (
    FitResult,
    SearchResult,
    SnapshotResult,
    fit,
    run,
    search,
    snapshot,
)

__all__ = ["FitResult", "SearchResult", "SnapshotResult", "fit", "run", "search", "snapshot"]
