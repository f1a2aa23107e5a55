"""Compressing and inflating: which library does it, and what is not worth compressing.

ISA-L compresses some ten times faster than zlib at its fastest level and writes plain zlib
streams; where there is no wheel of it, the standard library takes its place. Data that does not
shrink is stored (see ``stored.py``), which costs next to nothing and makes ranges of it cheap.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

from vost._model.objects import ObjectType

from .damage import DamagedDataError
from .stored import StoredEncoder, store

if TYPE_CHECKING:
    from collections.abc import Callable

    from .handles import FileHandle

try:
    from isal import igzip_lib, isal_zlib
except ImportError:  # pragma: no cover - platforms without a wheel
    decompress = zlib.decompress
    decompressobj = zlib.decompressobj
    crc32 = zlib.crc32
    INFLATE_ERRORS: tuple[type[Exception], ...] = (zlib.error,)
    _fast_compress = zlib.compress
    _FASTEST_LEVEL = 1
    _fast_compressobj = zlib.compressobj
else:
    decompress = isal_zlib.decompress
    decompressobj = isal_zlib.decompressobj  # type: ignore[assignment]
    crc32 = isal_zlib.crc32
    INFLATE_ERRORS = (zlib.error, igzip_lib.IsalError)  # type: ignore[assignment]
    _fast_compress = isal_zlib.compress
    _FASTEST_LEVEL = 0
    _fast_compressobj = isal_zlib.compressobj  # type: ignore[assignment]

MALFORMED: tuple[type[Exception], ...] = (DamagedDataError, IndexError, *INFLATE_ERRORS)
"""What reading malformed data may raise below the line where errors get their public form."""

PROBE_SIZE = 1 << 16
"""Bytes at the start of an object that decide whether it is worth compressing."""

MAX_INFLATION = 1100
"""Deflate cannot expand by more than 1032:1; a declared size beyond that is a lie."""

_READ_SIZE = 1 << 16
_ONE_BLOCK = 4000
_WORTH_IT = 0.97


class Encoder(Protocol):
    """Turns the bytes of one object into one zlib stream, piece by piece."""

    def feed(self, piece: bytes) -> bytes:
        """Take in the next bytes; return what can be written by now."""

    def finish(self) -> bytes:
        """Return the end of the stream."""


class _CompressingEncoder:
    def __init__(self, level: int, *, fast: bool) -> None:
        self._stream = _fast_compressobj(level) if fast else zlib.compressobj(level)

    def feed(self, piece: bytes) -> bytes:
        return self._stream.compress(piece)

    def finish(self) -> bytes:
        return self._stream.flush()


class Deflater:
    """The compression policy of a repository.

    Args:
        compression: ``None`` for the fastest that pays, ``0`` to store, ``1`` to ``9`` for
            zlib at that level.

    Raises:
        ValueError: For any other number.
    """

    def __init__(self, compression: int | None) -> None:
        if compression is not None and not 0 <= compression <= 9:
            raise ValueError(f"compression must be None or 0 to 9, not {compression}")
        self._fast = compression is None
        self._level = 1 if compression is None else compression
        self._compress: Callable[[bytes, int], bytes]
        self._compress = _fast_compress if self._fast else zlib.compress

    def deflate(self, object_type: ObjectType, data: bytes) -> bytes:
        """Return one zlib stream that holds ``data``.

        Args:
            object_type: Large trees are stored: they are mostly ids, which do not shrink,
                and rewriting a large directory must be fast.
            data: What to compress.
        """
        if len(data) <= PROBE_SIZE:
            return self._compress(data, self._level) if self._level else store(data)
        if self._is_stored(object_type, data):
            return store(data)
        packed = self._compress(data, self._level)
        return packed if len(packed) < len(data) else store(data)

    def deflate_file(self, object_type: ObjectType, header: bytes, data: bytes) -> bytes:
        """Return one zlib stream of ``header`` and ``data``, which will be a file of its own.

        A file takes whole blocks of the disk. So small objects are only compressed by the level
        that takes a third of the time, for git does compress them well when it packs them.
        """
        if self._fast and len(data) < _ONE_BLOCK:
            return _fast_compress(header + data, _FASTEST_LEVEL)
        if len(data) > PROBE_SIZE and self._is_stored(object_type, data):
            return store(header, data)
        return self.deflate(object_type, header + data)

    def encoder(self, first: bytes, total: int) -> Encoder:
        """Begin the stream of an object.

        Args:
            first: Bytes from its start: they decide whether it is compressed or stored.
            total: Bytes that will be fed altogether.
        """
        if self._is_worth_it(first):
            return _CompressingEncoder(self._level, fast=self._fast)
        return StoredEncoder(total)

    def _is_stored(self, object_type: ObjectType, data: bytes) -> bool:
        """Tell whether a large object is not even tried to be compressed."""
        return (object_type is ObjectType.TREE and self._fast) or not self._is_worth_it(data)

    def _is_worth_it(self, data: bytes) -> bool:
        if not self._level:
            return False
        probe = data[:PROBE_SIZE]
        return len(self._compress(probe, self._level)) < _WORTH_IT * len(probe)


class Inflater:
    """Inflates a zlib stream forward from a part of a file, in bounded memory.

    Args:
        handle: The open file.
        start: Where the stream starts.
        end: Where it must have ended.
    """

    def __init__(self, handle: FileHandle, start: int, end: int) -> None:
        self._handle = handle
        self._position = start
        self._end = end
        self._inflate = decompressobj()

    def read(self, size: int) -> bytes:
        """Return the next 1 to ``size`` bytes; ``b""`` only at the end of the stream.

        Raises:
            DamagedDataError: If the stream is malformed or breaks off.
        """
        inflate = self._inflate
        while not inflate.eof:
            packed = inflate.unconsumed_tail or self._next_packed()
            try:
                data = inflate.decompress(packed, size)
            except INFLATE_ERRORS as error:
                raise DamagedDataError(f"bad compressed data ({error})") from error
            if data:
                return data
            if not packed and not inflate.eof:
                raise DamagedDataError("compressed data breaks off")
        return b""

    def skip(self, size: int) -> None:
        """Inflate and forget ``size`` bytes.

        Raises:
            DamagedDataError: If the stream is malformed or shorter than that.
        """
        while size:
            data = self.read(min(size, _READ_SIZE * 4))
            if not data:
                raise DamagedDataError("compressed data is shorter than declared")
            size -= len(data)

    def expect_end(self) -> None:
        """Check that nothing is left and that the checksum is right.

        Raises:
            DamagedDataError: If there is more, or the checksum is wrong.
        """
        if self.read(1):
            raise DamagedDataError("compressed data is longer than declared")

    def _next_packed(self) -> bytes:
        packed = self._handle.read_at(min(_READ_SIZE, self._end - self._position), self._position)
        self._position += len(packed)
        return packed
