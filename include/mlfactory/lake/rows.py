"""Rows as they landed, and those of them that validation has let through.

Which rows may be used is decided here and nowhere else: those of the very landing that was
validated, without the ones that were put into quarantine then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.catalog import LANDING, PARTITION, QUARANTINE, RAW_HELPERS, ROW, raw
from mlfactory.lake.manifests import read_manifests, run_name, stands_on
from mlfactory.lake.tables import Lake
from mlfactory.product.errors import ContractError, ServiceError
from mlfactory.product.loader import Product

State = Literal["accepted", "stopped", "unvalidated", "absent"]

_EXACT = 2**53
"""Up to here every whole number is a float as well."""


@dataclass(frozen=True)
class Standing:
    """Whether the rows of a partition may be used.

    Attributes:
        state: `unvalidated` if it was not validated since it was last landed, `absent` if it was
            never landed (to the end).
        validation: the manifest of its validation, empty if there is none.
    """

    key: str
    state: State
    validation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def landing(self) -> str:
        """Return the id of the landing that was validated."""
        return str(self.validation.get("reads", {}).get(run_name("ingest", self.key), ""))


def standings(product: Product, keys: Sequence[str]) -> dict[str, Standing]:
    """Return of each partition whether its rows may be used."""
    landed = read_manifests(product.name, "ingest", keys)
    validated = read_manifests(product.name, "validate", keys)
    return {
        key: Standing(key, _state(landed.get(key, {}), validated.get(key, {})), validation)
        for key in keys
        for validation in [validated.get(key, {})]
    }


def accepted(product: Product, source: str, keys: Sequence[str]) -> pd.DataFrame:
    """Return the rows of a source that validation let through, of those partitions that passed.

    They come partition after partition, as they were received, with the source's columns only.

    Raises:
        ServiceError: if a partition is being landed anew at this moment.
        ContractError: if rows were landed by a revision that did not name their landing.
    """
    return accepted_of(product, source, list(standings(product, keys).values()))


def accepted_of(product: Product, source: str, judged: Sequence[Standing]) -> pd.DataFrame:
    """Return what `accepted` does, of partitions whose standing is known already."""
    landings = {each.key: each.landing for each in judged if each.state == "accepted"}
    rows = landed_rows(product, source, landings)
    bad = _quarantined(product, source, landings)
    if len(bad):
        names = [PARTITION, LANDING, ROW]
        places = pd.MultiIndex.from_frame(rows.select(names).to_pandas())
        rows = rows.filter(pa.array(~places.isin(pd.MultiIndex.from_frame(bad[names]))))
    helpers = [name for name in RAW_HELPERS if name in rows.column_names]
    return as_frame(rows.drop_columns(helpers))


def landed_rows(product: Product, source: str, landings: Mapping[str, str]) -> pa.Table:
    """Return all rows of a source in some partitions, in order, with the columns that are ours.

    Args:
        landings: the id of the landing that each of the partitions is known to have.

    Raises:
        ServiceError: if there are rows of another landing.
        ContractError: if rows were landed by a revision that did not name their landing.
    """
    lake = Lake(product.name)
    rows = lake.arrow(raw(source), list(landings))
    if rows is None:
        columns = _EMPTY | lake.columns(raw(source), ours=True)
        return pa.table({name: pa.array([], kind) for name, kind in columns.items()})
    where = f"{product.name}.{source}"
    if LANDING not in rows.column_names:
        raise ContractError(
            f"{where}: its rows were landed by an older revision, which did not name landings",
            remedy=f"mlfactory reset {product.name} --source {source}, then ingest them again",
        )
    rows = rows.sort_by([(PARTITION, "ascending"), (ROW, "ascending")])
    known = pa.array(list(landings)), pa.array(list(landings.values()), pa.string())
    expected = pc.take(known[1], pc.index_in(rows.column(PARTITION), value_set=known[0]))
    strange = pc.invert(pc.equal(rows.column(LANDING), expected))
    if pc.any(strange).as_py():
        key = rows.column(PARTITION).filter(strange)[0].as_py()
        raise ServiceError(
            f"{where}, partition {key}: its rows are being replaced by another run of ingest",
            remedy="run it again when that has ended; if none is at work, run ingest of the "
            "partition again, and then validate",
        )
    return rows


def as_frame(rows: pa.Table) -> pd.DataFrame:
    """Return rows as a frame with a plain range index; whole numbers stay what they are.

    In pandas a column of whole numbers with a gap is one of floats, which would change numbers of
    more than 15 digits: such a column becomes `Int64`.
    """
    frame: pd.DataFrame = rows.to_pandas()
    for name in rows.column_names:
        column = rows.column(name)
        if pa.types.is_int64(column.type) and column.null_count and _is_large(column):
            frame[name] = column.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame


_EMPTY = {PARTITION: pa.string(), LANDING: pa.string(), ROW: pa.int64()}


def _is_large(column: pa.ChunkedArray) -> bool:
    ends = pc.min_max(column).as_py()
    return any(end is not None and abs(end) > _EXACT for end in ends.values())


def _state(landed: Mapping[str, Any], validated: Mapping[str, Any]) -> State:
    if not landed:
        return "absent"
    if not stands_on(validated, landed):
        return "unvalidated"
    return "stopped" if validated["facts"]["verdict"] == "stop" else "accepted"


def _quarantined(product: Product, source: str, landings: Mapping[str, str]) -> pd.DataFrame:
    columns = [PARTITION, "source", LANDING, ROW]
    renamed = {"landing": LANDING, "row": ROW}
    found = Lake(product.name).read(
        QUARANTINE, list(landings), columns=[PARTITION, "source", "landing", "row"]
    )
    found = found.rename(columns=renamed)[columns]
    return found[np.asarray(found["source"] == source, dtype=bool)]
