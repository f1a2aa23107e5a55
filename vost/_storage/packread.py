"""Reading one pack. Any number of threads may do so at once.

Source: https://git-scm.com/docs/gitformat-pack

The pack is read with ``pread``, not mapped: a mapped pack of a gigabyte would count as memory in
use. What a method needs of the pack it takes once into a local variable, so that another thread
may drop the pack's handles at any moment.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, NamedTuple

from vost._model.errors import CorruptObjectError
from vost._model.objects import ObjectHeader, hash_object

from .damage import TYPE_OF_CODE, DamagedDataError, describe_damage
from .deflate import (
    INFLATE_ERRORS,
    MALFORMED,
    MAX_INFLATION,
    Inflater,
    decompress,
    decompressobj,
)
from .deltas import MAX_CHAIN, DeltaBaseCache, apply, result_size
from .handles import FileHandle, HandleLimit
from .packindex import PackIndex
from .streams import BufferStream, FileStream, open_source, range_size, read_exactly

if TYPE_CHECKING:
    from vost._model.objects import ObjectType, Oid

    from .protocols import ObjectStream

OFS_DELTA = 6
REF_DELTA = 7

_TRAILER_SIZE = 20
_HEADER_SIZE = 12
_FIRST_READ = 1024
_LIKELY_READ = 3 * 1024
_SMALL = 12 * 1024
_BUFFERED = 1 << 18
# A pack's number, and then an offset, in one integer: the key of a delta base.
_serials = itertools.count(step=1 << 64)


class PackGoneError(Exception):
    """A pack was deleted, by ``git repack`` for example: its objects are in another one now."""


class RawEntry(NamedTuple):
    """Where and what an entry is: ``kind`` as in the pack, ``size`` of the inflated data."""

    kind: int
    size: int
    data_start: int
    base_offset: int


class Pack:
    """One pack with its index.

    Args:
        stem: Path of its files without the extension.
        bases: Cache of delta bases, shared with other packs.
        handles: Limit on open handles, shared with other packs.
    """

    def __init__(self, stem: str, bases: DeltaBaseCache, handles: HandleLimit) -> None:
        self.stem = stem
        self.path = stem + ".pack"
        self.used = False
        self.has_keep = False
        self.is_cruft = False
        self.is_promisor = False
        self._serial = next(_serials)
        self._bases = bases
        self._limit = handles
        self._index: PackIndex | None = None
        self._handle: FileHandle | None = None

    # -- handles ------------------------------------------------------------------------

    @property
    def index(self) -> PackIndex:
        """The index, loaded when it is needed.

        Raises:
            PackGoneError: If it does not exist any more.
            DamagedDataError: If it is malformed.
        """
        index = self._index
        if index is None:
            try:
                index = PackIndex(self.stem + ".idx")
            except FileNotFoundError as error:
                raise PackGoneError(self.path) from error
            self._index = index
            if index.is_mapped:
                self._limit.opened(self)
        return index

    def open_handle(self) -> FileHandle:
        """Return a handle of the pack; the caller keeps it for as long as it reads.

        Raises:
            PackGoneError: If the pack does not exist any more.
            DamagedDataError: If it is malformed.
        """
        if self._handle is not None:
            return self._handle
        index = self.index
        try:
            handle = FileHandle(self.path)
        except FileNotFoundError as error:
            raise PackGoneError(self.path) from error
        head = handle.read_at(_HEADER_SIZE, 0)
        if head[:8] not in {b"PACK\0\0\0\2", b"PACK\0\0\0\3"}:
            raise DamagedDataError("this is not a pack of version 2 or 3")
        if int.from_bytes(head[8:12], "big") != index.count:
            raise DamagedDataError("pack and index do not hold the same number of objects")
        if handle.read_at(_TRAILER_SIZE, handle.size - _TRAILER_SIZE) != index.pack_checksum:
            raise DamagedDataError("pack and index do not belong together")
        self._handle = handle
        self._limit.opened(self)
        return handle

    def drop_handles(self) -> None:
        """Let go of the open files; they are opened again when needed. Idempotent."""
        self._handle = None
        index = self._index
        if index is not None and index.is_mapped:
            self._index = None

    def find(self, oid: Oid) -> int | None:
        """Return the offset of an object, or ``None``.

        Raises:
            PackGoneError: If the pack does not exist any more.
            DamagedDataError: If the index is malformed.
        """
        index = self._index
        return (self.index if index is None else index).find(oid)

    # -- reading objects ----------------------------------------------------------------

    def get(self, oid: Oid, offset: int) -> tuple[ObjectType, bytes]:
        """Return type and content of the object at ``offset``, verified.

        Raises:
            CorruptObjectError: If it is damaged.
            PackGoneError: If the pack does not exist any more.
        """
        try:
            object_type, data = self._content(offset)
        except MALFORMED as error:
            raise CorruptObjectError(describe_damage(oid, self.path, error)) from error
        if hash_object(object_type, data) != oid:
            raise CorruptObjectError(
                describe_damage(oid, self.path, "its content does not match its id")
            )
        return object_type, data

    def header(self, oid: Oid, offset: int) -> ObjectHeader:
        """Return type and size of the object at ``offset``.

        Raises:
            CorruptObjectError: If it is damaged.
            PackGoneError: If the pack does not exist any more.
        """
        try:
            handle = self._handle or self.open_handle()
            return self._header(handle, offset)
        except MALFORMED as error:
            raise CorruptObjectError(describe_damage(oid, self.path, error)) from error

    def get_range(self, oid: Oid, at: int, offset: int, size: int | None) -> bytes:
        """Return a range of the object at pack offset ``at``.

        Raises:
            CorruptObjectError: If it is damaged.
            PackGoneError: If the pack does not exist any more.
        """
        try:
            handle = self._handle or self.open_handle()
            entry = self.entry(handle, at)
            if entry.kind >= OFS_DELTA or entry.size < _SMALL:
                data = self.get(oid, at)[1]
                return data[offset : offset + range_size(offset, size, len(data))]
            size = range_size(offset, size, entry.size)
            if not size:
                return b""
            end = handle.size - _TRAILER_SIZE
            source = open_source(handle, entry.data_start, end, entry.size)
            source.skip(offset)
            return read_exactly(source, size)
        except MALFORMED as error:
            raise CorruptObjectError(describe_damage(oid, self.path, error)) from error

    def open_stream(self, oid: Oid, at: int, offset: int) -> ObjectStream:
        """Open the object at pack offset ``at`` for reading from ``offset``.

        Raises:
            CorruptObjectError: If it is damaged.
            PackGoneError: If the pack does not exist any more.
        """
        try:
            handle = self._handle or self.open_handle()
            entry = self.entry(handle, at)
        except MALFORMED as error:
            raise CorruptObjectError(describe_damage(oid, self.path, error)) from error
        object_type = TYPE_OF_CODE[entry.kind]
        if object_type is None or entry.size <= _BUFFERED:
            return BufferStream(*self.get(oid, at), offset)
        end = handle.size - _TRAILER_SIZE
        source = open_source(handle, entry.data_start, end, entry.size)
        return FileStream(oid, self.path, object_type, entry.size, source, offset)

    # -- entries ------------------------------------------------------------------------

    def _content(self, offset: int) -> tuple[ObjectType, bytes]:
        """Return type and content, not verified. The common case is done right here."""
        handle = self._handle or self.open_handle()
        self.used = True
        head = os.pread(handle.fd, _FIRST_READ, offset)
        byte = head[0]
        object_type = TYPE_OF_CODE[byte >> 4 & 7]
        if object_type is None:
            return self._resolve(handle, offset, head)
        size = byte & 15
        at, shift = 1, 4
        while byte & 0x80:
            byte = head[at]
            size |= (byte & 0x7F) << shift
            shift += 7
            at += 1
        if size < _LIKELY_READ:
            # In one call, which passes over what follows the stream: cheaper than an object that
            # would tell where it ended. So few bytes cannot inflate to more than some megabytes.
            try:
                data = decompress(head[at:])
            except INFLATE_ERRORS:
                pass  # there is more of it than was read, or it is damaged: the long way tells
            else:
                if len(data) == size:
                    return object_type, data
        return object_type, _inflate(handle, offset + at, size)

    def entry(self, handle: FileHandle, offset: int) -> RawEntry:
        """Parse the header of the entry at ``offset``.

        Raises:
            DamagedDataError: If it is malformed.
        """
        return self._parse_entry(handle, offset, handle.read_at(64, offset))

    def _parse_entry(self, handle: FileHandle, offset: int, head: bytes) -> RawEntry:
        if not _HEADER_SIZE <= offset < handle.size - _TRAILER_SIZE:
            raise DamagedDataError("the index points outside the pack")
        byte = head[0]
        kind, size = byte >> 4 & 7, byte & 15
        at, shift = 1, 4
        while byte & 0x80:
            byte = head[at]
            size |= (byte & 0x7F) << shift
            shift += 7
            at += 1
        if size > handle.size * MAX_INFLATION:
            raise DamagedDataError("declares more content than its file can hold")
        if kind < OFS_DELTA:
            if TYPE_OF_CODE[kind] is None:
                raise DamagedDataError(f"unknown type of pack entry: {kind}")
            return RawEntry(kind, size, offset + at, 0)
        if kind == REF_DELTA:
            base = self.find(head[at : at + 20])
            if base is None:
                raise DamagedDataError("the base of a delta is not in the pack")
            return RawEntry(kind, size, offset + at + 20, base)
        distance, at = ofs_distance(head, at)
        if not 0 < distance <= offset - _HEADER_SIZE:
            raise DamagedDataError("the base of a delta is outside the pack")
        return RawEntry(kind, size, offset + at, offset - distance)

    def _header(self, handle: FileHandle, offset: int) -> ObjectHeader:
        size = -1
        for _ in range(MAX_CHAIN):
            entry = self.entry(handle, offset)
            object_type = TYPE_OF_CODE[entry.kind]
            if object_type is not None:
                return ObjectHeader(object_type, entry.size if size < 0 else size)
            if size < 0:
                source = Inflater(handle, entry.data_start, handle.size - _TRAILER_SIZE)
                size = result_size(read_exactly(source, min(entry.size, 20)))[1]
            offset = entry.base_offset
        raise DamagedDataError("chain of deltas has no end")

    def _resolve(self, handle: FileHandle, offset: int, head: bytes) -> tuple[ObjectType, bytes]:
        """Return type and content of an entry that begins with ``head``; not verified."""
        chain: list[tuple[int, RawEntry, bytes]] = []
        bases, serial = self._bases, self._serial
        while (base := bases.get(serial + offset)) is None:
            if chain:
                head = os.pread(handle.fd, _FIRST_READ, offset)
            entry = self._parse_entry(handle, offset, head)
            object_type = TYPE_OF_CODE[entry.kind]
            if object_type is not None:
                base = object_type, _inflate_from(head, handle, offset, entry)
                bases.put(serial + offset, base)
                break
            chain.append((offset, entry, head))
            if len(chain) > MAX_CHAIN:
                raise DamagedDataError("chain of deltas has no end")
            offset = entry.base_offset
        object_type, data = base
        while chain:
            offset, entry, head = chain.pop()
            data = apply(data, _inflate_from(head, handle, offset, entry))
            self._bases.put(self._serial + offset, (object_type, data))
        return object_type, data


def ofs_distance(head: bytes, at: int) -> tuple[int, int]:
    """Parse how far back the base of an offset delta is."""
    byte = head[at]
    distance = byte & 0x7F
    while byte & 0x80:
        at += 1
        byte = head[at]
        distance = (distance + 1) << 7 | byte & 0x7F
    return distance, at + 1


def _inflate_from(head: bytes, handle: FileHandle, offset: int, entry: RawEntry) -> bytes:
    """Return the data of the entry at ``offset``, of which ``head`` has been read already."""
    if entry.size < _LIKELY_READ:
        try:
            data = decompress(head[entry.data_start - offset :])
        except INFLATE_ERRORS:
            pass  # there is more of it than was read, or it is damaged: the long way tells
        else:
            if len(data) == entry.size:
                return data
    return _inflate(handle, entry.data_start, entry.size)


def _inflate(handle: FileHandle, start: int, size: int) -> bytes:
    """Return the ``size`` bytes of the zlib stream at ``start``."""
    end = handle.size - _TRAILER_SIZE
    if size > (end - start) * MAX_INFLATION:
        raise DamagedDataError("declares more content than its file can hold")
    if size <= 1 << 20:
        inflate = decompressobj()
        packed = handle.read_at(min(end - start, size + (size >> 8) + 256), start)
        data = inflate.decompress(packed, size + 1)
        if inflate.eof and len(data) == size:
            return data
    source = Inflater(handle, start, end)
    data = read_exactly(source, size)
    source.expect_end()
    return data
