"""The profile of a reference: what a model learned from, small enough to be kept for ever.

It holds how often each value occurred in each block of time, and how blocks on end go together.
With it, later data is compared with the reference though the rows themselves are long gone.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from mlfactory.product.partitions import Every
from mlfactory.statistics.histograms import Columns, Counted, FeatureKind, count
from mlfactory.statistics.memory import Memory, design_of, fit_memory
from mlfactory.statistics.statistic import Floats, Ints

MIN_BLOCKS = 8
"""With fewer blocks in the reference their spread is unknown. The current data may have fewer, a
week of days has 7: its chance is drawn from the blocks of the reference."""

MIN_PEERS = 3
"""Blocks there must be of every phase, or the cycle is not heeded."""

GROUPS = 256
"""Groups that exchangeable rows are dealt into, to be drawn like blocks."""

CYCLES: Mapping[str, tuple[int, ...]] = {"D": (7,), "h": (168, 24), "": ()}
"""How many blocks make a cycle that events follow, the longest first, by the blocks' length."""

_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Profile:
    """A reference, by feature, block and bin.

    Args:
        unit: length of a block: `D` a day, `h` an hour, empty for groups of exchangeable rows.
        blocks: (blocks,) number of each since the origin of time, increasing.
        cycle: blocks in the cycle that is heeded; a block's phase is its number modulo this.
        rows: of the reference.
        features: counted rows by name.
        memories: how the blocks of each go together; none where there are too few blocks.
        digest: of the file it was read from, by which its bins are known again; empty of one that
            was just made.
    """

    unit: str
    blocks: Ints
    cycle: int
    rows: int
    features: Mapping[str, Counted]
    memories: Mapping[str, Memory]
    digest: str = ""

    @property
    def kinds(self) -> dict[str, FeatureKind]:
        """Return the kind of each feature."""
        return {name: counted.kind for name, counted in self.features.items()}

    def to_bytes(self) -> bytes:
        """Return the profile as the content of a file."""
        about: dict[str, Any] = {
            "format": _FORMAT,
            "unit": self.unit,
            "cycle": self.cycle,
            "rows": self.rows,
            "features": [
                {
                    "name": name,
                    "kind": one.kind,
                    "levels": one.levels,
                    "rare": one.rare,
                    "memory": vars(self.memories[name]) if name in self.memories else None,
                }
                for name, one in self.features.items()
            ],
        }
        arrays: dict[str, npt.NDArray[Any]] = {
            "about": np.frombuffer(json.dumps(about).encode(), dtype=np.uint8),
            "blocks": self.blocks,
        }
        for place, one in enumerate(self.features.values()):
            arrays |= {
                f"edges_{place}": one.edges,
                f"counts_{place}": one.counts.astype(np.uint32),
                f"lives_{place}": one.lives.astype(np.uint32),
            }
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        return file.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> Profile:
        """Return the profile that a file holds.

        Raises:
            ValueError: the content is not that of a profile.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                return replace(_read(arrays), digest=hashlib.sha256(content).hexdigest())
        except (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"this is no profile of a reference: {error}") from error


def profile_of(
    values: Columns,
    kinds: Mapping[str, FeatureKind],
    times: pd.Series | None,
    every: Every,
) -> Profile:
    """Count the rows of a reference by day, or by hour where data is looked at by the hour.

    A product of days that has too few of them for any statement about days is counted by hours.

    Args:
        values: (rows,) values by feature.
        kinds: which features to count, and how.
        times: (rows,) event times in UTC; None says that rows are exchangeable.
        every: the length of the product's partitions.

    Raises:
        ValueError: features or times differ in length.
    """
    if times is None or every == "snapshot":
        return profile_by(values, kinds, None, "")
    numbers, unit = block_numbers(times, "D"), "D"
    if every == "hour" or (every == "day" and len(np.unique(numbers)) < 2 * MIN_BLOCKS):
        numbers, unit = block_numbers(times, "h"), "h"
    return profile_by(values, kinds, numbers, unit)


def profile_by(
    values: Columns,
    kinds: Mapping[str, FeatureKind],
    numbers: Ints | None,
    unit: str,
) -> Profile:
    """Count the rows of a reference by blocks that are numbered already.

    Args:
        values: (rows,) values by feature.
        kinds: which features to count, and how.
        numbers: (rows,) number of the block of each row since the origin of time; None says that
            rows are exchangeable.
        unit: length of a block, `D` or `h`; empty without numbers.

    Raises:
        ValueError: features or blocks differ in length.
    """
    rows = _rows(values, kinds, numbers)
    if numbers is None:
        numbers = deal(rows, min(GROUPS, rows), np.random.default_rng(0))
    blocks, codes = np.unique(numbers, return_inverse=True)
    features = {name: count(values[name], kind, codes, len(blocks)) for name, kind in kinds.items()}
    cycle = _cycle(blocks, unit)
    memories: dict[str, Memory] = {}
    if len(blocks) >= MIN_BLOCKS:
        _, phases = np.unique(blocks % cycle, return_inverse=True)
        # The products of matrices are many and small: on a busy machine, threads that wait for
        # one another at each of them take ten times as long.
        with threadpool_limits(1, user_api="blas"):
            design = design_of(phases)
            memories = {name: fit_memory(one, design) for name, one in features.items()}
    return Profile(unit, blocks, cycle, rows, features, memories)


def block_numbers(times: pd.Series, unit: str) -> Ints:
    """Return (rows,) the number of the day (`D`) or hour (`h`) of each time in UTC."""
    stamps = times.dt.tz_convert("UTC").dt.tz_localize(None)
    numbers: Ints = stamps.to_numpy().astype(f"datetime64[{unit}]").astype(np.intp)
    return numbers


def deal(rows: int, groups: int, generator: np.random.Generator) -> Ints:
    """Deal exchangeable rows at random into groups of nearly the same size."""
    return generator.permutation(rows) * groups // max(1, rows)


def _cycle(blocks: Ints, unit: str) -> int:
    """Return the longest cycle of whose every phase there are enough blocks, 1 if there is none."""
    for cycle in CYCLES[unit]:
        peers = np.bincount(blocks % cycle, minlength=cycle)
        if len(blocks) and peers.min() >= MIN_PEERS:
            return cycle
    return 1


def _rows(values: Columns, kinds: Mapping[str, FeatureKind], numbers: Ints | None) -> int:
    """Return how many rows there are, the same of every feature."""
    lengths = {len(np.asarray(values[name])) for name in kinds}
    if numbers is not None:
        lengths.add(len(numbers))
    if len(lengths) > 1:
        raise ValueError(f"features and blocks differ in length: {sorted(lengths)}")
    return lengths.pop() if lengths else 0


def _read(arrays: Any) -> Profile:
    about = json.loads(arrays["about"].tobytes())
    if about["format"] != _FORMAT:
        raise ValueError(f"a profile of format {about['format']}, not {_FORMAT}")
    features: dict[str, Counted] = {}
    memories: dict[str, Memory] = {}
    for place, one in enumerate(about["features"]):
        edges: Floats = arrays[f"edges_{place}"]
        features[one["name"]] = Counted(
            kind=one["kind"],
            edges=edges,
            levels=tuple(one["levels"]),
            rare=None if one["rare"] is None else tuple(one["rare"]),
            counts=arrays[f"counts_{place}"].astype(np.float32),
            lives=arrays[f"lives_{place}"].astype(np.intp),
        )
        if one["memory"] is not None:
            memories[one["name"]] = Memory(**one["memory"])
    return Profile(
        about["unit"], arrays["blocks"], about["cycle"], about["rows"], features, memories
    )
