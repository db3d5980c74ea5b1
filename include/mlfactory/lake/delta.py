"""How Delta tables are opened: each once a process, always at what is newest, or at a version.

To open a table takes several requests; to ask an opened one for what is new takes two. A handle is
used again only while the commit that it stands at is still there, word for word: a table which was
removed and begun anew has another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import (
    CommitFailedError,
    DeltaError,
    SchemaMismatchError,
    TableNotFoundError,
)

from mlfactory.lake.catalog import PARTITION
from mlfactory.lake.remedies import instead_of_table
from mlfactory.lake.store import store_at
from mlfactory.product.errors import (
    DiskFullError,
    FactoryError,
    IntegrityError,
    ServiceError,
    UsageError,
    is_disk_full,
)
from mlfactory.settings import settings

_EXISTS = "already exists"

# sizes, ports, times and file names have digits too: only where the status stands does it count
_FROM_S3 = re.compile(r"Generic S3 error|Error performing [A-Z]+ http")
_FROM_STORE = re.compile(rf"{_FROM_S3.pattern}|Generic \w+ error|Object at location")
_CUT_OFF = re.compile(r"range was invalid|InvalidRange|status code\W+416\b", re.IGNORECASE)
_ABSENT = re.compile(r"status code\W+404\b.*NoSuchKey")
_REFUSED = re.compile(
    r"status code\W+40[13]\b|<Code>AccessDenied|"
    r"lacked (the necessary privileges|valid authentication credentials)"
)
_COLOUR = re.compile(r"\x1b\[[\d;]*m")

_COMMITS_A_CHECKPOINT = 10
"""So many commits at most are read one by one when a table is opened; 100 is the library's own."""

_SMALL = 64 * 1024 * 1024
"""Bytes of files that are fetched whole; more are read in parts."""

KEY = f"partition.{PARTITION}"
"""What the log calls a file's partition."""


@dataclass(frozen=True)
class _Opened:
    """A handle, the credentials it was opened with, and the commit at which it stands."""

    delta: DeltaTable
    options: dict[str, str] | None
    version: int
    commit: bytes | None


_opened: dict[str, _Opened] = {}


def find_table(address: str) -> DeltaTable | None:
    """Return a table at its newest version, None if it does not exist."""
    options = options_of(address)
    known = _opened.get(address)
    if known is not None and known.options == options and _stands(address, known):
        with told(address):
            known.delta.update_incremental()
        if known.delta.version() != known.version:
            remember_table(address, known.delta)
        return known.delta
    forget_table(address)
    with told(address):
        try:
            delta = DeltaTable(address, storage_options=options)
        except TableNotFoundError:
            return None
    remember_table(address, delta)
    return delta


def remember_table(address: str, delta: DeltaTable) -> None:
    """Let a handle be used again from where it stands now."""
    version = delta.version()
    commit = store_at(address).find(_commit_file(version))
    _opened[address] = _Opened(delta, options_of(address), version, commit)


def forget_table(address: str) -> None:
    """Let the table be opened anew when it is asked for next."""
    _opened.pop(address, None)


def table_as_of(address: str, version: int) -> DeltaTable:
    """Return a table as of a version.

    Raises:
        IntegrityError: it has no such version, or no longer.
    """
    newest = find_table(address)
    if newest is None or newest.version() < version:
        there = "there is no such table" if newest is None else f"it is at {newest.version()}"
        raise _gone(address, version, there)
    if newest.version() == version:
        return newest
    try:
        with told(address):
            return DeltaTable(address, version=version, storage_options=options_of(address))
    except IntegrityError as error:
        raise _gone(address, version, "its log no longer tells") from error


def make_table(address: str, schema: pa.Schema) -> None:
    """Make a table without rows, unless there is one.

    Of several writers one makes it: a commit that is tried again would be a second making, with the
    columns of another, on top of rows that were written since.
    """
    with written(address):
        try:
            DeltaTable.create(
                address,
                schema,
                mode="error",
                partition_by=[PARTITION],
                configuration={
                    **_retention(),
                    "delta.checkpointInterval": str(_COMMITS_A_CHECKPOINT),
                },
                storage_options=options_of(address),
                commit_properties=CommitProperties(max_commit_retries=0),
            )
        except CommitFailedError:
            return  # another writer made it in this moment
        except DeltaError as error:
            if _EXISTS not in str(error):
                raise


