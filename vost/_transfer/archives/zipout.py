"""Writes zip archives, front to back: the sink need not be seekable.

Source of the format: APPNOTE.TXT 6.3.10 (PKWARE); the extra field for times is Info-ZIP's.
"""

from __future__ import annotations

import struct
import time
from functools import cache
from typing import IO, TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from zipfile import ZipInfo

    from vost._transfer.archives.entries import Exported

_UNIX = 3
_UTF8_NAME = 0x800
_TIMESTAMP_EXTRA = 0x5455
_HAS_MODIFICATION_TIME = 1
# 1980-01-01 00:00:00 to 2107-12-31 23:59:58 in UTC: what the two words for date and time hold.
_EARLIEST, _LATEST = 315_532_800, 4_354_819_198


class _Outbox:
    """Takes what the zip writer writes, until it is fetched. It cannot be sought in."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken


def zip_pieces(entries: Iterable[Exported], seconds: int) -> Iterator[bytes]:
    """Yield the bytes of a zip archive.

    Args:
        entries: What it holds.
        seconds: The time stamp of all of it, since the epoch.
    """
    import zipfile  # late: with what it needs it takes as long to import as vost

    outbox = _Outbox()
    with zipfile.ZipFile(cast("IO[bytes]", outbox), "w") as archive:
        for entry in entries:
            with archive.open(_zip_info(entry, seconds), "w") as member:
                for piece in entry.pieces:
                    member.write(piece)
                    yield outbox.take()
            yield outbox.take()
    yield outbox.take()


def _zip_info(entry: Exported, seconds: int) -> ZipInfo:
    from zipfile import ZIP_DEFLATED

    stamp = min(max(seconds, _EARLIEST), _LATEST)
    year, month, day, hour, minute, second, *_ = time.gmtime(stamp)
    info = _info_class()(entry.name, (year, month, day, hour, minute, second & ~1))
    info.file_size = entry.size  # decides whether the entry gets 64-bit sizes
    # Links too: an entry whose sizes follow its data can only be found the end of by inflating.
    info.compress_type = ZIP_DEFLATED
    info.create_system = _UNIX
    info.external_attr = entry.mode << 16
    if 0 <= seconds < 1 << 31:  # exact, and in UTC: the other time is local wherever it is read
        info.extra = struct.pack("<HHBl", _TIMESTAMP_EXTRA, 5, _HAS_MODIFICATION_TIME, seconds)
    return info


@cache
def _info_class() -> type[ZipInfo]:
    from zipfile import ZipInfo

    class RawNameInfo(ZipInfo):
        """Writes a name that is not UTF-8 as the bytes it consists of, as Info-ZIP does."""

        def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - zipfile's own hook
            raw = self.filename.encode("utf-8", "surrogateescape")
            flags = self.flag_bits & ~_UTF8_NAME
            try:
                raw.decode("ascii" if self.filename.isascii() else "utf-8")
            except UnicodeDecodeError:
                return raw, flags
            return raw, flags if self.filename.isascii() else flags | _UTF8_NAME

    return RawNameInfo
