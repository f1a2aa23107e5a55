"""Reads zip archives: everything is judged by the directory at the end before anything is read."""

from __future__ import annotations

import errno
import stat
from contextlib import contextmanager
from copy import copy
from functools import cache
from typing import IO, TYPE_CHECKING, NamedTuple, TypeVar, cast

from vost._model.errors import ArchiveError
from vost._model.progress import Progress
from vost._transfer.archives.formats import BZIP2
from vost._transfer.archives.inflating import Inflated
from vost._transfer.archives.members import MemberContent, counted, exactly, file_mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zipfile import ZipExtFile, ZipFile, ZipInfo

    from vost._model.progress import ProgressReport
    from vost._transfer.archives.members import Members

T = TypeVar("T")

_UTF8_NAME = 0x800
_ENCRYPTED = 0x1
_UNIX = 3
_DOS_DIRECTORY = 0x10
_LOCAL_HEADER = 30
_LARGEST_LINK = 1 << 20
_DIRECTORY_ENTRY = b"PK\x01\x02"

# zipfile inflates LZMA as much as there is in what it reads at a time, which is 4 KiB at least.
_SMALL_READ = 1
_READ = 1 << 18


class _Planned(NamedTuple):
    info: ZipInfo
    name: str
    path: str
    size: int
    is_link: bool


class _Guarded:
    """A file that counts the entries of a directory when zipfile reads it, before it parses it."""

    def __init__(self, file: IO[bytes], require_count: Callable[[int], None]) -> None:
        self._file = file
        self._require_count = require_count
        self.is_opening = True
        self.seek = file.seek
        self.tell = file.tell
        self.seekable = file.seekable

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        if self.is_opening:
            self._require_count(data.count(_DIRECTORY_ENTRY))
        return data


def import_zip(
    file: IO[bytes], members: Members, check: Callable[[], None], report: ProgressReport
) -> None:
    """Store what a zip archive holds.

    Args:
        file: The archive; seekable.
        members: The rules, and who stores.
        check: Called between pieces; raises when the caller was cancelled.
        report: Told how far the work is.

    Raises:
        ArchiveError: If it is no zip archive, is damaged, or holds what is refused.
    """
    with _open(file, members) as archive:
        infos = archive.infolist()
        _check_overlaps(infos, members)
        planned = [found for info in infos if (found := _plan(info, members)) is not None]
        # In strict mode nothing is there twice; otherwise the last one counts.
        wanted = {item.path: item for item in planned if item.path in members.files}
        handled = 0
        for done, item in enumerate(wanted.values()):
            check()
            begun = Progress("importing", done, len(wanted), handled, item.name)
            report(begun)
            _store(archive, item, members, begun, check, report)
            handled += item.size
        report(Progress("importing", len(wanted), len(wanted), handled), final=True)


def _open(file: IO[bytes], members: Members) -> ZipFile:
    import zipfile  # late: with what it needs it takes as long to import as vost

    guarded = _Guarded(file, members.require_count)
    archive = _attempt(
        lambda: zipfile.ZipFile(cast("IO[bytes]", guarded)),
        lambda reason: not_a_zip(members.archive, reason),
    )
    guarded.is_opening = False
    return archive


def not_a_zip(archive: str, reason: object) -> ArchiveError:
    """Return the error for what is no zip archive, or a damaged one."""
    shown = str(reason)
    return ArchiveError(f"Not a valid zip file: {archive}" + (f" ({shown})" if shown else ""))


def _damaged(members: Members, name: str, reason: object) -> ArchiveError:
    return not_a_zip(members.archive, f"{name!r}: {reason}")


