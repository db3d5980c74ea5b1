"""What an error becomes for who gave a command: a message with where, why and what to do."""

from __future__ import annotations

import errno
import os
import re

from mlfactory.product.errors import DiskFullError, FactoryError, is_disk_full
from mlfactory.settings import without_login

_ELSEWHERE = "name another place (the command's argument, MLFACTORY_HOME, MLFACTORY_LAKE)"
_REMEDIES = {
    errno.EROFS: f"mount it so that it can be written, or {_ELSEWHERE}",
    errno.ENOENT: f"make it, or {_ELSEWHERE}",
    errno.ENOTDIR: f"put a folder where there is a file now, or {_ELSEWHERE}",
    errno.EISDIR: "name a file, not a folder",
    errno.EEXIST: f"take away what is there, or {_ELSEWHERE}",
}


def told(error: Exception) -> str | None:
    """Return an error as a message for who gave the command, None for a fault of the program.

    Those are errors of ours, settings that cannot be, and what the system refuses (`OSError`).
    """
    if isinstance(error, FactoryError):
        return str(error)
    if isinstance(error, OSError):
        # whoever reads what we write went away: that is no error
        return None if error.errno == errno.EPIPE else _of_system(error)
    return _of_settings(error)


def _of_settings(error: Exception) -> str | None:
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    if isinstance(error, ValidationError) and error.title == "Settings":
        return "\n".join(
            f"MLFACTORY_{str(mistake['loc'][0]).upper()}: {mistake['msg']}, "
            f"got '{without_login(str(mistake['input']))}'"
            for mistake in error.errors()
        )
    if isinstance(error, SettingsError):
        given = os.environ.get("MLFACTORY_SECRETS", "")
        return str(
            FactoryError(
                f"MLFACTORY_SECRETS cannot be read: {error}, got '{given}'",
                remedy="name a folder that has a file for each secret, or unset it",
            )
        )
    return None


def _without_logins(words: str) -> str:
    return re.sub(r"(://)[^/\s@]*@", r"\1", words)


def _of_system(error: OSError) -> str:
    files = " and ".join(str(name) for name in (error.filename, error.filename2) if name)
    if is_disk_full(error):
        return str(DiskFullError(files or "a file"))
    # what a library calls one has no number, only words, and maybe a login in them
    reason = error.strerror or _without_logins(str(error)) or type(error).__name__
    if isinstance(error, PermissionError):
        remedy = f"let user {os.getuid()}, who runs this, read and write it, or {_ELSEWHERE}"
    else:
        remedy = _REMEDIES.get(error.errno or 0, "mend that; mlfactory --debug … shows where")
    return str(FactoryError(f"{files}: {reason}" if files else reason, remedy=remedy))