def keep_versions(delta: DeltaTable) -> None:
    """Let a table keep its versions for as long as the settings say now."""
    asked, known = _retention(), delta.metadata().configuration
    if any(known.get(name) != value for name, value in asked.items()):
        delta.alter.set_table_properties(asked)


@contextmanager
def written(address: str) -> Iterator[None]:
    """Turn what delta-rs raises about rows that it does not write into an error; see `told`."""
    try:
        with told(address):
            yield
    except Exception as error:
        if isinstance(error, OSError) and is_disk_full(error):
            raise DiskFullError(address) from error
        # some of what it refuses it raises as nothing more than an exception
        if type(error) is not Exception:
            raise
        raise IntegrityError(
            f"{address} cannot be written: {_first_line(error)}",
            remedy=f"mend what is written; or {instead_of_table(address)}",
        ) from error


def rows_of(
    delta: DeltaTable, address: str, partitions: Sequence[str] | None, columns: list[str] | None
) -> pa.Table:
    """Return rows of an opened table.

    Raises:
        IntegrityError: the files of that version are gone.
    """
    files = files_of(delta, partitions)
    if is_small(files) and is_plain(delta):
        with intact(address):
            return _rows_of_small(delta, address, files, columns)
    chosen = [(PARTITION, "in", list(partitions))] if partitions is not None else None
    try:
        with told(address), intact(address):
            return delta.to_pyarrow_table(partitions=chosen, columns=columns)
    except FileNotFoundError as error:
        raise files_gone(address, delta.version()) from error


def files_of(delta: DeltaTable, partitions: Sequence[str] | None) -> pa.Table:
    """Return what the log tells of the files of partitions, in the order of their rows.

    A partition comes after another as their keys do, and its files as they were written.
    """
    files = pa.table(delta.get_add_actions(flatten=True))
    if partitions is not None:
        files = files.filter(pc.is_in(files[KEY], pa.array(partitions, pa.string())))
    return files.sort_by([(KEY, "ascending"), ("path", "ascending")])


def is_small(files: pa.Table) -> bool:
    """Tell of files whether they are fetched whole."""
    return (pc.sum(files["size_bytes"]).as_py() or 0) <= _SMALL


def is_plain(delta: DeltaTable) -> bool:
    """Tell whether the rows of a table are just those of its files.

    What other tools may do to one, such as marking rows as deleted, takes a newer protocol.
    """
    return bool(delta.protocol().min_reader_version == 1)


def _rows_of_small(
    delta: DeltaTable, address: str, files: pa.Table, columns: list[str] | None
) -> pa.Table:
    """Return the rows of files by fetching each whole.

    The library looks at every file of the table to choose a few, and asks S3 several times for
    parts of each: what a partition costs would grow with the table's history.
    """
    schema = schema_of(delta, columns)
    # the log has paths as they stand in a URI
    keys = {
        unquote(path): key
        for path, key in zip(files["path"].to_pylist(), files[KEY].to_pylist(), strict=True)
    }
    contents = store_at(address).read_many(keys)
    if len(contents) < len(keys):
        raise files_gone(address, delta.version())
    tables = [schema.empty_table()]
    for path, content in contents.items():
        file = pq.ParquetFile(pa.BufferReader(content))
        there = set(file.schema_arrow.names)
        found = file.read([name for name in schema.names if name in there])
        tables.append(as_in_table(found, file.metadata.num_rows, schema, keys[path]))
    return pa.concat_tables(tables)


def schema_of(delta: DeltaTable, columns: Sequence[str] | None) -> pa.Schema:
    """Return the columns of an opened table, or those that are named, in that order."""
    schema = pa.schema(delta.schema().to_arrow())
    return schema if columns is None else pa.schema([schema.field(name) for name in columns])


def as_in_table(found: pa.Table, rows: int, schema: pa.Schema, key: str) -> pa.Table:
    """Return rows of a file as they are in the table: with their partition, and all columns."""
    own = {name: found.column(name) for name in found.column_names}
    own[PARTITION] = pa.chunked_array([pa.repeat(pa.scalar(key, pa.string()), rows)])
    return pa.table(
        [
            _of_kind(own[field.name], field.type)
            if field.name in own
            else pa.nulls(rows, field.type)
            for field in schema
        ],
        schema=schema,
    )


