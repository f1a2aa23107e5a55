"""Loose objects: one zlib stream a file, under ``objects/<xx>/``.

Source: https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from vost._model.errors import CorruptObjectError
from vost._model.objects import ObjectHeader, ObjectType, hash_object

from .damage import DamagedDataError, describe_damage
from .deflate import MALFORMED, MAX_INFLATION, Inflater, decompressobj
from .handles import FileHandle
from .streams import BufferStream, FileStream, open_source, range_size, read_exactly
from .temporary import LOOSE_PREFIX, create, remove_quietly, write_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vost._model.objects import Oid

    from .protocols import ObjectStream
    from .streams import Source

_FLAGS = os.O_RDONLY | os.O_CLOEXEC
_FIRST_READ = 16 * 1024
_HEADER_LIMIT = 64
_BUFFERED = 1 << 18
_HEADER = re.compile(rb"(commit|tree|blob|tag) (0|[1-9][0-9]{0,18})\0")
_FANOUT_NAME = re.compile(r"[0-9a-f]{2}")
_REST_OF_NAME = re.compile(r"[0-9a-f]{38}")


class _Opened(NamedTuple):
    """A loose object whose header has been read, and what is needed to go on."""

    handle: FileHandle
    type: ObjectType
    size: int
    header_size: int

    def source(self, offset: int) -> Source:
        """Return the content from ``offset`` on."""
        handle = self.handle
        source = open_source(handle, 0, handle.size, self.header_size + self.size)
        source.skip(self.header_size + offset)
        return source


class LooseObjects:
    """The loose objects of one ``objects`` directory.

    Args:
        directory: The ``objects`` directory.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._prefix = directory + "/"

    def path_of(self, oid: Oid) -> str:
        """Return the path that the object has if it is loose."""
        name = oid.hex()
        return f"{self._prefix}{name[:2]}/{name[2:]}"

    # -- reading ------------------------------------------------------------------------

    def get(self, oid: Oid) -> tuple[ObjectType, bytes]:
        """Return type and content, verified.

        Raises:
            FileNotFoundError: If there is no such loose object.
            CorruptObjectError: If it is damaged.
        """
        name = oid.hex()
        path = f"{self._prefix}{name[:2]}/{name[2:]}"
        descriptor = os.open(path, _FLAGS)
        try:
            packed = os.read(descriptor, _FIRST_READ)
        finally:
            os.close(descriptor)
        try:
            if len(packed) < _FIRST_READ:
                inflate = decompressobj()
                raw = inflate.decompress(packed, _BUFFERED)
                if inflate.eof:
                    return _parse_verified(oid, raw)
            object_type, data = self._get_large(path)
        except MALFORMED as error:
            raise CorruptObjectError(describe_damage(oid, path, error)) from error
        if hash_object(object_type, data) != oid:
            raise CorruptObjectError(
                describe_damage(oid, path, "its content does not match its id")
            )
        return object_type, data

    def _get_large(self, path: str) -> tuple[ObjectType, bytes]:
        opened = _open(path)
        source = opened.source(0)
        data = read_exactly(source, opened.size)
        source.expect_end()
        return opened.type, data

    def header(self, oid: Oid) -> ObjectHeader:
        """Return type and size.

        Raises:
            FileNotFoundError: If there is no such loose object.
            CorruptObjectError: If its header is damaged.
        """
        path = self.path_of(oid)
        try:
            opened = _open(path)
        except MALFORMED as error:
            raise CorruptObjectError(describe_damage(oid, path, error)) from error
        return ObjectHeader(opened.type, opened.size)

    def get_range(self, oid: Oid, offset: int, size: int | None) -> bytes:
        """Return a range of the content.

        Raises:
            FileNotFoundError: If there is no such loose object.
            CorruptObjectError: If it is damaged.
        """
        path = self.path_of(oid)
        try:
            opened = _open(path)
            size = range_size(offset, size, opened.size)
            return read_exactly(opened.source(offset), size) if size else b""
        except MALFORMED as error:
            raise CorruptObjectError(describe_damage(oid, path, error)) from error

    def open_stream(self, oid: Oid, offset: int) -> ObjectStream:
        """Open an object for reading from ``offset``.

        Raises:
            FileNotFoundError: If there is no such loose object.
            CorruptObjectError: If its header is damaged.
        """
        path = self.path_of(oid)
        try:
            opened = _open(path)
            if opened.size <= _BUFFERED:
                return BufferStream(*self.get(oid), offset)
            source = opened.source(0)
        except MALFORMED as error:
            raise CorruptObjectError(describe_damage(oid, path, error)) from error
        return FileStream(oid, path, opened.type, opened.size, source, offset)

    # -- existence ----------------------------------------------------------------------

    def __contains__(self, oid: Oid) -> bool:
        return os.path.exists(self.path_of(oid))

    def freshen(self, oid: Oid) -> bool:
        """Set the file's time to now, so that no gc prunes it; ``False`` if impossible."""
        path = self.path_of(oid)
        # Asked first: a call that fails costs three times as much, for its exception.
        if not os.access(path, os.F_OK):
            return False
        try:
            os.utime(path)
        except OSError:
            return False
        return True

    def fanout(self) -> set[str]:
        """Return the two-digit names of the directories that exist."""
        try:
            names = os.listdir(self.directory)
        except FileNotFoundError:
            return set()
        return {name for name in names if _FANOUT_NAME.fullmatch(name)}

    def iter_fanout(self, two_digits: str) -> Iterator[str]:
        """Yield the 40-digit names of the objects whose ids start with these digits."""
        try:
            names = os.listdir(self._prefix + two_digits)
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in names:
            if _REST_OF_NAME.fullmatch(name):
                yield two_digits + name

    def __iter__(self) -> Iterator[Oid]:
        """Yield the ids of all loose objects."""
        for two_digits in sorted(self.fanout()):
            yield from map(bytes.fromhex, self.iter_fanout(two_digits))

    # -- writing ------------------------------------------------------------------------

    def write(self, oid: Oid, stream: bytes, *, sync: bool) -> None:
        """Write a small object.

        Args:
            oid: Its id.
            stream: The zlib stream of its header and content.
            sync: Make the file durable (not yet its directory).
        """
        path = self.path_of(oid)
        directory = path[:-39]
        # Tried again when git gc removes the directory because it is (still) empty.
        while not self._write_once(directory, path, stream, sync=sync):
            with suppress(FileExistsError):
                os.mkdir(directory)

    def _write_once(self, directory: str, path: str, stream: bytes, *, sync: bool) -> bool:
        """Write a small object; ``False`` if its directory, or the temporary file, is gone."""
        try:
            descriptor, temporary = create(directory, LOOSE_PREFIX)
        except FileNotFoundError:
            return False
        try:
            try:
                write_all(descriptor, stream)
                if sync:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(temporary, path)
        except FileNotFoundError:
            return False
        except BaseException:
            remove_quietly([temporary])
            raise
        return True

    def publish(self, temporary: str, oid: Oid) -> None:
        """Move a finished temporary file of the ``objects`` directory to its place.

        Raises:
            FileNotFoundError: If the temporary file is gone.
        """
        path = self.path_of(oid)
        for _ in range(100):
            with suppress(FileNotFoundError):
                os.rename(temporary, path)
                return
            os.stat(temporary)
            with suppress(FileExistsError):
                os.mkdir(path[:-39])
        raise FileNotFoundError(temporary)

    def remove(self, oid: Oid) -> None:
        """Remove a loose object, if it exists (maintenance: it must be in a pack)."""
        with suppress(FileNotFoundError):
            os.unlink(self.path_of(oid))


