"""Findings: the monitor's figures, one row each, as they lie in the table `metrics`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import pyarrow as pa

OK, WARN, ALERT = "ok", "warn", "alert"
NO_DATA, NO_MODEL, NO_LABELS, INSUFFICIENT = "no_data", "no_model", "no_labels", "insufficient"
SEEN = "seen"
"""The state of a snapshot with a champion: every model has seen the only partition."""

NO_REFERENCE = "no_reference"
"""The state where a training's record of what it learned from is lost or damaged."""

DRIFT, PREDICTION_DRIFT, PERFORMANCE, FRESHNESS, LABELS_IN_TIME = (
    "drift",
    "prediction_drift",
    "performance",
    "freshness",
    "labels",
)
"""The metrics whose row with an empty slice carries a partition's state."""

NAIVE = "naive"
"""How the best answer that looks at no feature fares, in the metric that counts."""

SAMPLE = "sample"
"""How many labelled rows the figures of a model are measured on, and as bound about how many there
are; where all are looked at there is none."""

HELD_OUT = "held_out"
"""Why a figure is a warning that fell from what it was on the champion's held-out rows."""

CHALLENGER = "challenger"
"""The slice of the challenger's figures."""

SCHEMA = pa.schema(
    [
        ("about", pa.string()),
        ("metric", pa.string()),
        ("slice", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("bound", pa.float64()),
        ("state", pa.string()),
        ("model_version", pa.string()),
        ("since", pa.string()),
        ("as_of", pa.string()),
        ("why", pa.string()),
    ]
)


@dataclass(frozen=True)
class Finding:
    """One figure about one partition.

    Attributes:
        about: the partition it is about, which may be older than the one it was found in.
        slice: the feature, the value of a sensitive column, or the challenger; empty for all.
        low: lower end of the value's interval.
        high: upper end of the value's interval.
        bound: what the value is held against.
        state: None where a figure is reported and not judged.
        since: first partition of the window that was measured, which ends with `about`.
        as_of: the partition at whose end the labels were looked at.
        why: what the bound is: of the spec (`bound`), of the `naive` answer, or of the `held_out`
            rows; of a feature, that it is `gone`, or `new` to the champion; of the naive answer,
            the metric, in which its figure is the value and the model's the bound.
    """

    about: str
    metric: str
    slice: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    state: str | None = None
    model_version: str | None = None
    since: str | None = None
    as_of: str | None = None
    why: str | None = None


def as_table(findings: Iterable[Finding]) -> pa.Table:
    """Return findings as rows; a figure that is not a number is null."""
    rows = [
        {name: None if _is_nan(value) else value for name, value in asdict(finding).items()}
        for finding in findings
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)
