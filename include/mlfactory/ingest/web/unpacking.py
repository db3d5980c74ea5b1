"""Unpacking what comes gzipped, and noticing what is cut off or was never packed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

_GZIP = b"\x1f\x8b"
_PIECE = 1 << 20
_OF_GZIP = 16 + zlib.MAX_WBITS


def unpacked(pieces: Iterable[bytes], *, is_packed: bool) -> Iterator[bytes]:
    """Yield what pieces of bytes hold, a mebibyte at most at a time.

    Args:
        is_packed: the answer says so; if not, it is unpacked where it begins as gzip does, as a
            file does that is kept packed.

    Raises:
        zlib.error: if it says so and is not, or is cut off.
    """
    pieces = iter(pieces)
    first = b""
    for piece in pieces:
        first += piece
        if len(first) >= len(_GZIP):
            break
    if not is_packed and not first.startswith(_GZIP):
        if first:
            yield first
        yield from pieces
        return
    if is_packed:
        # a file that is kept packed may be packed once more on its way
        yield from unpacked(_inner(first, pieces), is_packed=False)
    else:
        yield from _inner(first, pieces)


def _inner(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if not first:
        return
    member = zlib.decompressobj(_OF_GZIP)
    waiting, found = first, b""
    while True:
        # a full piece may have left more behind in the unpacker itself
        while waiting or (len(found) == _PIECE and not member.eof):
            if member.eof:
                # several packed files one after the other are one
                member = zlib.decompressobj(_OF_GZIP)
            found = member.decompress(waiting, _PIECE)
            waiting = member.unused_data if member.eof else member.unconsumed_tail
            if found:
                yield found
        piece = next(pieces, None)
        if piece is None:
            break
        waiting = piece
    if not member.eof:
        raise zlib.error("it is cut off")
