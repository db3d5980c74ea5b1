"""Files that people edit: read and written as text, with an error that says what to do."""

from __future__ import annotations

from pathlib import Path

from mlfactory.product.errors import UsageError


def write_text(file: Path, text: str) -> None:
    """Write a text to a file that the user names.

    Raises:
        UsageError: if it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # line ends within cells are the cells' own
        file.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror}", remedy="name a file elsewhere"
        ) from error


def read_text(file: Path) -> str:
    """Return the text of a file that the user names.

    Raises:
        UsageError: if it cannot be read, or is not in UTF-8.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            return opened.read()
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}", remedy="name the CSV that you edited"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{file} is not in UTF-8: {error.reason} at byte {error.start:,}",
            remedy="save it as CSV in UTF-8",
        ) from error