def _of_kind(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    # to ask the kernel for nothing is as long as a piece is in the reading
    return column if column.type == kind else column.cast(kind)


@contextmanager
def intact(address: str) -> Iterator[None]:
    """Turn what is raised about a damaged file of rows into an error that says what to do.

    What the store answers, of a folder or S3, is not about the file's content: see `told`.
    """
    try:
        yield
    except (pa.ArrowException, OSError, EOFError) as error:
        if isinstance(error, FactoryError | FileNotFoundError | MemoryError):
            raise
        of_system = isinstance(error, OSError) and error.errno is not None
        words = _in_one_line(error)
        if of_system or (_FROM_STORE.search(words) and not _CUT_OFF.search(words)):
            raise
        raise IntegrityError(
            f"{address} was damaged: a file of its rows cannot be read: {words}",
            remedy="put the table back from a copy, or make the partition again",
        ) from error


@contextmanager
def told(address: str) -> Iterator[None]:
    """Turn what delta-rs raises about a damaged table or S3 into errors that say what to do."""
    try:
        yield
    except (CommitFailedError, SchemaMismatchError, FileNotFoundError, FactoryError):
        raise
    except DeltaError as error:
        if is_disk_full(error):
            raise DiskFullError(address) from error
        words = _in_one_line(error)
        # what S3 answers while rows are sent comes as an error of the table
        if _FROM_S3.search(words) and not _ABSENT.search(words):
            raise _s3_error(address, words) from error
        raise IntegrityError(
            f"{address} cannot be read: {_first_line(error)}",
            remedy=f"put its folder _delta_log back from a copy, or {instead_of_table(address)}",
        ) from error
    except OSError as error:
        if not address.startswith("s3://"):
            raise
        words = _in_one_line(error)
        if _ABSENT.search(words):
            raise FileNotFoundError(words) from error
        raise _s3_error(address, words) from error


def _s3_error(address: str, words: str) -> FactoryError:
    said = re.sub(r"[\s:]*<.*", "", words)  # the answer's body names keys, and says little more
    if _REFUSED.search(words):
        return UsageError(
            f"S3 refuses {address}: {said}",
            remedy="see whose credentials are used, and whether they may list, read, write and "
            "delete there",
        )
    return ServiceError(f"S3 failed for {address}: {said}", remedy="try again later")


def _retention() -> dict[str, str]:
    days = f"interval {settings().versions_kept_days} days"
    return {
        "delta.logRetentionDuration": days,
        "delta.deletedFileRetentionDuration": days,
        # a writer knows nothing of who pinned what: see old_versions.py
        "delta.enableExpiredLogCleanup": "false",
    }


def _stands(address: str, known: _Opened) -> bool:
    """Tell whether the commit at which a handle stands is still that of the table."""
    if known.commit is None or known.delta.version() != known.version:
        return False
    return store_at(address).find(_commit_file(known.version)) == known.commit


def _commit_file(version: int) -> str:
    return f"_delta_log/{version:020d}.json"


def options_of(address: str) -> dict[str, str] | None:
    """Return what delta-rs needs to reach a table, with secrets among it; None in a folder."""
    if not address.startswith("s3://"):
        return None
    from mlfactory.lake.s3 import storage_options

    return storage_options()


def _gone(address: str, version: int, why: str) -> IntegrityError:
    return IntegrityError(
        f"{address} has no version {version}: {why}",
        remedy="versions are kept for MLFACTORY_VERSIONS_KEPT_DAYS; what was pinned to this one "
        "cannot be done again, so begin it anew (a training: mlfactory run "
        f"{address.rstrip('/').split('/')[-2]} <partition> --stage train)",
    )


def files_gone(address: str, version: int) -> IntegrityError:
    """Return the error about a version whose files are not there."""
    return _gone(address, version, "its files were removed")


def _in_one_line(error: Exception) -> str:
    """Return the words of an error that delta-rs draws as a coloured tree."""
    return " ".join(re.sub(r"\s*↳", ":", _COLOUR.sub("", str(error))).split())


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
