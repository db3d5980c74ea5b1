"""Which errors trying again can cure, and at what pace: that of the error.

A file that is late is looked for again for hours; a service that is away, or a write that met
another one, is tried again within seconds. Whatever else went wrong would go wrong again; a full
disk is a person's to mend.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from mlfactory.product.errors import FactoryError, LateSourceError, ServiceError, is_disk_full
from mlfactory.product.loader import Product
from mlfactory.product.partitions import Partition

RETRIES = 4
"""How often a step is tried again after what heals in seconds: about three minutes in all."""

_FIRST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(minutes=2)
_SHORTEST_PAUSE = timedelta(seconds=15)
_LONGEST_PAUSE = timedelta(minutes=15)

_BROKEN_FILES = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_BY_NAME = {
    # the libraries are not imported to name their errors
    "CommitFailedError",  # deltalake: another writer was first
    "TransportError",  # httpx
    "EndpointConnectionError",  # botocore, as are the next three
    "ConnectionClosedError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "OperationalError",  # sqlalchemy: a database that is away or locked
}


def heals_in_seconds(error: BaseException) -> bool:
    """Tell whether the same step may succeed when it is tried again shortly."""
    if is_disk_full(error):
        return False
    if isinstance(error, FactoryError):
        return isinstance(error, ServiceError)
    if isinstance(error, OSError):
        return not isinstance(error, _BROKEN_FILES)
    return any(kind.__name__ in _BY_NAME for kind in type(error).__mro__)


def wait_before(retry: int) -> timedelta:
    """Return how long to wait before the `retry`-th retry, which counts from 1."""
    seconds = _FIRST_WAIT.total_seconds() * 4.0 ** (max(retry, 1) - 1)
    return min(timedelta(seconds=seconds), _LONGEST_WAIT)


def look_again(
    error: BaseException,
    product: Product,
    partition: Partition,
    *,
    since: datetime,
    now: datetime,
) -> datetime | None:
    """Return when to look again for a source that is late, None if it is not waited for.

    It is waited for until its `arrives_within` after the end of the partition is over; the longest
    one of the product's sources counts. The pauses grow from seconds to a quarter of an hour.

    Args:
        since: when it was looked for first; with a time zone, as is `now`.
    """
    if not isinstance(error, LateSourceError) or product.calendar.is_snapshot:
        return None
    patience = max(source.arrives_within for source in product.spec.sources.values())
    again = now + min(max((now - since) / 4, _SHORTEST_PAUSE), _LONGEST_PAUSE)
    return again if again <= partition.end + patience else None
