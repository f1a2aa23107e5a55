"""Objects in memory: the reference that every other implementation must equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vost._model.errors import ObjectNotFoundError
from vost._model.objects import ObjectHeader, hash_object

from .streams import BufferStream, range_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vost._model.objects import ObjectType, Oid

    from .protocols import ObjectStream

_HEX_DIGITS = frozenset("0123456789abcdef")


class MemoryObjects:
    """A dictionary of objects (see ``Objects`` in the protocols).

    Reading and adding single keys of a dictionary is atomic, so that threads may share it.
    """

    def __init__(self) -> None:
        self._objects: dict[Oid, tuple[ObjectType, bytes]] = {}

    def get(self, oid: Oid) -> tuple[ObjectType, bytes]:
        """Return type and content.

        Raises:
            ObjectNotFoundError: If there is no such object.
        """
        try:
            return self._objects[oid]
        except KeyError:
            message = f"there is no object {oid.hex()}"
            raise ObjectNotFoundError(oid.hex(), message) from None

    def get_many(self, oids: Sequence[Oid]) -> list[tuple[ObjectType, bytes]]:
        """Return type and content of many objects, in the order of ``oids``.

        Raises:
            ObjectNotFoundError: If one of them does not exist.
        """
        return [self.get(oid) for oid in oids]

    def get_small(self, oids: Iterable[Oid]) -> dict[Oid, tuple[ObjectType, bytes]]:
        """Return type and content of those of ``oids`` that exist: all is at hand here."""
        objects = self._objects
        return {oid: objects[oid] for oid in oids if oid in objects}

    def header(self, oid: Oid) -> ObjectHeader:
        """Return type and size.

        Raises:
            ObjectNotFoundError: If there is no such object.
        """
        object_type, data = self.get(oid)
        return ObjectHeader(object_type, len(data))

    def get_range(self, oid: Oid, offset: int, size: int | None) -> bytes:
        """Return at most ``size`` bytes (``None``: all) from ``offset``.

        Raises:
            ObjectNotFoundError: If there is no such object.
            ValueError: If ``offset`` or ``size`` is negative.
        """
        range_size(offset, size, 0)
        data = self.get(oid)[1]
        return data[offset : offset + range_size(offset, size, len(data))]

    def open_stream(self, oid: Oid, offset: int = 0) -> ObjectStream:
        """Open an object for reading from ``offset`` (bytes).

        Raises:
            ObjectNotFoundError: If there is no such object.
            ValueError: If ``offset`` is negative.
        """
        range_size(offset, None, 0)
        return BufferStream(*self.get(oid), offset)

    def has_many(self, oids: Iterable[Oid]) -> set[Oid]:
        """Return those of ``oids`` that exist."""
        return {oid for oid in oids if oid in self._objects}

    def iter_prefix(self, hex_prefix: str) -> Iterator[Oid]:
        """Yield the ids (once each, in order) that start with these hexadecimal characters.

        Raises:
            ValueError: If ``hex_prefix`` is anything but lowercase hexadecimal characters.
        """
        if not _HEX_DIGITS.issuperset(hex_prefix):
            raise ValueError(f"not lowercase hexadecimal characters: {hex_prefix!r}")
        return iter(sorted(oid for oid in list(self._objects) if oid.hex().startswith(hex_prefix)))

    def writer(self) -> MemoryWriter:
        """Begin one durable unit of new objects."""
        return MemoryWriter(self._objects)

    def close(self) -> None:
        """Do nothing: the objects live as long as this."""


class MemoryWriter:
    """The new objects of one commit (see ``ObjectWriter`` in the protocols).

    Args:
        objects: Where ``flush`` puts them.
    """

    def __init__(self, objects: dict[Oid, tuple[ObjectType, bytes]]) -> None:
        self._objects = objects
        self._new: dict[Oid, tuple[ObjectType, bytes]] = {}
        self._known: set[Oid] = set()
        self._open = True

    def add(self, object_type: ObjectType, data: bytes) -> Oid:
        """Take an object in and return its id.

        Raises:
            RuntimeError: If the writer was flushed or discarded.
        """
        self._check_open()
        data = bytes(data)
        oid = hash_object(object_type, data)
        self._known.add(oid)
        if oid not in self._objects:
            self._new[oid] = object_type, data
        return oid

    def add_stream(self, object_type: ObjectType, size: int, chunks: Iterable[bytes]) -> Oid:
        """Take in an object of ``size`` bytes piece by piece.

        Raises:
            ValueError: If the chunks do not add up to ``size`` bytes.
            RuntimeError: If the writer was flushed or discarded.
        """
        self._check_open()
        data = bytearray()
        for chunk in chunks:
            data += chunk
            if len(data) > size:
                break
        if len(data) != size:
            raise ValueError(f"the chunks do not add up to {size} bytes")
        return self.add(object_type, bytes(data))

    def __contains__(self, oid: object) -> bool:
        return oid in self._known

    def rely_on(self, oid: Oid) -> bool:
        """Take an existing object for granted; ``False`` if there is none.

        Raises:
            RuntimeError: If the writer was flushed or discarded.
        """
        self._check_open()
        return oid in self._known or oid in self._objects

    def _check_open(self) -> None:
        if not self._open:
            raise RuntimeError("this writer was flushed or discarded already")

    def flush(self) -> None:
        """Make everything readable.

        Raises:
            RuntimeError: If the writer was flushed or discarded.
        """
        self._check_open()
        self._open = False
        self._objects.update(self._new)
        self._new.clear()

    def release(self) -> None:
        """Do nothing: nothing is ever pruned from memory."""

    def discard(self) -> None:
        """Drop what was not flushed. Idempotent.

        What was flushed stays, as on disk: another writer may have found it.
        """
        self._open = False
        self._new.clear()
