"""Rows that a completed run left: the way in which stages read each other's tables.

A table cannot tell whether the rows of a partition are those that the newest manifest is about: a
run that was thought dead may have written since, and a table that is gone looks like one without
rows. So every row carries the id of the run that wrote it, and every manifest how many it wrote.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from mlfactory.lake.catalog import FEATURES, LABELS, METRICS, PARTITION, PREDICTIONS, RUN
from mlfactory.lake.manifests import read_manifests
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, FactoryError, IntegrityError, ServiceError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_log = logging.getLogger(__name__)

WRITERS: Mapping[str, str] = {
    FEATURES: "prepare",
    LABELS: "prepare",
    PREDICTIONS: "score",
    METRICS: "monitor",
}
"""The stage that writes each of the tables that other stages read by partition."""

Fault = Literal["replaced", "gone", "older"]
"""`replaced`: by a run that has no manifest, or not this one. `gone`: some that it wrote. `older`:
made by a revision of the factory that did not name runs, so that nothing vouches for them."""

_WHY_LEFT_OUT: Mapping[Fault, str] = {
    "replaced": "another run of {} is replacing them",
    "gone": "rows are gone that {} wrote",
    "older": "an older revision of {} made them",
}


def vouched_rows(
    product: str,
    table: str,
    keys: Sequence[str],
    *,
    columns: Sequence[str] | None = None,
    required: Collection[str] = (),
    spared: Collection[str] = (),
) -> pd.DataFrame:
    """Return the rows of partitions as `Lake.read` does, of those that a completed run left.

    Partitions are left out, with a warning, whose rows another run has begun to replace.

    Args:
        required: partitions that may not be left out: without their rows the caller would say that
            nothing happened.
        spared: partitions that are left out, with a warning, whatever is wrong with their rows:
            the caller looks at them beside others, and can do without.

    Raises:
        ServiceError: the rows of a required partition are being replaced.
        IntegrityError: rows that were written are gone.
        ContractError: the table lacks a column that is asked for, or an older revision made rows.
    """
    manifests = read_manifests(product, WRITERS[table], keys)
    rows = _with_runs(product, table, keys, columns)
    wrong = faults(table, manifests, rows)
    _tell(product, table, wrong, required, spared)
    if wrong:
        rows = rows[~rows[PARTITION].isin(set(wrong))].reset_index(drop=True)
    return rows.drop(columns=RUN) if columns is None else rows[list(columns)]


def vouched_counts(
    product: str,
    table: str,
    keys: Sequence[str],
    *,
    required: Collection[str] = (),
    spared: Collection[str] = (),
) -> dict[str, int]:
    """Return how many rows `vouched_rows` would return of each partition that it leaves in.

    No row is read of files of which the table's log tells.

    Args:
        required: see `vouched_rows`.
        spared: see `vouched_rows`.

    Raises:
        ServiceError: the rows of a required partition are being replaced.
        IntegrityError: rows that were written are gone.
        ContractError: an older revision made rows.
    """
    manifests = read_manifests(product, WRITERS[table], keys)
    _, runs = _marks(product, table, keys)
    wrong = faults_of(table, manifests, runs)
    _tell(product, table, wrong, required, spared)
    return {key: sum(runs.get(key, {}).values()) for key in keys if key not in wrong}


def completed_rows(
    product: str, table: str, keys: Sequence[str], *, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return the rows of partitions as `vouched_rows` does, for a picture: it never stops for one.

    A partition is left out without a word whose rows are not all those that a completed run left.

    Raises:
        ContractError: the table lacks a column that is asked for.
    """
    rows = _with_runs(product, table, keys, columns)
    wrong = faults(table, read_manifests(product, WRITERS[table], keys), rows)
    rows = rows[~rows[PARTITION].isin(set(wrong))].reset_index(drop=True)
    return rows.drop(columns=RUN) if columns is None else rows[list(columns)]


