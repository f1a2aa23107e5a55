"""Archives made by hand, hostile ones too, and file objects with less to offer than a file."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMATS = ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz")
"""What can be written."""

TarMember = tuple[tarfile.TarInfo, bytes]
"""A member of a tar and its content."""


def file(name: str, data: bytes = b"", mode: int = 0o644) -> TarMember:
    """Return a tar member that is a file."""
    info = tarfile.TarInfo(name)
    info.mode = mode
    info.size = len(data)
    return info, data


def other(name: str, kind: bytes, linkname: str = "", mode: int = 0o777) -> TarMember:
    """Return a tar member without content: a link, a directory, a device."""
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = linkname
    info.mode = mode
    return info, b""


def link(name: str, target: str) -> TarMember:
    """Return a tar member that is a symbolic link."""
    return other(name, tarfile.SYMTYPE, target)


def hard_link(name: str, target: str, mode: int = 0o644) -> TarMember:
    """Return a tar member that is a hard link."""
    return other(name, tarfile.LNKTYPE, target, mode)


def directory(name: str) -> TarMember:
    """Return a tar member that is a directory."""
    return other(name, tarfile.DIRTYPE, mode=0o755)


def tar(*members: TarMember, compression: str = "") -> bytes:
    """Return a tar archive; ``compression`` is ``"gz"``, ``"bz2"``, ``"xz"`` or none."""
    buffer = io.BytesIO()
    mode = f"w:{compression}"
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_info(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    """Return a zip member with a Unix mode, to be deflated."""
    info = zipfile.ZipInfo()
    info.filename = info.orig_filename = name  # the constructor cuts at NUL
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3
    return info


def zipped(*members: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    """Return a zip archive; a name alone is a plain file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for info, data in members:
            member = zip_info(info) if isinstance(info, str) else info
            archive.writestr(member, data, compress_type=member.compress_type)
    return buffer.getvalue()


def zip_link(name: str, target: bytes) -> tuple[zipfile.ZipInfo, bytes]:
    """Return a zip member that is a symbolic link."""
    return zip_info(name, stat.S_IFLNK | 0o777), target


class Pipe(io.RawIOBase):
    """A file object that can only be read, in small pieces, as a pipe."""

    def __init__(self, pieces: bytes | Iterable[bytes]) -> None:
        self._pieces = iter([pieces] if isinstance(pieces, bytes) else pieces)
        self._rest = b""
        self.taken = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def readinto(self, buffer: object) -> int:
        target = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        size = min(len(target), len(self._rest), 5000)
        target[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        self.taken += size
        return size


class Drain(io.RawIOBase):
    """A file object that can only be written to, and takes little at a time."""

    def __init__(self, limit: int | None = None) -> None:
        self.got = bytearray()
        self._limit = limit

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        if self._limit is not None and len(self.got) >= self._limit:
            raise OSError("the drain is full")
        piece = bytes(data)[:1000]  # type: ignore[call-overload]
        self.got += piece
        return len(piece)
