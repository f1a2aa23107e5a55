"""Writes tar archives, front to back, plain or compressed.

Source of the format: https://www.gnu.org/software/tar/manual/html_node/Standard.html. GNU's
variant: names of any length and any bytes, and sizes beyond 8 GiB, without a second header for
each name that is not ASCII.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from vost._model.types import MODE_LINK
from vost._transfer.archives.formats import BZIP2, GZIP

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vost._transfer.archives.entries import Exported

_BLOCK = 512
_RECORD = 20 * _BLOCK
_LATEST = 0o77777777777
"""Seconds since the epoch: what eleven octal digits hold."""

# The fastest that still shrinks text well: presets from 5 on take 94 MiB of memory.
_XZ_PRESET = 3
_GZIP_LEVEL = 6
_GZIP_WINDOW = 16 + 15  # with a header that names neither a file nor a time


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def tar_pieces(entries: Iterable[Exported], seconds: int) -> Iterator[bytes]:
    """Yield the bytes of a tar archive.

    Args:
        entries: What it holds.
        seconds: The time stamp of all of it, since the epoch.
    """
    written = 0
    for entry in entries:
        header = _header(entry, min(max(seconds, 0), _LATEST))
        yield header
        written += len(header)
        if entry.target is not None:
            continue
        yield from entry.pieces
        padding = -entry.size % _BLOCK
        written += entry.size + padding
        yield bytes(padding)
    end = 2 * _BLOCK
    yield bytes(end + -(written + end) % _RECORD)


def compressed(pieces: Iterable[bytes], compression: str | None) -> Iterator[bytes]:
    """Yield the compressed form of ``pieces``; ``None``: what they are."""
    if compression is None:
        yield from pieces
        return
    compressor = _compressor(compression)
    for piece in pieces:
        yield compressor.compress(piece)
    yield compressor.flush()


def _header(entry: Exported, seconds: int) -> bytes:
    from tarfile import GNU_FORMAT, SYMTYPE, TarInfo

    info = TarInfo(entry.name)
    info.mode = 0o777 if entry.mode == MODE_LINK else entry.mode & 0o777
    info.mtime = seconds
    if entry.target is None:
        info.size = entry.size
    else:
        info.type = SYMTYPE
        info.linkname = entry.target.decode("utf-8", "surrogateescape")
    return info.tobuf(GNU_FORMAT, "utf-8", "surrogateescape")


def _compressor(compression: str) -> _Compressor:
    if compression == GZIP:
        import zlib

        return zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    if compression == BZIP2:
        import bz2

        return bz2.BZ2Compressor()
    import lzma

    return lzma.LZMACompressor(preset=_XZ_PRESET)
