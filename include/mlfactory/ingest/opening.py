"""Opening a source's file: unpacked, the same every time, and with errors that say what to do."""

from __future__ import annotations

import csv
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pyarrow as pa

from mlfactory.ingest.origin import File, Listing
from mlfactory.ingest.outages import is_absent, is_disk_away
from mlfactory.ingest.request import Request
from mlfactory.product.errors import ContractError, LateSourceError, ServiceError

_LONGEST_QUOTE = 300

_PLACE_OF_ERROR = re.compile(r"(Row #\d+: )?Expected \d+ columns, got \d+|line [\d,]+")
"""How far what a parser says holds nothing of a row."""

_PACKINGS = {"gz": "gzip", "bz2": "bz2", "zst": "zstd", "lz4": "lz4"}
"""How a file is packed, by how its name ends."""


@contextmanager
def unchanged(request: Request, found: Listing) -> Iterator[Listing]:
    """Give what was found of a file or folder, and make sure that it is the same to the end.

    What comes into a folder meanwhile is not of it: a folder that is fed all the time could never
    be read. A file that is written on is another one, for what it began with may be as well.

    Raises:
        ServiceError: if it is another one than at first, whatever was found wrong with it.
    """
    try:
        yield found
    except ContractError as error:
        if _is_same(request, found):
            raise
        raise _changed(request, found.place) from error
    if not _is_same(request, found):
        raise _changed(request, found.place)


def _is_same(request: Request, found: Listing) -> bool:
    with explained(request, found.place):
        return found.identity_now() == found.identity()


def _changed(request: Request, file: str) -> ServiceError:
    return ServiceError(
        f"{request.where}: {file} changed while it was read; nothing of it was landed",
        remedy="run it again when it is complete; whoever delivers it had best write it under "
        "another name, and then rename it; what never rests is best a folder of Parquet files, "
        "into which more may come while it is read",
    )


@contextmanager
def opened(request: Request, file: File) -> Iterator[Any]:
    """Give the bytes of a file, unpacked where its name says that it is packed."""
    if not file.address.lower().endswith(".zip"):
        with file.stream() as content, pa.input_stream(content, _packing(file)) as stream:
            yield stream
        return
    with file.stream() as content, zipfile.ZipFile(content) as archive:
        members = [name for name in archive.namelist() if not name.endswith("/")]
        if len(members) != 1:
            raise ContractError(
                f"{request.where}: {file.address} holds {len(members)} files: {members[:5]}",
                remedy="pack one file into it",
            )
        member: IO[bytes]
        with archive.open(members[0]) as member:
            yield member


def _packing(file: File) -> str | None:
    return _PACKINGS.get(file.address.lower().rpartition(".")[2])


@contextmanager
def explained(request: Request, file: str) -> Iterator[None]:
    """Turn what a parser raises about a file into an error that says which file and what to do."""
    try:
        yield
    except UnicodeError as error:
        raise _unreadable(request, file, error, decoding=True) from error
    except (pa.ArrowInvalid, csv.Error) as error:
        raise _unreadable(request, file, error, decoding="UTF8" in str(error)) from error
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, OSError) and (is_absent(error) or is_disk_away(error)):
            raise _away(request, file, error) from error
        raise _unreadable(request, file, error) from error


def without_cells(request: Request, text: str) -> str:
    """Return what a parser says of rows, and not what is in them where that may be personal."""
    if not request.source.pii:
        return text
    place = _PLACE_OF_ERROR.match(text)
    said = place[0] if place else "it says more than may be shown"
    return f"{said} (what stands there is not shown: sources.{request.name}.pii)"


def _away(request: Request, file: str, error: OSError) -> ServiceError:
    if is_absent(error):
        return LateSourceError(
            f"{request.where}: {error.filename or file} is not there, or gone while it was read",
            remedy="run it again when the file has arrived",
        )
    return ServiceError(
        f"{request.where}: {file} cannot be read, as its disk does not answer: {error.strerror}",
        remedy="run it again when the disk or share is back",
    )


def _unreadable(
    request: Request, file: str, error: Exception, *, decoding: bool = False
) -> ContractError:
    text = without_cells(request, str(error).removeprefix("CSV parse error: ").strip())
    long_row = isinstance(error, pa.ArrowInvalid) and "straddling object" in text
    if long_row:
        text = "a row of it is longer than the 16 MB that are looked at together"
    if len(text) > _LONGEST_QUOTE:
        text = text[:_LONGEST_QUOTE] + "…"
    kind = request.source.kind
    if decoding and kind == "csv":
        remedy = f"set sources.{request.name}.encoding to its encoding, for instance latin-1"
    elif long_row:
        remedy = (
            "look for a quotation mark that is not closed; if a cell really is that long, take the "
            "file as jsonl or parquet"
        )
    elif kind == "csv":
        remedy = "mend the file: every row needs a value, quoted where need be, for each column"
    else:
        remedy = "ask for the file again"
    return ContractError(f"{request.where}: {file} cannot be read as {kind}: {text}", remedy=remedy)
