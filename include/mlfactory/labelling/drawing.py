"""Drawing a batch: the rows of a partition that people are asked to label, chosen once.

Some are chosen for what the model says of them, and surely so: those it is least sure of, and those
whose error would cost most. Others are drawn from all rows of the partition, each with the same
chance, by a hash of their key: of these alone the model can be judged honestly. So every row is
known to stand for itself, or for so many that were not drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from mlfactory.lake.answers import (
    RANDOM,
    UNCERTAINTY,
    VALUE,
    Asked,
    Batch,
    Drawn,
    leave_batch,
    read_batch,
)
from mlfactory.lake.catalog import FEATURES, PREDICTIONS
from mlfactory.lake.hashes import row_hashes
from mlfactory.lake.sampling import Among
from mlfactory.lake.vouched import vouched_batches
from mlfactory.lake.working import SHORT, working
from mlfactory.product.errors import UsageError
from mlfactory.product.labelling import Labelling
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

_UNSURE, _WORTH, _HASH = "\0unsure", "\0worth", "\0hash"
_NAME = 16


@dataclass(frozen=True)
class _Sizes:
    """How many rows are chosen how."""

    uncertainty: int
    value: int
    random: int


@dataclass
class _Chosen:
    """The rows that are chosen so far, of those that were seen."""

    sizes: _Sizes
    seen: int = 0
    unsure: pd.DataFrame = field(default_factory=pd.DataFrame)
    worth: pd.DataFrame = field(default_factory=pd.DataFrame)
    random: pd.DataFrame = field(default_factory=pd.DataFrame)

    def look_at(self, rows: pd.DataFrame) -> None:
        """Look at some more rows, of which each has its hash and its figures."""
        sizes, self.seen = self.sizes, self.seen + len(rows)
        self.unsure = _first(self.unsure, rows, sizes.uncertainty, [_UNSURE, _HASH])
        # of those that cost most some are chosen already, as they are unsure
        count = sizes.value + sizes.uncertainty if sizes.value else 0
        self.worth = _first(self.worth, rows, count, [_WORTH, _HASH])
        self.random = _first(self.random, rows, sizes.random, [_HASH])


def batch_of(product: Product, partition: Partition) -> Batch:
    """Return the rows of a partition that people are asked to label, drawing them if need be.

    Where no model has predicted the partition all are drawn at random: the first labels of a
    product come so.

    Raises:
        UsageError: if the product asks nobody, or the partition has no rows to label; or a removal
            of the product was cut off.
        ServiceError: if the partition is being prepared or scored anew, or a removal is under way.
    """
    queue = queue_of(product)
    with working(product.name, f"rows of {partition} to label", believed=SHORT):
        return _standing_or_drawn(product, partition, queue)


def _standing_or_drawn(product: Product, partition: Partition, queue: Labelling) -> Batch:
    standing = read_batch(product.name, partition.key)
    if standing is not None:
        return standing
    version = _champion(product, partition)
    sizes = _sizes(queue) if version else _Sizes(0, 0, queue.batch)
    chosen = _Chosen(sizes)
    boundary = _boundary(product, partition, version)
    for rows in _rows(product, partition, version):
        chosen.look_at(_with_figures(product, partition, rows, boundary))
    if not chosen.seen:
        raise UsageError(
            f"{product.name}, partition {partition}: it has no rows that could be labelled",
            remedy=f"run it first: mlfactory run {product.name} {partition}",
        )
    batch = Batch(
        partition.key,
        version,
        chosen.seen,
        datetime.now(UTC).isoformat(timespec="seconds"),
        _asked(product, partition, chosen),
    )
    return leave_batch(product.name, batch)


def queue_of(product: Product) -> Labelling:
    """Return what the spec says of labelling.

    Raises:
        UsageError: if it says nothing.
    """
    if product.spec.labelling is None:
        raise UsageError(
            f"product {product.name} asks nobody to label its rows",
            remedy="add the section labelling to product.yaml",
        )
    return product.spec.labelling


def _sizes(queue: Labelling) -> _Sizes:
    """Return how many rows are chosen how; what rounding leaves over is uncertain, or random."""
    shares = queue.strategy
    value, drawn = round(shares.value * queue.batch), round(shares.random * queue.batch)
    if not shares.uncertainty:
        return _Sizes(0, queue.batch - drawn, drawn)
    return _Sizes(queue.batch - value - drawn, value, drawn)


def _champion(product: Product, partition: Partition) -> str:
    """Return the version of the model that predicted a partition, empty if none did."""
    columns = ["role", "model_version"]
    for batch in _predictions(product, partition, columns):
        found = batch.filter(pc.equal(batch["role"], "champion"))
        if found.num_rows:
            return str(found["model_version"][0].as_py())
    return ""


def _predictions(product: Product, partition: Partition, columns: list[str]) -> Iterator[pa.Table]:
    keys = [partition.key]
    return vouched_batches(product.name, PREDICTIONS, keys, columns=columns, required=keys)


def _boundary(product: Product, partition: Partition, version: str) -> float:
    """Return where between the scores a binary model's decision lies."""
    low, high = -np.inf, np.inf
    if version and product.spec.label.kind == "binary":
        for rows in _rows(product, partition, version):
            decided = rows["prediction"] > 0
            low = max(low, rows.loc[~decided, "score"].max() if (~decided).any() else low)
            high = min(high, rows.loc[decided, "score"].min() if decided.any() else high)
    middle = (low + high) / 2
    return float(middle) if np.isfinite(middle) else 0.5


