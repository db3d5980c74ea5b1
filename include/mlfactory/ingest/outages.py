"""Outages: which errors of a source go away by themselves, so that trying again can help."""

from __future__ import annotations

import errno

_AWAY = frozenset(
    getattr(errno, name)
    for name in (
        "EIO",
        "ESTALE",
        "ETIMEDOUT",
        "EHOSTDOWN",
        "EHOSTUNREACH",
        "ENETDOWN",
        "ENETUNREACH",
        "ENETRESET",
        "EAGAIN",
        "EBUSY",
    )
    if hasattr(errno, name)
)
"""What the operating system says of a disk or share that does not answer."""

_CLIENTS = frozenset(
    {
        "aiohttp",
        "asyncpg",
        "azure",
        "botocore",
        "google",
        "grpc",
        "http",
        "httpcore",
        "httpx",
        "mysql",
        "oracledb",
        "psycopg",
        "psycopg2",
        "pymongo",
        "pymysql",
        "redis",
        "requests",
        "snowflake",
        "socket",
        "sqlalchemy",
        "ssl",
        "trino",
        "urllib",
        "urllib3",
    }
)
"""Packages that talk to a service; an error's class comes from one of them."""

_WORDS = (
    "connect",
    "timeout",
    "timedout",
    "operationalerror",
    "interfaceerror",
    "transporterror",
    "networkerror",
    "protocolerror",
    "remotedisconnected",
    "incompleteread",
    "serviceunavailable",
    "toomanyrequests",
    "throttl",
    "autoreconnect",
    "serverselection",
    "sslerror",
)
"""Parts of the names that these packages give to the errors of a service that is away."""

_BUSY = frozenset({408, 425, 429})
_FIRST_OF_SERVER = 500
_NOT_OURS = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


def is_absent(error: BaseException) -> bool:
    """Tell whether `error` says that what was asked for is not there (yet)."""
    return isinstance(error, FileNotFoundError)


def is_outage(error: BaseException) -> bool:
    """Tell whether `error` says that a service or a disk is away, and may come back.

    A library's own class of error is known by its package and name, as the library need not be
    installed here. An HTTP answer counts where its status is the server's fault (5xx) or asks for
    patience (408, 425, 429).
    """
    status = _status(error)
    if status is not None:
        return status >= _FIRST_OF_SERVER or status in _BUSY
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    for kind in type(error).__mro__:
        package = kind.__module__.partition(".")[0].lstrip("_")
        name = kind.__name__.lower()
        if package in _CLIENTS and any(word in name for word in _WORDS):
            return True
    if isinstance(error, _NOT_OURS):
        return False
    return isinstance(error, OSError)


def is_disk_away(error: OSError) -> bool:
    """Tell whether reading a file failed as its disk or share does not answer."""
    return error.errno in _AWAY


def _status(error: BaseException) -> int | None:
    """Return the status of the HTTP answer that an error carries, None if it carries none."""
    answer = getattr(error, "response", None)
    for holder, name in ((answer, "status_code"), (error, "status_code"), (error, "code")):
        found = getattr(holder, name, None)
        if isinstance(found, int) and 100 <= found < 600:
            return found
    return None
