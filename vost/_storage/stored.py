"""Zlib streams of our own making that hold their data uncompressed, in blocks of equal size.

Any zlib reads them. As the place of every byte follows from its offset, we read a range of such
a stream without touching what comes before it.

Layout (RFC 1950, RFC 1951): two bytes of header; blocks of 5 bytes of header and 65535 bytes of
data, of which the last is marked final and may be shorter; four bytes of Adler-32.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from .damage import DamagedDataError

if TYPE_CHECKING:
    from .handles import FileHandle

try:
    from isal.isal_zlib import adler32
except ImportError:  # pragma: no cover - platforms without a wheel
    adler32 = zlib.adler32

BLOCK_SIZE = 65535

_STREAM_HEADER = b"\x78\x01"
_BLOCK_HEADER = struct.Struct("<BHH")
_FULL_BLOCK = _BLOCK_HEADER.pack(0, BLOCK_SIZE, 0)
_STRIDE = BLOCK_SIZE + _BLOCK_HEADER.size
_MAX_READ = 16 * BLOCK_SIZE


def _block_header(total: int, start: int) -> bytes:
    """Return the header of the block that begins at ``start`` of ``total`` bytes of data."""
    left = total - start
    if left > BLOCK_SIZE:
        return _FULL_BLOCK
    return _BLOCK_HEADER.pack(1, left, left ^ 0xFFFF)


class StoredEncoder:
    """Writes a stored stream piece by piece.

    Args:
        total: Bytes of data that will be fed altogether.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._position = 0
        self._adler = 1

    def feed(self, piece: bytes) -> bytes:
        """Take in the next bytes; return what can be written by now."""
        self._adler = adler32(piece, self._adler)
        parts: list[bytes | memoryview] = []
        if not self._position:
            parts.append(_STREAM_HEADER)
        view = memoryview(piece)
        while view:
            within = self._position % BLOCK_SIZE
            if not within:
                parts.append(_block_header(self._total, self._position))
            part = view[: BLOCK_SIZE - within]
            parts.append(part)
            self._position += len(part)
            view = view[len(part) :]
        return b"".join(parts)

    def finish(self) -> bytes:
        """Return the end of the stream."""
        empty = b"" if self._total else _STREAM_HEADER + _block_header(0, 0)
        return empty + self._adler.to_bytes(4, "big")


def store(*pieces: bytes) -> bytes:
    """Return a complete stored stream."""
    encoder = StoredEncoder(sum(map(len, pieces)))
    parts = [encoder.feed(piece) for piece in pieces if piece]
    return b"".join((*parts, encoder.finish()))


def is_stored(handle: FileHandle, start: int, end: int, total: int) -> bool:
    """Tell whether a zlib stream has the layout of this module.

    Args:
        handle: The open file.
        start: Where the stream starts.
        end: Where it must have ended.
        total: Bytes of data in it. Streams of a single block are never reported: reading
            them in the ordinary way is as cheap.
    """
    if total <= BLOCK_SIZE:
        return False
    last = (total - 1) // BLOCK_SIZE
    last_header = start + 2 + last * _STRIDE
    data_end = last_header + _BLOCK_HEADER.size + total - last * BLOCK_SIZE
    if data_end + 4 > end:
        return False
    if handle.read_at(7, start) != _STREAM_HEADER + _FULL_BLOCK:
        return False
    return handle.read_at(5, last_header) == _block_header(total, last * BLOCK_SIZE)


class StoredReader:
    """Reads a stored stream from any offset.

    Args:
        handle: The open file.
        start: Where the stream starts.
        total: Bytes of data in it.
    """

    def __init__(self, handle: FileHandle, start: int, total: int) -> None:
        self._handle = handle
        self._start = start + len(_STREAM_HEADER)
        self._total = total
        self._position = 0

    def skip(self, size: int) -> None:
        """Move on by ``size`` bytes, at no cost."""
        self._position += size

    def read(self, size: int) -> bytes:
        """Return the next 1 to ``size`` bytes; ``b""`` only at the end of the stream.

        Raises:
            DamagedDataError: If a block header is not what it must be, or the file breaks off.
        """
        position = self._position
        size = min(size, self._total - position, _MAX_READ)
        if size <= 0:
            return b""
        block, within = divmod(position, BLOCK_SIZE)
        self._check_header(self._handle.read_at(5, self._start + block * _STRIDE), block)
        last = (position + size - 1) // BLOCK_SIZE
        raw_size = size + (last - block) * _BLOCK_HEADER.size
        raw = self._handle.read_at(raw_size, self._start + block * _STRIDE + 5 + within)
        if len(raw) != raw_size:
            raise DamagedDataError("stored data breaks off")
        self._position = position + size
        return raw if last == block else self._strip(raw, block, BLOCK_SIZE - within)

    def expect_end(self) -> None:
        """Do nothing: whoever reads a whole stream compares the hash of it."""

    def _strip(self, raw: bytes, block: int, at: int) -> bytes:
        """Cut the headers of the blocks after ``block`` out; the first one is at ``at``."""
        view = memoryview(raw)
        parts = [view[:at]]
        while at < len(raw):
            block += 1
            self._check_header(raw[at : at + 5], block)
            parts.append(view[at + 5 : at + _STRIDE])
            at += _STRIDE
        return b"".join(parts)

    def _check_header(self, header: bytes, block: int) -> None:
        if header != _block_header(self._total, block * BLOCK_SIZE):
            raise DamagedDataError(f"bad header of stored block {block}")
