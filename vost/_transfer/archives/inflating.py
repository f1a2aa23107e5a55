"""Inflates gzip, bzip2 and xz, front to back, in bounded memory.

Several compressed streams one after the other count as one, as the command line tools read them.
Source of the formats: RFC 1952, the bzip2 manual, https://tukaani.org/xz/xz-file-format.txt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from vost._transfer.archives.formats import BZIP2, COMPRESSED_STARTS, GZIP

if TYPE_CHECKING:
    from collections.abc import Callable

    from vost._model.errors import ArchiveError

_CHUNK = 1 << 15
_GZIP_WINDOW = 16 + 15
# `xz -9` needs 65 MiB; a forged header may ask for 4 GiB.
_XZ_MEMORY = 128 << 20


class _Decompressor(Protocol):
    """What bz2 and lzma have; gzip's is brought to that form."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gunzip:
    def __init__(self) -> None:
        import zlib

        self._stream = zlib.decompressobj(_GZIP_WINDOW)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)


class Inflated:
    """The content of a compressed file.

    Args:
        read: Returns at most so many bytes of the file, ``b""`` only at its end.
        compression: ``"gz"``, ``"bz2"`` or ``"xz"``.
        broken: Makes the error for damaged data.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        compression: str,
        broken: Callable[[str], ArchiveError],
    ) -> None:
        self._read = read
        self._pending = b""
        self._compression = compression
        self._broken = broken
        self._errors = _errors(compression)
        self._decompressor: _Decompressor | None = _decompressor(compression)

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most ``size``; ``b""`` only at the end.

        Raises:
            ArchiveError: If the data is damaged or breaks off.
        """
        while self._decompressor is not None:
            if self._decompressor.eof:
                self._next_stream(self._decompressor.unused_data)
                continue
            packed = self._packed() if self._decompressor.needs_input else b""
            breaks_off = self._decompressor.needs_input and not packed
            data = self._decompress(self._decompressor, packed, size)
            if data:
                return data
            if breaks_off and not self._decompressor.eof:
                raise self._broken(f"the {self._compression} data breaks off")
        return b""

    def _decompress(self, decompressor: _Decompressor, packed: bytes, size: int) -> bytes:
        try:
            return decompressor.decompress(packed, size)
        except self._errors as error:
            raise self._broken(f"bad {self._compression} data: {error}") from error

    def _next_stream(self, rest: bytes) -> None:
        """Begin the stream that follows; padding and what is no stream end the file."""
        while not (rest := rest.lstrip(b"\0")):
            rest = self._packed()
            if not rest:
                self._decompressor = None
                return
        start = COMPRESSED_STARTS[self._compression]
        while len(rest) < len(start) and (more := self._packed()):
            rest += more
        if rest.startswith(start):
            self._decompressor = _decompressor(self._compression)
            self._pending = rest
        else:
            self._decompressor = None

    def _packed(self) -> bytes:
        if self._pending:
            data, self._pending = self._pending, b""
            return data
        return self._read(_CHUNK)


def _decompressor(compression: str) -> _Decompressor:
    if compression == GZIP:
        return _Gunzip()
    if compression == BZIP2:
        import bz2

        return bz2.BZ2Decompressor()
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)


def _errors(compression: str) -> tuple[type[Exception], ...]:
    if compression == GZIP:
        import zlib

        return (zlib.error,)
    if compression == BZIP2:
        return (OSError, ValueError)
    import lzma

    return (lzma.LZMAError,)
