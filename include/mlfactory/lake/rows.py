"""Rows as they landed, and those of them that validation has let through.

Which rows may be used is decided here and nowhere else: those of the very landing that was
validated, as the source's `clean` steps left them where it has any, without the ones that were put
into quarantine then, and with those that were corrected in place of what had landed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.catalog import (
    LANDING,
    PARTITION,
    QUARANTINE,
    RAW_HELPERS,
    ROW,
    clean,
    raw,
    source_of,
)
from mlfactory.lake.corrections import corrected_rows, with_corrections
from mlfactory.lake.manifests import read_manifest, read_manifests, run_name, stands_on
from mlfactory.lake.steps import has_other_steps
from mlfactory.lake.tables import Lake
from mlfactory.lake.unsettled import as_received, kinds_of
from mlfactory.product.errors import ContractError, IntegrityError, ServiceError
from mlfactory.product.loader import Product

State = Literal["accepted", "stopped", "unvalidated", "absent"]

_EXACT = 2**53
"""Up to here every whole number is a float as well."""


@dataclass(frozen=True)
class Landed:
    """What a partition is known to hold of a source: the id of its landing, and how many rows.

    Of cleaned rows it is the id of the validation that cleaned them.
    """

    landing: str
    rows: int


@dataclass(frozen=True)
class Standing:
    """Whether the rows of a partition may be used.

    Attributes:
        state: `unvalidated` if it was not validated since it was last landed, or was cleaned then
            in another way than the spec has now; `absent` if it was never landed (to the end).
        validation: the manifest of its validation, empty if there is none.
    """

    key: str
    state: State
    validation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def landing(self) -> str:
        """Return the id of the landing that was validated."""
        return str(self.validation.get("reads", {}).get(run_name("ingest", self.key), ""))

    def landed(self, source: str) -> Landed:
        """Return what was validated of a source; of one that was added since, nothing."""
        cleaned = source in self.validation.get("facts", {}).get("cleaned", {})
        by = str(self.validation.get("id", "")) if cleaned else self.landing
        return Landed(by, self._count(f"rows.{source}"))

    def quarantined(self, source: str) -> int:
        """Return how many rows of a source were put into quarantine."""
        return self._count(f"quarantined.{source}")

    def corrected(self, source: str) -> int:
        """Return how many rows of a source were let through with other values than they landed."""
        return self._count(f"corrected.{source}")

    def _count(self, name: str) -> int:
        return int(self.validation.get("counts", {}).get(name, 0))


def standings(product: Product, keys: Sequence[str]) -> dict[str, Standing]:
    """Return of each partition whether its rows may be used."""
    landed = read_manifests(product.name, "ingest", keys)
    validated = read_manifests(product.name, "validate", keys)
    return {
        key: Standing(key, _state(product, landed.get(key, {}), validation), validation)
        for key in keys
        for validation in [validated.get(key, {})]
    }


def accepted(product: Product, source: str, keys: Sequence[str]) -> pd.DataFrame:
    """Return the rows of a source that validation let through, of those partitions that passed.

    They come partition after partition, as they were received or corrected, in the order in which
    they landed, with the source's columns only.

    Raises:
        ServiceError: if a partition is being landed or validated anew at this moment.
        IntegrityError: if rows that were landed, corrected, or put into quarantine, are gone.
        ContractError: if rows were landed by a revision that did not name their landing.
    """
    return accepted_of(product, source, list(standings(product, keys).values()))


def accepted_of(product: Product, source: str, judged: Sequence[Standing]) -> pd.DataFrame:
    """Return what `accepted` does, of partitions whose standing is known already."""
    usable = {each.key: each for each in judged if each.state == "accepted"}
    landings = {key: each.landed(source) for key, each in usable.items()}
    rows = landed_rows(product, source, landings, table_of(product, source))
    bad = quarantined_rows(product, source, usable)
    if len(bad):
        names = [PARTITION, ROW]
        places = pd.MultiIndex.from_frame(rows.select(names).to_pandas())
        rows = rows.filter(pa.array(~places.isin(pd.MultiIndex.from_frame(bad[names]))))
    rows = with_corrections(rows, corrected_rows(product, source, usable))
    helpers = [name for name in RAW_HELPERS if name in rows.column_names]
    return as_frame(rows.drop_columns(helpers))


def table_of(product: Product, source: str) -> str:
    """Return the table whose rows of a source are validated and used: cleaned where that is asked.

    Of partitions that are `accepted` it has all rows.
    """
    return clean(source) if product.spec.sources[source].clean else raw(source)


def landed_rows(
    product: Product, source: str, landings: Mapping[str, Landed], table: str = ""
) -> pa.Table:
    """Return all rows of a source in some partitions, in order, with the columns that are ours.

    Args:
        landings: what each of the partitions is known to hold.
        table: that of the source's landed rows by default, or that of its cleaned ones.

    Raises:
        ServiceError: if there are rows of another landing.
        IntegrityError: if there are fewer than were landed: a table that was removed is no day on
            which nothing happened.
        ContractError: if rows were landed by a revision that did not name their landing.
    """
    lake = Lake(product.name)
    table = table or raw(source)
    rows = lake.arrow(table, list(landings))
    if rows is None:
        refuse_loss(product, source, landings, {}, table)
        return empty_rows(lake, table)
    if LANDING not in rows.column_names:
        raise unnamed(product, source)
    rows = rows.sort_by([(PARTITION, "ascending"), (ROW, "ascending")])
    ids = [landed.landing for landed in landings.values()]
    known = pa.array(list(landings)), pa.array(ids, pa.string())
    expected = pc.take(known[1], pc.index_in(rows.column(PARTITION), value_set=known[0]))
    strange = pc.invert(pc.equal(rows.column(LANDING), expected))
    if pc.any(strange).as_py():
        key = rows.column(PARTITION).filter(strange)[0].as_py()
        raise replaced(product, source, key, table)
    found = rows.column(PARTITION).value_counts().to_pylist()
    counts = {one["values"]: one["counts"] for one in found}
    refuse_loss(product, source, landings, counts, table)
    return as_received(rows)


def as_frame(rows: pa.Table) -> pd.DataFrame:
    """Return rows as a frame with a plain range index; whole numbers stay what they are.

    In pandas a column of whole numbers with a gap is one of floats, which would change numbers of
    more than 15 digits: such a column becomes `Int64`.
    """
    frame: pd.DataFrame = rows.to_pandas()
    for name in rows.column_names:
        column = rows.column(name)
        if pa.types.is_int64(column.type) and column.null_count and is_large(column):
            frame[name] = column.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame


def is_large(column: pa.ChunkedArray) -> bool:
    """Tell whether a column of whole numbers has some that are too large for a float."""
    ends = pc.min_max(column).as_py()
    return any(end is not None and abs(end) > _EXACT for end in ends.values())


def empty_rows(lake: Lake, table: str) -> pa.Table:
    """Return the columns of a source's rows as they came, and ours, without a row.

    Args:
        table: of landed or of cleaned rows.
    """
    columns = _EMPTY | kinds_of(lake.columns(table, ours=True))
    return pa.table({name: pa.array([], kind) for name, kind in columns.items()})


def unnamed(product: Product, source: str) -> ContractError:
    """Return the error about rows that name no landing."""
    return ContractError(
        f"{product.name}.{source}: its rows were landed by an older revision, which did not name "
        "landings",
        remedy=f"mlfactory reset {product.name} --source {source}, then ingest them again",
    )


def replaced(product: Product, source: str, key: str, table: str) -> ServiceError:
    """Return the error about rows of another landing than the one that is known."""
    if _is_clean(table):
        return ServiceError(
            f"{product.name}.{source}, partition {key}: its rows are being cleaned by another run "
            "of validate",
            remedy=f"run it again when that has ended; if none is at work: {_anew(product, key)}",
        )
    return ServiceError(
        f"{product.name}.{source}, partition {key}: its rows are being replaced by another run of "
        "ingest",
        remedy="run it again when that has ended; if none is at work, land it again: mlfactory "
        f"run {product.name} {key} --stage ingest --stage validate --downstream",
    )


_EMPTY = {PARTITION: pa.string(), LANDING: pa.string(), ROW: pa.int64()}


def _state(product: Product, landed: Mapping[str, Any], validated: Mapping[str, Any]) -> State:
    if not landed:
        return "absent"
    if not stands_on(validated, landed):
        return "unvalidated"
    if has_other_steps(validated, product):
        return "unvalidated"
    return "stopped" if validated["facts"]["verdict"] == "stop" else "accepted"


def refuse_loss(
    product: Product,
    source: str,
    landings: Mapping[str, Landed],
    found: Mapping[str, int],
    table: str = "",
) -> None:
    """Make sure that there are as many rows of each partition as were landed (`found`).

    Args:
        table: that of the source's landed rows by default, or that of its cleaned ones.

    Raises:
        ServiceError: if a partition was landed anew meanwhile.
        IntegrityError: if rows are gone.
    """
    for key, landed in landings.items():
        if found.get(key, 0) == landed.rows:
            continue
        if _is_clean(table):
            _refuse_if_replaced(product, "validate", key, landed.landing)
            raise IntegrityError(
                f"{product.name}.{source}, partition {key}: {landed.rows:,} rows were left by "
                f"cleaning, and {Lake(product.name).address(table)} holds {found.get(key, 0):,}",
                remedy=_anew(product, key),
            )
        _refuse_if_replaced(product, "ingest", key, landed.landing)
        raise IntegrityError(
            f"{product.name}.{source}, partition {key}: {landed.rows:,} rows were landed, and "
            f"{Lake(product.name).address(raw(source))} holds {found.get(key, 0):,}",
            remedy=f"put the table back from a copy; or read the source again: mlfactory reset "
            f"{product.name} --source {source}, then mlfactory run {product.name} for each "
            "partition",
        )


def quarantined_rows(product: Product, source: str, judged: Mapping[str, Standing]) -> pd.DataFrame:
    """Return partition, landing and place of the rows of a source that are in quarantine.

    Raises:
        ServiceError: if a partition is being validated anew at this moment.
        IntegrityError: if rows that were put there are gone, so that they would be let through.
    """
    names = [PARTITION, LANDING, ROW]
    if not any(each.quarantined(source) for each in judged.values()):
        return pd.DataFrame(columns=names)
    found = Lake(product.name).read(
        QUARANTINE, list(judged), columns=[PARTITION, "source", "landing", "row"]
    )
    found = found.rename(columns={"landing": LANDING, "row": ROW})
    found = found[np.asarray(found["source"] == source, dtype=bool)]
    known = found[PARTITION].map({key: each.landing for key, each in judged.items()})
    found = found[np.asarray(found[LANDING] == known, dtype=bool)]
    there = found[[PARTITION, LANDING]].value_counts()
    for key, standing in judged.items():
        count = int(there.get((key, standing.landing), 0))
        if count == standing.quarantined(source):
            continue
        _refuse_if_replaced(product, "validate", key, str(standing.validation["id"]))
        raise IntegrityError(
            f"{product.name}.{source}, partition {key}: {standing.quarantined(source):,} rows were "
            f"put into quarantine, and {Lake(product.name).address(QUARANTINE)} holds {count:,}; "
            "the others would be let through",
            remedy=f"mlfactory run {product.name} {key} --stage validate --downstream",
        )
    return found[names]


def _is_clean(table: str) -> bool:
    return bool(table) and source_of(table) is None


def _anew(product: Product, key: str) -> str:
    return f"mlfactory run {product.name} {key} --stage validate --downstream"


def _refuse_if_replaced(product: Product, stage: str, key: str, run: str) -> None:
    """Make sure that the run that is known is still the newest one of its stage."""
    if read_manifest(product.name, stage, key).get("id") != run:
        raise ServiceError(
            f"{product.name}, partition {key}: it is being replaced by another run of {stage}",
            remedy="run it again when that has ended; if none is at work, run the partition again: "
            f"mlfactory run {product.name} {key} --stage {stage} --downstream",
        )