def rows_of_run(product: str, table: str, key: str, manifest: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows of a partition that one run left, given by its manifest.

    A partition that has neither (an empty manifest) gives no rows.

    Raises:
        ServiceError: another run is replacing them.
        IntegrityError: they are gone.
        ContractError: an older revision made them.
    """
    rows = _with_runs(product, table, [key], None)
    fault = faults(table, {key: manifest}, rows).get(key)
    if fault is not None:
        raise _error(fault, product, table, key)
    return rows.drop(columns=RUN)


def vouched_batches(
    product: str,
    table: str,
    keys: Sequence[str],
    *,
    columns: Sequence[str] | None = None,
    required: Collection[str] = (),
    spared: Collection[str] = (),
) -> Iterator[pa.Table]:
    """Yield the rows that `vouched_rows` returns, batch by batch.

    Whether they may be used is told before the first batch, mostly by the table's log alone; the
    rows are counted as they come, so nothing may be done for good before the end.

    Args:
        columns: to read; all but the run by default. The partition always comes along.
        required: see `vouched_rows`.
        spared: see `vouched_rows`.

    Raises:
        ServiceError: the rows of a required partition are being replaced.
        IntegrityError: rows that were written are gone.
        ContractError: the table lacks a column that is asked for, or an older revision made rows.
    """
    manifests = read_manifests(product, WRITERS[table], keys)
    version, runs = _marks(product, table, keys)
    wrong = faults_of(table, manifests, runs)
    _tell(product, table, wrong, required, spared)
    good = [key for key in keys if key not in wrong]
    return _counted(product, table, {key: runs.get(key, {}) for key in good}, columns, version)


def batches_of_run(
    product: str,
    table: str,
    key: str,
    manifest: Mapping[str, Any],
    *,
    columns: Sequence[str] | None = None,
) -> Iterator[pa.Table]:
    """Yield the rows that `rows_of_run` returns, batch by batch; see `vouched_batches`.

    Raises:
        ServiceError: another run is replacing them.
        IntegrityError: they are gone.
        ContractError: an older revision made them, or the table lacks a column that is asked for.
    """
    version, runs = _marks(product, table, [key])
    fault = faults_of(table, {key: manifest}, runs).get(key)
    if fault is not None:
        raise _error(fault, product, table, key)
    return _counted(product, table, {key: runs.get(key, {})}, columns, version)


def faults(
    table: str, manifests: Mapping[str, Mapping[str, Any]], rows: pd.DataFrame
) -> dict[str, Fault]:
    """Return the partitions whose rows are not those that their manifest is about, and why.

    Args:
        manifests: of the runs that wrote the table, by partition; those that there are.
        rows: with the columns `partition` and `_run`, which is null where no run was named.
    """
    runs: dict[str, dict[str, int]] = {}
    counts = rows.fillna({RUN: ""}).groupby([PARTITION, RUN], as_index=False).size()
    for key, run, count in counts.itertuples(index=False):
        runs.setdefault(str(key), {})[str(run)] = int(count)
    return faults_of(table, manifests, runs)


def faults_of(
    table: str,
    manifests: Mapping[str, Mapping[str, Any]],
    runs: Mapping[str, Mapping[str, int]],
) -> dict[str, Fault]:
    """Return what `faults` does.

    Args:
        runs: how many rows there are of which run, by partition; of none, those that name none.
    """
    found: dict[str, Fault] = {}
    for key in sorted({*runs, *manifests}):
        run = str(manifests.get(key, {}).get("id", ""))
        there = runs.get(key, {})
        if "" in there:
            found[key] = "older"
        elif set(there) - {run} or (there and not run):
            found[key] = "replaced"
        elif there.get(run, 0) != manifests.get(key, {}).get("written", {}).get(table, 0):
            found[key] = "gone"
    return found


def _with_runs(
    product: str, table: str, keys: Sequence[str], columns: Sequence[str] | None
) -> pd.DataFrame:
    wanted = None if columns is None else list(dict.fromkeys([*columns, PARTITION, RUN]))
    rows = Lake(product).read(table, keys, columns=wanted)
    if RUN in rows:
        return rows
    return rows.assign(**{RUN: None} if PARTITION in rows else {PARTITION: "", RUN: None})


def _marks(
    product: str, table: str, keys: Sequence[str]
) -> tuple[int | None, dict[str, dict[str, int]]]:
    """Return the version of a table, and how many rows of which run it has, by partition."""
    lake = Lake(product)
    version = lake.version(table)
    return version, {} if version is None else lake.marks(table, RUN, keys, version=version)


def _counted(
    product: str,
    table: str,
    runs: Mapping[str, Mapping[str, int]],
    columns: Sequence[str] | None,
    version: int | None,
) -> Iterator[pa.Table]:
    """Yield the rows of partitions, and make sure that all came which the log tells of."""
    missing = {key: sum(of_run.values()) for key, of_run in runs.items()}
    for batch in Lake(product).batches(table, list(runs), columns=columns, version=version):
        for counted in batch[PARTITION].value_counts().to_pylist():
            missing[counted["values"]] -= counted["counts"]
        yield batch.drop_columns(RUN) if columns is None and RUN in batch.column_names else batch
    for key, rows in missing.items():
        if rows:
            raise _gone(product, table, key)


def _tell(
    product: str,
    table: str,
    wrong: Mapping[str, Fault],
    required: Collection[str],
    spared: Collection[str],
) -> None:
    """Warn of the partitions that are left out, and raise about those that may not be."""
    for key, fault in wrong.items():
        if key in required or (fault != "replaced" and key not in spared):
            raise _error(fault, product, table, key)
        why = _WHY_LEFT_OUT[fault].format(WRITERS[table])
        _log.warning("%s, partition %s: its %s are left out, as %s", product, key, table, why)


def _error(fault: Fault, product: str, table: str, key: str) -> FactoryError:
    made = {"replaced": _replaced, "gone": _gone, "older": _older}
    return made[fault](product, table, key)


def _replaced(product: str, table: str, key: str) -> ServiceError:
    return ServiceError(
        f"{product}, partition {key}: its {table} are being replaced by another run of "
        f"{WRITERS[table]}",
        remedy="run it again when that has ended; if none is at work: "
        f"{_again(product, table, key)}",
    )


def _gone(product: str, table: str, key: str) -> IntegrityError:
    return IntegrityError(
        f"{Lake(product).address(table)}: rows of partition {key} are gone that "
        f"{WRITERS[table]} wrote",
        remedy=f"put the table back from a copy, or make them again: {_again(product, table, key)}",
    )


def _older(product: str, table: str, key: str) -> ContractError:
    return ContractError(
        f"{Lake(product).address(table)}: the rows of partition {key} were made by an older "
        "revision, which did not name the run that made them",
        remedy="make them again, and those of other such partitions, the oldest first: "
        f"{_again(product, table, key)}; or let the product start over: mlfactory reset {product}",
    )


def _again(product: str, table: str, key: str) -> str:
    return f"mlfactory run {product} {key} --stage {WRITERS[table]} --downstream"
