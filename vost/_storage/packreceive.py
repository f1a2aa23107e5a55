"""Packs from elsewhere: read without trust, every object verified against its id.

A pack on the wire has no index: where an entry ends, only inflating it tells. What it declares is
checked against what it holds before memory is spent on it, bases of deltas that are missing or go
in circles are found, and nothing here calls itself recursively.

Source: https://git-scm.com/docs/gitformat-pack
"""

from __future__ import annotations

import hashlib
from array import array
from typing import TYPE_CHECKING

from vost._model.errors import CorruptObjectError, MissingObjectError
from vost._model.objects import ObjectType, hash_object, object_hasher, oid_to_hex

from .damage import TYPE_OF_CODE, DamagedDataError
from .deflate import MALFORMED, MAX_INFLATION, Inflater, decompressobj
from .deltas import MAX_CHAIN, DeltaBaseCache, apply, result_size
from .packread import OFS_DELTA, REF_DELTA, ofs_distance
from .packscan import PackEntry
from .streams import read_exactly
from .temporary import read_chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vost._model.objects import Oid

    from .handles import FileHandle
    from .protocols import Objects

MAX_DELTA_RESULT = 512 << 20
"""Most bytes that a received delta may expand to: from this size on Git makes no deltas."""

_HEADER_SIZE = 12
_TRAILER_SIZE = 20
_HEAD_SIZE = 64
_WINDOW = 1 << 20
_PIECE = 1 << 18
_CACHE_SIZE = 64 << 20
_OUTSIDE = -1


