"""What local files contained when they were last looked at, so that they need not be read again.

One file, ``vost.stat`` in the Git directory, in the manner of Git's index: for each absolute local
directory, by name, what ``lstat`` said of a file (size, times, inode, mode bits), the id of the
blob that it held and its Git mode. It is a cache and nothing else: without it, or when it is
damaged, files are read. Whoever writes last wins.

Git's racy rule: a file that was touched in the moment in which it was looked at could change
again without a change of its times. Such entries are never written (``StatCache.save``).

Form, numbers little-endian::

    header    "VOSTSTA1", number of directories, length of the index, SHA-1 of the index
    index     for each directory: offset and length of its block, SHA-1 of the block;
              then the directories' paths with NUL between them, most recently used first
    blocks    length of the names; for each file one row; the names with NUL between them

Blocks are read when somebody asks for their directory.
"""

from __future__ import annotations

import hashlib
import os
import struct
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from .temporary import LOOSE_PREFIX, create, remove_quietly, write_all

if TYPE_CHECKING:
    from collections.abc import Container
    from typing import TypeAlias

    from vost._model.objects import Oid

STAT_CACHE_NAME = "vost.stat"

MAX_BYTES = 64 << 20
"""The cache of about half a million files; what was not used for the longest time is dropped."""

Row: TypeAlias = "tuple[int, int, int, int, int, Oid, int]"
"""Size, ``mtime_ns``, ``ctime_ns``, inode, ``st_mode``, id of the blob, Git mode."""

_HEADER = struct.Struct("<8sII20s")
_MAGIC = b"VOSTSTA1"
_INDEX_ROW = struct.Struct("<QI20s")
_NAMES_LENGTH = struct.Struct("<I")
_ROW = struct.Struct("<QqqQI20sI")
_TIMES = struct.Struct("<Qqq")  # size, mtime_ns, ctime_ns: a row begins with them

_READ_COST = 1 << 16
"""To read a small file takes about as long as to copy so many bytes of the cache."""

_SECOND = 1_000_000_000
_FINE_TICK = 20_000_000
_COARSE_TICK = 2 * _SECOND


class _Block(NamedTuple):
    """Where the rows of a directory are."""

    offset: int
    length: int
    digest: bytes


class DirectoryRecord:
    """What is remembered of the files of one directory.

    Attributes:
        rows: What was known when the cache was loaded, by name. Loops that have no time for
            ``get`` compare with it; nobody else changes it.
    """

    __slots__ = ("_fresh", "_kept", "_settled", "rows")

    def __init__(self, rows: dict[str, Row]) -> None:
        self.rows = rows
        # Packed, as they will be written: a third of the memory of tuples.
        self._fresh: dict[str, bytes] = {}
        self._settled: dict[str, bytes] = {}
        self._kept: dict[str, Row] | None = None

    def get(self, name: str, status: os.stat_result) -> tuple[Oid, int] | None:
        """Return blob id and Git mode of a file; ``None``: it must be read.

        Args:
            name: Name of the file.
            status: What ``lstat`` says of it now.
        """
        row = self.rows.get(name)
        if row is None or row[:5] != _fingerprint(status):
            return None
        return row[5], row[6]

    def put(self, name: str, status: os.stat_result, oid: Oid, mode: int) -> None:
        """Remember what a file contains.

        Args:
            name: Name of the file.
            status: What was said of it both before and after it was read.
            oid: Id of the blob with its content.
            mode: Its Git mode.
        """
        with suppress(struct.error):  # a time or an inode beyond 64 bits
            self._fresh[name] = _ROW.pack(*_fingerprint(status), oid, mode)

    def put_settled(self, name: str, status: os.stat_result, oid: Oid, mode: int) -> None:
        """Remember what a file contains that cannot change without a change of its times.

        Args:
            name: Name of the file.
            status: What is said of it now.
            oid: Id of the blob with its content.
            mode: Its Git mode.
        """
        with suppress(struct.error):
            self._settled[name] = _ROW.pack(*_fingerprint(status), oid, mode)

    def retain(self, names: Container[str]) -> None:
        """Forget every file that is not among ``names``: it is gone."""
        if any(name not in names for name in self.rows):
            self._kept = {name: row for name, row in self.rows.items() if name in names}

    @property
    def is_as_loaded(self) -> bool:
        """Whether nothing was put and nothing forgotten."""
        return not (self._fresh or self._settled) and self._kept is None

    def settled(self, now_ns: int) -> tuple[dict[str, bytes], int]:
        """Return the rows to write, and how many bytes of reading the new ones spare."""
        kept = self.rows if self._kept is None else self._kept
        rows = {name: _ROW.pack(*row) for name, row in kept.items()}
        spared = 0
        for name, row in self._fresh.items():
            size, mtime, ctime = _TIMES.unpack_from(row)
            if _is_racy(mtime, ctime, now_ns):
                rows.pop(name, None)
            else:
                rows[name] = row
                spared += _READ_COST + size
        rows.update(self._settled)
        spared += sum(_READ_COST + _TIMES.unpack_from(row)[0] for row in self._settled.values())
        return rows, spared


