"""What is tried again, and when: at the pace at which the error heals."""

from __future__ import annotations

import errno
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import sqlalchemy.exc
from deltalake.exceptions import CommitFailedError

from mlfactory.cycle.pace import RETRIES, heals_in_seconds, look_again, wait_before
from mlfactory.product.errors import (
    BuildError,
    ContractError,
    DiskFullError,
    LateSourceError,
    ServiceError,
)
from mlfactory.product.loader import load_product


@pytest.mark.parametrize(
    "error",
    [
        ServiceError("MLflow does not answer"),
        ConnectionResetError("reset by peer"),
        TimeoutError("timed out"),
        CommitFailedError("another writer was first"),
        httpx.ConnectError("no route"),
        OSError(5, "Input/output error"),
    ],
)
def test_what_passes_by_itself_is_tried_again(error: Exception) -> None:
    assert heals_in_seconds(error)


@pytest.mark.parametrize(
    "error",
    [
        ContractError("a column is missing"),
        BuildError("features:build raised"),
        ZeroDivisionError("a bug"),
        KeyError("a bug"),
        FileNotFoundError("a path that is wrong"),
        PermissionError("not ours"),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        OSError("Generic LocalFileSystem error: No space left on device (os error 28)"),
        DiskFullError("/lake"),
        sqlalchemy.exc.OperationalError("insert", {}, Exception("database or disk is full")),
    ],
)
def test_what_goes_wrong_again_is_not(error: Exception) -> None:
    assert not heals_in_seconds(error)


def test_an_error_that_came_from_a_full_disk_is_not_tried_again() -> None:
    error = ServiceError("orders:read cannot reach its source")
    error.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert not heals_in_seconds(error)


def test_the_waits_for_a_service_grow_and_end_within_minutes() -> None:
    waits = [wait_before(retry) for retry in range(1, RETRIES + 1)]
    assert waits == sorted(waits)
    assert waits[0] <= timedelta(seconds=10)
    assert timedelta(minutes=2) < sum(waits, timedelta()) < timedelta(minutes=10)


def test_a_late_source_is_looked_for_until_its_time_is_over() -> None:
    product = load_product("flight_delay")
    patience = max(source.arrives_within for source in product.spec.sources.values())
    partition = product.calendar.parse("2013-02-01")
    error = LateSourceError("there is no file")

    def pause(error: Exception, waited: timedelta) -> timedelta | None:
        now = partition.end + waited
        again = look_again(error, product, partition, since=partition.end, now=now)
        return again - now if again else None

    assert pause(error, timedelta()) == timedelta(seconds=15)
    assert pause(error, timedelta(minutes=20)) == timedelta(minutes=5)
    assert pause(error, timedelta(hours=6)) == timedelta(minutes=15)
    assert pause(error, patience) is None
    assert pause(ServiceError("away"), timedelta()) is None


def test_the_file_of_a_partition_long_ago_is_not_waited_for() -> None:
    product = load_product("flight_delay")
    partition = product.calendar.parse("2013-02-01")
    now = datetime.now(UTC)
    assert look_again(LateSourceError("no"), product, partition, since=now, now=now) is None


def test_a_snapshot_has_no_end_to_wait_from() -> None:
    product = load_product("wine_cultivar")
    snapshot = product.calendar.parse("snapshot")
    now = datetime.now(UTC)
    assert look_again(LateSourceError("no"), product, snapshot, since=now, now=now) is None