def _check_overlaps(infos: list[ZipInfo], members: Members) -> None:
    """Refuse members that share their bytes: that is how a small archive holds terabytes."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise _damaged(members, info.orig_filename, "it overlaps another member")
        end = info.header_offset + _LOCAL_HEADER + info.compress_size


def _plan(info: ZipInfo, members: Members) -> _Planned | None:
    """Judge a member by its entry in the directory; ``None``: nothing to store."""
    name, size = _name(info), info.file_size
    members.begin(name, size)
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    is_dos_directory = kind == 0 and size == 0 and info.external_attr & _DOS_DIRECTORY
    if name.endswith("/") or kind == stat.S_IFDIR or is_dos_directory:
        members.directory(name)
        return None
    if kind not in {0, stat.S_IFREG, stat.S_IFLNK}:
        members.path_of(name)
        members.warn(name, f"skipping a device, FIFO or socket: {name}")
        return None
    path = members.file(name)
    if path is None:
        return None
    if info.flag_bits & _ENCRYPTED:
        raise ArchiveError(f"Unsupported member in {members.archive}: {name!r} is encrypted")
    is_link = kind == stat.S_IFLNK
    if is_link and size > _LARGEST_LINK:
        raise _damaged(members, name, f"a link of {size} bytes is none")
    return _Planned(info, name, path, size, is_link)


def _name(info: ZipInfo) -> str:
    # Not `filename`: that one is cut off at NUL.
    name = info.orig_filename
    if info.create_system == _UNIX and not info.flag_bits & _UTF8_NAME and not name.isascii():
        # Written as the bytes of a Unix name, which zipfile takes for code page 437.
        return name.encode("cp437").decode("utf-8", "surrogateescape")
    return name


def _store(
    archive: ZipFile,
    item: _Planned,
    members: Members,
    begun: Progress,
    check: Callable[[], None],
    report: ProgressReport,
) -> None:
    def damaged(reason: object) -> ArchiveError:
        return _damaged(members, item.name, reason)

    info = item.info
    with _content(archive, info, item.size, damaged) as read:
        if item.is_link:
            target = b"".join(exactly(read, item.size, check, damaged))
            members.store_link(item.name, item.path, target)
        else:
            mode = file_mode(info.external_attr >> 16)
            reading = counted(read, begun, report)
            members.store(item.path, MemberContent(reading, item.size, mode, damaged))


@contextmanager
def _content(
    archive: ZipFile, info: ZipInfo, size: int, damaged: Callable[[object], ArchiveError]
) -> Iterator[Callable[[int], bytes]]:
    """Open a member and give what reads at most so many of its next bytes."""
    from zipfile import ZIP_BZIP2, ZIP_LZMA, ZIP_STORED

    opened = copy(info)
    if info.compress_type == ZIP_BZIP2:
        # As it is stored: zipfile inflates without a bound, and bzip2 packs 45 MB into 40 bytes.
        opened.compress_type, opened.file_size = ZIP_STORED, info.compress_size
        opened.CRC = None  # type: ignore[assignment]  # is checked below
    else:
        # One more: zipfile would cut the content at the declared size and not see that it goes on.
        opened.file_size = size + 1
    member = cast("ZipExtFile", _attempt(lambda: archive.open(opened), damaged))
    at_most = _SMALL_READ if info.compress_type == ZIP_LZMA else _READ

    def read(size: int) -> bytes:
        return _attempt(lambda: member.read1(min(size, at_most)), damaged)

    with member:
        if info.compress_type == ZIP_BZIP2:
            inflated = Inflated(read, BZIP2, damaged)
            yield _summed(inflated.read, info.CRC, damaged)
        else:
            yield read


def _summed(
    read: Callable[[int], bytes], expected: int, damaged: Callable[[object], ArchiveError]
) -> Callable[[int], bytes]:
    """Return a reader that checks at the end that the checksum is right."""
    from zlib import crc32

    crc = 0

    def checked(size: int) -> bytes:
        nonlocal crc
        data = read(size)
        crc = crc32(data, crc)
        if not data and crc != expected:
            raise damaged("its checksum is wrong")
        return data

    return checked


def _attempt(step: Callable[[], T], damaged: Callable[[object], ArchiveError]) -> T:
    """Make a call to zipfile, which tells in many ways that an archive is damaged."""
    try:
        return step()
    except ArchiveError:
        raise
    except OSError as error:
        if error.errno not in {None, errno.EINVAL}:
            raise  # the disk's own trouble; None: bz2 has met bad data
        raise damaged(error) from error
    except _malformed() as error:
        raise damaged(error) from error


@cache
def _malformed() -> tuple[type[Exception], ...]:
    import struct
    import zlib
    from zipfile import BadZipFile

    found = (BadZipFile, EOFError, ValueError, LookupError, ArithmeticError, RuntimeError)
    try:
        from lzma import LZMAError
    except ImportError:  # pragma: no cover - a Python that was built without it
        return (*found, struct.error, zlib.error)
    return (*found, struct.error, zlib.error, LZMAError)
