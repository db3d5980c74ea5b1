"""What is counted together: rows of one day share what the day brought, rows of one entity more."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from mlfactory.lake.kinds import words
from mlfactory.statistics.profile import block_numbers
from mlfactory.statistics.statistic import Ints

Hashes = npt.NDArray[np.uint64]

_HASH_KEY = "0123456789123456"
"""That of pandas itself, so that a share held out by it stays what it was."""

_ABSENT = "\0absent"


def days(times: pd.Series, until: datetime | None = None) -> Ints:
    """Return (rows,) the number of the day of each row, in UTC, counted from 1970.

    Args:
        until: a moment at which a day ends; midnight by default. A window of hours that ends in the
            morning would begin and end with a part of a day, which tells less than a whole one.
    """
    if until is not None:
        times = times - (until - until.replace(hour=0, minute=0, second=0, microsecond=0))
    return block_numbers(times, "D")


def hashes(named: pd.DataFrame, hash_key: str = _HASH_KEY) -> Hashes:
    """Return (rows,) a hash of what names each row: of its words, whatever type its columns have.

    A key of whole numbers is one of floats where a row lacks it, and one of text where a file says
    so: 1, 1.0 and "1" are the same key.
    """
    found = pd.util.hash_pandas_object(_spelled(named), index=False, hash_key=hash_key)
    return np.asarray(found, dtype=np.uint64)


def names(named: pd.DataFrame) -> pd.MultiIndex:
    """Return (rows,) what names each row, to find it among others; likewise whatever its types."""
    return pd.MultiIndex.from_frame(_spelled(named))


def _spelled(named: pd.DataFrame) -> pd.DataFrame:
    text = pd.DataFrame({name: words(named[name]).fillna(_ABSENT) for name in named})
    return text.astype("str")


def entity_hashes(entity: pd.Series, named: pd.DataFrame) -> Hashes:
    """Return (rows,) a hash of the entity (customer, machine) that each row names.

    A row that names none is an entity of its own: of many without a customer nobody knows that they
    are one.

    Args:
        named: what names each row.
    """
    # other than the hash of an entity that is called like the row
    found: Hashes = np.where(entity.isna(), ~hashes(named), hashes(entity.to_frame()))
    return found


def entities(entity: pd.Series, named: pd.DataFrame) -> Ints:
    """Return (rows,) a number for the entity of each row, see `entity_hashes`.

    The same name has the same number wherever it is read.
    """
    codes: Ints = entity_hashes(entity, named).view(np.int64)
    return codes