class ReceivedPack:
    """A pack whose bytes lie in a file and whose objects are not known yet.

    Call ``resolve`` first; the rest tells what it found.

    Args:
        handle: The file, complete.
    """

    def __init__(self, handle: FileHandle) -> None:
        self.outside_bases: list[Oid] = []
        """Objects that are not in the pack, but deltas in it build on them (a *thin* pack)."""
        self._handle = handle
        self._end = handle.size - _TRAILER_SIZE
        self._starts = array("Q")
        self._data_starts = array("Q")
        self._sizes = array("Q")
        self._kinds = bytearray()
        self._types = bytearray()
        self._oids: list[Oid] = []
        self._parents: dict[int, int] = {}
        self._numbers: dict[Oid, int] = {}
        self._outside: dict[int, Oid] = {}
        self._cache = DeltaBaseCache(_CACHE_SIZE)
        self._window = b""
        self._window_start = 0
        self._objects: Objects | None = None

    def __len__(self) -> int:
        return len(self._starts)

    def resolve(
        self, objects: Objects, check: Callable[[], None], report: Callable[[int, int], None]
    ) -> None:
        """Read the whole pack and find out the ids of its objects.

        Args:
            objects: Where bases of deltas may be that are not in the pack.
            check: Raises when the caller was cancelled.
            report: Told how many objects are done, and of how many.

        Raises:
            CorruptObjectError: If the pack is malformed or damaged.
            MissingObjectError: If the base of a delta is nowhere.
        """
        self._objects = objects
        try:
            count = self._check_frame(check)
            offset_children, named_children = self._scan(count, check, report)
            self._resolve_deltas(offset_children, named_children, check, report)
        except MALFORMED as error:
            raise CorruptObjectError(f"the received pack is damaged: {error}") from error

    def entries(self) -> Iterator[PackEntry]:
        """Yield the raw entries, in the order of the pack."""
        for number in range(len(self)):
            last = number + 1 == len(self)
            yield PackEntry(
                oid=self._oids[number],
                kind=self._kinds[number],
                size=self._sizes[number],
                base=self._base_oid(number),
                start=self._starts[number],
                data_start=self._data_starts[number],
                end=self._end if last else self._starts[number + 1],
                crc=None,
                handle=self._handle,
            )

    def contents(self) -> Iterator[tuple[ObjectType, int, Iterator[bytes]]]:
        """Yield type, size in bytes and content (in pieces) of each object."""
        for number in range(len(self)):
            object_type = ObjectType(self._types[number])
            if number not in self._parents:
                yield object_type, self._sizes[number], self._inflated(number)
            else:
                data = self._content(number)
                yield object_type, len(data), iter((data,))

    # -- the frame and the entries ------------------------------------------------------

    def _check_frame(self, check: Callable[[], None]) -> int:
        """Check header and trailer; return how many objects there are to be."""
        head = self._handle.read_at(_HEADER_SIZE, 0)
        if self._end < _HEADER_SIZE or head[:8] not in {b"PACK\0\0\0\2", b"PACK\0\0\0\3"}:
            raise DamagedDataError("it is no pack of version 2 or 3")
        hasher = hashlib.sha1(usedforsecurity=False)
        for chunk in read_chunks(self._handle.fd, 0, self._end):
            check()
            hasher.update(chunk)
        if self._handle.read_at(_TRAILER_SIZE, self._end) != hasher.digest():
            raise DamagedDataError("its checksum is wrong, or it breaks off")
        return int.from_bytes(head[8:12], "big")

    def _scan(
        self, count: int, check: Callable[[], None], report: Callable[[int, int], None]
    ) -> tuple[dict[int, list[int]], dict[Oid, list[int]]]:
        """Find all entries, and the ids of those that are no deltas.

        Returns:
            The deltas by the offset of their base, and by its id.

        Raises:
            DamagedDataError: If an entry is malformed.
        """
        by_offset: dict[int, list[int]] = {}
        by_name: dict[Oid, list[int]] = {}
        at = _HEADER_SIZE
        for number in range(count):
            check()
            report(number, count)
            kind, size, base, data_start = self._parse(at)
            self._starts.append(at)
            self._data_starts.append(data_start)
            self._sizes.append(size)
            self._kinds.append(kind)
            if base is None:
                hasher = object_hasher(ObjectType(kind), size)
                at = self._inflate(data_start, size, hasher.update)
                self._types.append(kind)
                self._oids.append(b"")
                self._name(number, hasher.digest())
                continue
            at = self._inflate(data_start, size, lambda _: None)
            self._types.append(0)
            self._oids.append(b"")
            if isinstance(base, int):
                by_offset.setdefault(base, []).append(number)
            else:
                by_name.setdefault(base, []).append(number)
        if at != self._end:
            raise DamagedDataError("there is more in it than it declares")
        return by_offset, by_name

    def _name(self, number: int, oid: Oid) -> None:
        self._oids[number] = oid
        if self._numbers.setdefault(oid, number) != number:
            raise DamagedDataError(f"object {oid_to_hex(oid)} is in it twice")

    def _parse(self, at: int) -> tuple[int, int, int | Oid | None, int]:
        """Return kind, size, base (offset or id) and start of the data of the entry at ``at``."""
        if at >= self._end:
            raise DamagedDataError("it declares more objects than it holds")
        head = self._bytes_at(at, _HEAD_SIZE)
        byte = head[0]
        kind, size = byte >> 4 & 7, byte & 15
        position, shift = 1, 4
        while byte & 0x80:
            byte = head[position]
            size |= (byte & 0x7F) << shift
            shift += 7
            position += 1
        if size > (self._end - at) * MAX_INFLATION:
            raise DamagedDataError("an object declares more content than the pack can hold")
        if kind == OFS_DELTA:
            distance, position = ofs_distance(head, position)
            if not 0 < distance <= at - _HEADER_SIZE:
                raise DamagedDataError("the base of a delta is outside of it")
            return kind, size, at - distance, at + position
        if kind == REF_DELTA:
            base = head[position : position + 20]
            if len(base) != 20:
                raise DamagedDataError("it breaks off")
            return kind, size, base, at + position + 20
        if TYPE_OF_CODE[kind] is None:
            raise DamagedDataError(f"unknown type of entry: {kind}")
        return kind, size, None, at + position

    def _inflate(self, start: int, size: int, sink: Callable[[bytes], None]) -> int:
        """Inflate ``size`` bytes into ``sink``; return where the compressed data ends."""
        stream = decompressobj()
        at, produced = start, 0
        # Mostly all of it is in the first piece.
        packed = self._bytes_at(at, min(size + (size >> 8) + 128, _PIECE))
        while True:
            at += len(packed)
            pending = packed
            while True:
                data = stream.decompress(pending, min(size - produced + 1, _PIECE))
                produced += len(data)
                if produced > size:
                    raise DamagedDataError("an object is larger than it declares")
                if data:
                    sink(data)
                pending = stream.unconsumed_tail
                if stream.eof or not (data or pending):
                    break
            if stream.eof:
                break
            packed = self._bytes_at(at, 1 << 16)
            if not packed:
                raise DamagedDataError("compressed data breaks off")
        if produced != size:
            raise DamagedDataError("an object is smaller than it declares")
        return at - len(stream.unused_data)

    def _bytes_at(self, at: int, size: int) -> bytes:
        """Return bytes before the trailer: from a window that moves on through the file."""
        size = min(size, self._end - at)
        offset = at - self._window_start
        if offset < 0 or offset + size > len(self._window):
            self._window_start, offset = at, 0
            self._window = self._handle.read_at(min(max(size, _WINDOW), self._end - at), at)
        return self._window[offset : offset + size]

    # -- deltas -------------------------------------------------------------------------

    def _resolve_deltas(
        self,
        by_offset: dict[int, list[int]],
        by_name: dict[Oid, list[int]],
        check: Callable[[], None],
        report: Callable[[int, int], None],
    ) -> None:
        """Find the ids of all deltas: from each object on to those that build on it."""
        total = len(self)
        done = total - sum(map(len, (*by_offset.values(), *by_name.values())))
        pending = [number for number, oid in enumerate(self._oids) if oid]
        while True:
            while pending:
                number = pending.pop()
                children = by_offset.pop(self._starts[number], [])
                children += by_name.pop(self._oids[number], [])
                for child in children:
                    check()
                    self._parents[child] = number
                    self._types[child] = self._types[number]
                    self._name(child, self._identify(child))
                    pending.append(child)
                    done += 1
                    report(done, total)
            if not by_name:
                break
            pending = self._take_outside_base(by_name)
        if by_offset:
            raise DamagedDataError("deltas build on each other, or on nothing")

    def _take_outside_base(self, by_name: dict[Oid, list[int]]) -> list[int]:
        """Resolve the deltas that build on one object outside; return their numbers."""
        assert self._objects is not None
        present = self._objects.has_many(list(by_name))
        if not present:
            missing = oid_to_hex(min(by_name))
            raise MissingObjectError(
                missing, f"the received pack builds on object {missing}, which is not here"
            )
        base = min(present)
        self.outside_bases.append(base)
        object_type = self._objects.header(base).type
        children = by_name.pop(base)
        for child in children:
            self._parents[child] = _OUTSIDE
            self._outside[child] = base
            self._types[child] = object_type
            self._name(child, self._identify(child))
        return children

    def _identify(self, number: int) -> Oid:
        data = self._content(number)
        return hash_object(ObjectType(self._types[number]), data)

    def _content(self, number: int) -> bytes:
        """Return the content of an object whose bases are known."""
        chain: list[int] = []
        data = b""
        while True:
            cached = self._cache.get(number)
            if cached is not None:
                data = cached[1]
                break
            parent = self._parents.get(number)
            if parent is None:
                self._require_resolvable(self._sizes[number])
                data = b"".join(self._inflated(number))
                self._keep(number, data)
                break
            chain.append(number)
            if len(chain) > MAX_CHAIN:
                raise DamagedDataError("chain of deltas is too long")
            if parent == _OUTSIDE:
                assert self._objects is not None
                data = self._objects.get(self._outside[number])[1]
                break
            number = parent
        while chain:
            number = chain.pop()
            self._require_resolvable(self._sizes[number])
            delta = b"".join(self._inflated(number))
            self._require_resolvable(result_size(delta)[1])
            data = apply(data, delta)
            self._keep(number, data)
        return data

    def _keep(self, number: int, data: bytes) -> None:
        self._cache.put(number, (ObjectType(self._types[number]), data))

    @staticmethod
    def _require_resolvable(size: int) -> None:
        if size > MAX_DELTA_RESULT:
            raise DamagedDataError(f"a delta involves {size} bytes, too many to be resolved")

    def _inflated(self, number: int) -> Iterator[bytes]:
        """Yield the data of an entry: the content of an object, or a delta."""
        source = Inflater(self._handle, self._data_starts[number], self._end)
        left = self._sizes[number]
        while left:
            data = read_exactly(source, min(left, _PIECE))
            left -= len(data)
            yield data

    def _base_oid(self, number: int) -> Oid | None:
        parent = self._parents.get(number)
        if parent is None:
            return None
        return self._outside[number] if parent == _OUTSIDE else self._oids[parent]
