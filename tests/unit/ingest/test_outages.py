from __future__ import annotations

import errno
import urllib.error
from email.message import Message

import httpx
import pytest

from mlfactory.ingest.outages import is_absent, is_disk_away, is_outage


class OperationalError(Exception):
    """Stands for the error of a database driver that is not installed here."""


OperationalError.__module__ = "psycopg.errors"


def answered(status: int) -> httpx.HTTPStatusError:
    request = httpx.Request("GET", "http://x")
    return httpx.HTTPStatusError("no", request=request, response=httpx.Response(status))


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("reset"),
        TimeoutError("slow"),
        OSError("the share does not answer"),
        httpx.ConnectTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        OperationalError("server closed the connection"),
        answered(503),
        answered(429),
        urllib.error.HTTPError("http://x", 502, "bad gateway", Message(), None),
        urllib.error.URLError("no route"),
    ],
)
def test_a_service_that_is_away_may_come_back(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("connect"),
        ValueError("timeout"),
        PermissionError("not yours"),
        answered(401),
        answered(404),
        ModuleNotFoundError("psycopg"),
    ],
)
def test_what_a_person_must_mend_is_no_outage(error: Exception) -> None:
    assert not is_outage(error)
    assert not is_absent(error)


def test_a_file_that_is_not_there_is_absent_and_a_disk_that_is_gone_is_away() -> None:
    assert is_absent(FileNotFoundError("later"))
    assert is_disk_away(OSError(errno.ESTALE, "stale handle"))
    assert not is_disk_away(OSError("Truncated gzip"))
