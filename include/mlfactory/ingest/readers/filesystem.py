"""Objects of S3 as a file system of Arrow, which is how a dataset of Parquet reads them.

Arrow's own client of S3 finds credentials in another way than all others do; this one asks as the
lake does, and reads of an object only what it was when the reading began.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from pyarrow.fs import FileInfo, FileType, FSSpecHandler, PyFileSystem

from mlfactory.ingest.origin import File, LocalFile


def path_of(file: File) -> str:
    """Return how a dataset names a file."""
    return file.address if isinstance(file, LocalFile) else file.address.removeprefix("s3://")


def filesystem_of(files: Sequence[File]) -> PyFileSystem:
    """Return a file system that has these files and no others."""
    return PyFileSystem(_Files(files))


class _Files(FSSpecHandler):  # type: ignore[misc]
    """Files that can be looked at and read; whatever else a file system does is refused."""

    def __init__(self, files: Sequence[File]) -> None:
        super().__init__(None)
        self._files = {path_of(file): file for file in files}

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    __hash__ = object.__hash__

    def get_type_name(self) -> str:
        return "mlfactory"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: Sequence[str]) -> list[FileInfo]:
        return [
            FileInfo(path, FileType.File, size=self._files[path].size)
            if path in self._files
            else FileInfo(path, FileType.NotFound)
            for path in paths
        ]

    def open_input_file(self, path: str) -> Any:
        return pa.PythonFile(self._files[path].open(), mode="r")

    def open_input_stream(self, path: str) -> Any:
        return pa.PythonFile(self._files[path].open(), mode="r")
