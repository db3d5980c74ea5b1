"""The settings file of an environment, held to what it may say.

A line that was mistyped would leave a default in its place: another lake, another registry.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

PREFIX = "MLFACTORY_"


def is_readable(file: Path) -> bool:
    """Tell whether there is a file, of text."""
    try:
        file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return True


def mistakes(file: Path, names: Collection[str], secrets: Collection[str]) -> Iterator[str]:
    """Yield what is wrong in the file of an environment, each with its line.

    Args:
        names: of all settings, as fields.
        secrets: those that must not stand in a file which is kept with the code.
    """
    if not is_readable(file):
        yield f"{file} is no file of text that this user may read"
        return
    from dotenv.parser import parse_stream

    with file.open(encoding="utf-8") as stream:
        for binding in parse_stream(stream):
            where = f"{file}, line {binding.original.line}"
            if binding.error:
                yield f"{where}: cannot be read as NAME=value"
            elif binding.key is not None:
                yield from _of_one(where, binding.key, binding.value or "", names, secrets)


def _of_one(
    where: str, key: str, value: str, names: Collection[str], secrets: Collection[str]
) -> Iterator[str]:
    name = key.upper().removeprefix(PREFIX).lower()
    if not key.upper().startswith(PREFIX) or name not in names:
        yield f"{where}: {key} is no setting"
    elif name in secrets or ("://" in value and "@" in value.partition("://")[2]):
        yield (
            f"{where}: {key} holds a secret, and this file is kept with the code: give it as a "
            "variable of the environment, or as a file of MLFACTORY_SECRETS"
        )