def _parse(raw: bytes) -> tuple[ObjectType, int, int]:
    """Return type, size and the length of the header at the start of ``raw``."""
    match = _HEADER.match(raw)
    if match is None:
        raise DamagedDataError("bad object header")
    return ObjectType.from_label(match[1]), int(match[2]), match.end()


def _parse_verified(oid: Oid, raw: bytes) -> tuple[ObjectType, bytes]:
    """Return type and content of an inflated object."""
    object_type, size, at = _parse(raw)
    if at + size != len(raw):
        raise DamagedDataError(f"declares {size} bytes, has {len(raw) - at}")
    if hashlib.sha1(raw, usedforsecurity=False).digest() != oid:
        raise DamagedDataError("its content does not match its id")
    return object_type, raw[at:]


def _open(path: str) -> _Opened:
    """Open a loose object and read its header."""
    handle = FileHandle(path)
    source = Inflater(handle, 0, handle.size)
    raw = b""
    while b"\0" not in raw and len(raw) < _HEADER_LIMIT:
        more = source.read(_HEADER_LIMIT - len(raw))
        if not more:
            break
        raw += more
    object_type, size, header_size = _parse(raw)
    if size > handle.size * MAX_INFLATION:
        raise DamagedDataError("declares more content than its file can hold")
    return _Opened(handle, object_type, size, header_size)