def _rows(product: Product, partition: Partition, version: str) -> Iterator[pd.DataFrame]:
    """Yield the events of a partition, with what its model said where there is one."""
    features = product.spec.features
    event = list(dict.fromkeys([*features.key, str(features.event_time)]))
    if not version:
        keys = [partition.key]
        for batch in vouched_batches(product.name, FEATURES, keys, columns=event, required=keys):
            yield batch.to_pandas()
        return
    columns = [*event, "role", "model_version", "score", "prediction"]
    for batch in _predictions(product, partition, columns):
        mine = pc.and_(
            pc.equal(batch["role"], "champion"), pc.equal(batch["model_version"], version)
        )
        yield batch.filter(mine).to_pandas()


def _with_figures(
    product: Product, partition: Partition, rows: pd.DataFrame, boundary: float
) -> pd.DataFrame:
    """Return rows with their hash, how sure the model is of them, and what an error would cost.

    The lower a figure, the sooner its row is chosen.
    """
    named = pa.Table.from_pandas(rows[list(product.spec.features.key)], preserve_index=False)
    seed = f"{product.name} {partition.key} {product.spec.train.seed}"
    salt = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big")
    rows = rows.assign(**{_HASH: row_hashes(named, product.spec.features.key, salt)})
    if "score" not in rows:
        rows[_UNSURE] = rows[_WORTH] = 0.0
        return rows
    scores, kind, costs = rows["score"], product.spec.label.kind, product.spec.business
    rows[_UNSURE] = (scores - boundary).abs() if kind == "binary" else scores
    rows[_WORTH] = 0.0
    if costs is not None and kind == "binary":
        missed, wrong = scores * costs.false_negative, (1 - scores) * costs.false_positive
        rows[_WORTH] = -missed.where(rows["prediction"] == 0, wrong)
    return rows


def _first(known: pd.DataFrame, rows: pd.DataFrame, count: int, by: list[str]) -> pd.DataFrame:
    if not count:
        return known
    together = pd.concat([known, rows]) if len(known) else rows
    return together.sort_values(by, kind="stable").head(count)


def _asked(product: Product, partition: Partition, chosen: _Chosen) -> tuple[Asked, ...]:
    """Return the chosen rows, each once, in the order of their event times."""
    drawn: dict[int, Drawn] = {}
    by_hash: dict[int, pd.Series] = {}
    surely = _named(chosen.unsure, chosen.sizes.uncertainty, set())
    most = chosen.sizes.uncertainty + chosen.sizes.value
    worth = _named(chosen.worth, most - len(surely), surely)
    at_random = _named(chosen.random, chosen.sizes.random, set())
    drawn |= dict.fromkeys(surely, UNCERTAINTY)
    drawn |= dict.fromkeys(worth, VALUE)
    # of these alone the model is judged, also where one was chosen surely as well
    drawn |= dict.fromkeys(at_random, RANDOM)
    sure = surely | worth
    left = at_random - sure
    weight = (chosen.seen - len(sure)) / len(left) if left else 1.0
    for rows in (chosen.unsure, chosen.worth, chosen.random):
        by_hash |= {int(row[_HASH]): row for _, row in rows.iterrows() if int(row[_HASH]) in drawn}
    frame = pd.DataFrame([by_hash[name] for name in drawn]).reset_index(drop=True)
    frame = frame.sort_values(_HASH, ignore_index=True)
    shows = _shown(product, partition, frame)
    time = str(product.spec.features.event_time)
    return tuple(
        Asked(
            row=f"{int(row[_HASH]):0{_NAME}x}",
            key=_plain(product, row),
            at=pd.Timestamp(row[time]).isoformat(),
            drawn=drawn[int(row[_HASH])],
            weight=1.0 if int(row[_HASH]) in sure else weight,
            score=_number(row.get("score")),
            prediction=_value(row.get("prediction")),
            shows=shown,
        )
        for (_, row), shown in zip(frame.iterrows(), shows, strict=True)
    )


def _named(rows: pd.DataFrame, count: int, taken: set[int]) -> set[int]:
    """Return the hashes of the first rows that are not taken."""
    if not len(rows):
        return set()
    names = [int(name) for name in rows[_HASH] if int(name) not in taken]
    return set(names[:count])


def _shown(product: Product, partition: Partition, frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what people are shown of each row."""
    queue, features = queue_of(product), product.spec.features
    names = list(queue.shows or (*features.inputs, *features.sensitive))
    key, keys = list(features.key), [partition.key]
    columns = list(dict.fromkeys([*key, *names]))
    among = Among(frame, key)
    batches = vouched_batches(product.name, FEATURES, keys, columns=columns, required=keys)
    found = pa.concat_tables([among.of(batch) for batch in batches]).to_pandas()
    places = pd.MultiIndex.from_frame(found[key]).get_indexer(pd.MultiIndex.from_frame(frame[key]))
    return [
        {name: _value(found[name].iloc[place]) for name in names} if place >= 0 else {}
        for place in places
    ]


def _plain(product: Product, row: pd.Series) -> tuple[Any, ...]:
    features = product.spec.features
    return tuple(_value(row[name]) for name in features.key if name != features.event_time)


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)


def _value(value: Any) -> Any:
    """Return a cell as JSON has it."""
    if value is None or pd.isna(value):
        return None
    plain = value.item() if isinstance(value, np.generic) else value
    return int(plain) if isinstance(plain, float) and plain.is_integer() else plain
