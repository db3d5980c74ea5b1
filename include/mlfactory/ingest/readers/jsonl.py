"""JSON lines: an object a line, plain or packed, read a piece at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from mlfactory.ingest.opening import explained, opened, without_cells
from mlfactory.ingest.readers.base import Part, Rows
from mlfactory.ingest.readers.files import TextFileReader
from mlfactory.ingest.widening import schema_of_none, widened
from mlfactory.product.errors import ContractError
from mlfactory.product.sources import JsonlSource

_PIECE = 4 << 20
"""Bytes of lines that are held at once; as objects of Python they are many times as large."""

_QUOTED = 80
_CONSTANTS = {"NaN": None, "Infinity": float("inf"), "-Infinity": float("-inf")}
"""What is no JSON, and what many programs write."""


class JsonlReader(TextFileReader[JsonlSource]):
    """Files of JSON lines.

    A value keeps its type; a column has one that holds all of its values: text, where they are of
    several kinds. What holds other values, such as a list, is kept as Parquet's is.
    """

    @contextmanager
    def opened(self, part: Part) -> Iterator[Rows]:
        """Give the rows of a file; see `Reader`."""
        request = self.request
        with self.unchanged(part) as file, explained(request, part.name):
            with opened(request, file) as stream:
                tables = (_as_table(objects) for objects in self._objects(stream, part))
                rows = widened(tables)
            if not rows.schema.names:
                rows = Rows(schema_of_none([*request.needed, *request.source.pii]), ())
            self.check(rows.schema.names, part)
            yield rows

    def _objects(self, stream: Any, part: Part) -> Iterator[list[dict[str, Any]]]:
        """Yield the objects of a piece, each an object a line.

        Raises:
            ContractError: a line is none.
        """
        number = 0
        for lines in _pieces(stream):
            found = []
            for line in lines:
                number += 1
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if line.strip():
                    found.append(self._object(line, number, part))
            if found:
                yield found

    def _object(self, line: bytes, number: int, part: Part) -> dict[str, Any]:
        try:
            found = json.loads(line.decode(), parse_constant=_CONSTANTS.__getitem__)
            problem = f"it is {_KINDS.get(type(found), 'a number')}"
            if isinstance(found, dict):
                _refuse_unkept(found, line)
                return found
        except UnicodeDecodeError as error:
            problem = f"it is no UTF-8: {error.reason}"
        except UnicodeEncodeError as error:
            problem = f"it has half of a character: {ascii(error.object[error.start])[1:-1]}"
        except (ValueError, RecursionError) as error:
            problem = str(error)
        quoted = line[:_QUOTED].decode(errors="replace").strip() + "…" * (len(line) > _QUOTED)
        told = without_cells(
            self.request, f"line {number:,}: is no JSON object: {problem}: {quoted}"
        )
        raise ContractError(
            f"{self.request.where}: {part.name}, {told}",
            remedy='mend the file: every line is one object, as {"id": 1}',
        )


def _refuse_unkept(found: dict[str, Any], line: bytes) -> None:
    """Raise `ValueError` if an object has what JSON can write, and a table cannot have."""
    if b"\\u" not in line:
        return
    if any("\0" in name for name in found):
        raise ValueError("the name of one of its keys holds a NUL")
    if b"\\ud" in line.lower():
        json.dumps(found, ensure_ascii=False).encode()


_KINDS: dict[type, str] = {
    list: "a list",
    str: "a text",
    bool: "true or false",
    type(None): "null",
}


def _pieces(stream: Any) -> Iterator[list[bytes]]:
    """Yield the lines of a stream, some at a time."""
    rest = b""
    while piece := stream.read(_PIECE):
        *lines, last = piece.split(b"\n")
        if not lines:
            rest += last
            continue
        lines[0] = rest + lines[0]
        rest = last
        yield lines
    if rest:
        yield [rest]


def _as_table(objects: list[dict[str, Any]]) -> pa.Table:
    """Return objects as rows, with a column for each key that any of them has."""
    names: dict[str, None] = {}
    for each in objects:
        names.update(dict.fromkeys(each))
    return pa.table({name: _column([each.get(name) for each in objects]) for name in names})


def _column(values: list[Any]) -> pa.Array:
    """Return values in the type that they have in common; text, where they have none."""
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        texts = [
            value if value is None or isinstance(value, str) else json.dumps(value)
            for value in values
        ]
        return pa.array(texts, pa.string())