class StatCache:
    """The stat cache of a repository, for one operation at a time.

    Made by ``StatCache.load``. It keeps the file open until it is saved or forgotten.
    """

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._descriptor = -1
        self._blocks: dict[str, _Block] = {}
        self._records: dict[str, DirectoryRecord] = {}
        self._close = weakref.finalize(self, _close_quietly, -1)

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None) -> StatCache:
        """Return what the file at ``path`` remembers: nothing, if it is absent or damaged.

        Args:
            path: The file; ``None``: a store without a disk has none, nothing is remembered.
        """
        cache = cls(None if path is None else os.fspath(path))
        if path is not None:
            with suppress(OSError):
                cache._open(os.fspath(path))
        return cache

    def directory(self, local_dir: str) -> DirectoryRecord:
        """Return what is remembered of a directory.

        Args:
            local_dir: Its absolute path.
        """
        record = self._records.get(local_dir)
        if record is None:
            record = DirectoryRecord(self._read(self._blocks.get(local_dir)))
            self._records[local_dir] = record
        return record

    def save(self, now_ns: int) -> None:
        """Write what was put, if that is worth its time. Failing to is no error.

        Args:
            now_ns: Nanoseconds since the epoch. What was changed just before this moment, or
                after it, is left out. For files that were read it is the moment before the
                first of them was looked at; for files that were written, and given another
                ``mtime`` than now, the moment after that.
        """
        if self._path is None:
            return
        try:
            parts = self._parts(now_ns)
            if parts is not None:
                with suppress(OSError):
                    _replace(self._path, parts)
        finally:
            self.close()

    def close(self) -> None:
        """Release the file. Idempotent; nothing more is remembered of other directories."""
        self._blocks = {}
        self._close()

    def _open(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self._close = weakref.finalize(self, _close_quietly, self._descriptor)
        header = os.pread(self._descriptor, _HEADER.size, 0)
        if len(header) != _HEADER.size:
            return
        magic, count, length, digest = _HEADER.unpack(header)
        if magic != _MAGIC or length > MAX_BYTES:
            return
        index = os.pread(self._descriptor, length, _HEADER.size)
        if len(index) != length or _digest(index) != digest:
            return
        fixed = count * _INDEX_ROW.size
        paths = os.fsdecode(index[fixed:]).split("\0")
        if len(paths) == count:
            blocks = map(_Block._make, _INDEX_ROW.iter_unpack(index[:fixed]))
            self._blocks = dict(zip(paths, blocks))  # noqa: B905 - same length

    def _read(self, block: _Block | None) -> dict[str, Row]:
        data = self._raw(block)
        if data is None or _digest(data) != block.digest:  # type: ignore[union-attr]
            return {}
        (names_length,) = _NAMES_LENGTH.unpack_from(data)
        end = len(data) - names_length
        names = os.fsdecode(data[end:]).split("\0")
        return dict(zip(names, _ROW.iter_unpack(data[_NAMES_LENGTH.size : end])))  # noqa: B905

    def _raw(self, block: _Block | None) -> bytes | None:
        if block is None or not _NAMES_LENGTH.size < block.length <= MAX_BYTES:
            return None
        try:
            data = os.pread(self._descriptor, block.length, block.offset)
        except OSError:
            return None
        return data if len(data) == block.length else None

    def _parts(self, now_ns: int) -> list[bytes] | None:
        """Return the new file in pieces; ``None``: it is not worth writing."""
        if all(record.is_as_loaded for record in self._records.values()):
            return None
        spared = 0
        raw: dict[str, bytes] = {}
        room = MAX_BYTES
        for directory, record in self._records.items():
            if record.is_as_loaded:
                data = self._raw(self._blocks.get(directory)) or b""
            else:
                rows, gain = record.settled(now_ns)
                spared += gain
                data = _encode(rows) if rows else b""
            room -= len(data) + _INDEX_ROW.size + len(directory)
            if room < 0:
                break
            if data:
                raw[directory] = data
        copied = 0
        for directory, block in self._blocks.items():
            if directory in self._records:
                continue
            room -= block.length + _INDEX_ROW.size + len(directory)
            copied += block.length
            if room < 0 or copied > spared:
                break
            data = self._raw(block) or b""
            if _digest(data) == block.digest:
                raw[directory] = data
        if not spared or copied > spared:
            return None
        return _assemble(raw)


def _fingerprint(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return (
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
        status.st_ino,
        status.st_mode,
    )


def _is_racy(mtime: int, ctime: int, now_ns: int) -> bool:
    """Tell whether a file may have changed after it was looked at, within one tick of its clock.

    The clock of a file system ticks every few milliseconds; of some, every one or two seconds:
    then its times are whole seconds.
    """
    coarse = not (mtime % _SECOND or ctime % _SECOND)
    return max(mtime, ctime) >= now_ns - (_COARSE_TICK if coarse else _FINE_TICK)


def _encode(rows: dict[str, bytes]) -> bytes:
    text = os.fsencode("\0".join(rows))
    return b"".join((_NAMES_LENGTH.pack(len(text)), *rows.values(), text))


def _assemble(raw: dict[str, bytes]) -> list[bytes]:
    paths = os.fsencode("\0".join(raw))
    length = len(raw) * _INDEX_ROW.size + len(paths)
    offset = _HEADER.size + length
    index = []
    for data in raw.values():
        index.append(_INDEX_ROW.pack(offset, len(data), _digest(data)))
        offset += len(data)
    index.append(paths)
    whole = b"".join(index)
    return [_HEADER.pack(_MAGIC, len(raw), length, _digest(whole)), whole, *raw.values()]


def _replace(path: str, parts: list[bytes]) -> None:
    directory = os.path.dirname(path)
    # Where git looks for what killed processes leave behind.
    swept = f"{directory}/objects"
    descriptor, temporary = create(swept if os.path.isdir(swept) else directory, LOOSE_PREFIX)
    try:
        try:
            os.fchmod(descriptor, 0o600)  # it tells the names of local files
            write_all(descriptor, b"".join(parts))
        finally:
            os.close(descriptor)
        # Where it replaces a file, ext4 writes to the disk at once, for which a cache is not
        # worth waiting.
        remove_quietly([path])
        os.rename(temporary, path)
    except BaseException:
        remove_quietly([temporary])
        raise


def _digest(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


def _close_quietly(descriptor: int) -> None:
    if descriptor >= 0:
        with suppress(OSError):
            os.close(descriptor)
